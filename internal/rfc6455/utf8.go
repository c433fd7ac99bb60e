package rfc6455

import "unicode/utf8"

// utf8Check validates UTF-8 that arrives in pieces and fails at the first byte that cannot continue a text.
type utf8Check struct {
	need   byte // continuation bytes still missing of the character begun
	lo, hi byte // what the next continuation byte may be
}

// feed takes the next bytes and reports whether a text may still begin like this.
func (u *utf8Check) feed(b []byte) bool {
	for i := 0; i < len(b); {
		if u.need > 0 {
			if b[i] < u.lo || b[i] > u.hi {
				return false
			}
			u.need, u.lo, u.hi = u.need-1, 0x80, 0xBF
			i++
			continue
		}
		if b[i] < utf8.RuneSelf {
			i++
			continue
		}
		if !u.begin(b[i]) {
			return false
		}
		i++
	}
	return true
}

// begin takes the first byte of a character of several bytes (table 3-7 of the Unicode standard).
func (u *utf8Check) begin(c byte) bool {
	u.lo, u.hi = 0x80, 0xBF
	switch {
	case c >= 0xC2 && c <= 0xDF:
		u.need = 1
	case c >= 0xE0 && c <= 0xEF:
		u.need = 2
	case c >= 0xF0 && c <= 0xF4:
		u.need = 3
	default:
		return false
	}
	switch c {
	case 0xE0:
		u.lo = 0xA0
	case 0xED:
		u.hi = 0x9F
	case 0xF0:
		u.lo = 0x90
	case 0xF4:
		u.hi = 0x8F
	}
	return true
}

// complete reports whether the text so far ends at the edge of a character.
func (u *utf8Check) complete() bool { return u.need == 0 }
