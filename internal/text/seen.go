package text

import "unicode"

// The most marks a letter may carry. Vietnamese has 2 accents on a letter, Arabic with all its signs 3,
// phonetic script 4; Hebrew with points and cantillation, Tibetan and Burmese have up to 6 marks of their
// own.
const (
	maxAccents = 4
	maxMarks   = 6
)

// Piled reports whether more marks stand on a letter than any script needs, so that they are drawn over the
// lines above and below: more than 4 accents, which are of no script (U+0301), or more than 6 marks in all.
// Marks beside a letter do not count, and invisible characters between marks do not separate them. The text
// is in NFC or NFKC.
func Piled(s string) bool {
	accents, marks := 0, 0
	for _, r := range s {
		switch {
		case r < 0x300:
			accents, marks = 0, 0
		case unicode.In(r, unicode.Mn, unicode.Me):
			marks++
			if unicode.Is(unicode.Inherited, r) {
				accents++
			}
			if accents > maxAccents || marks > maxMarks {
				return true
			}
		case !unicode.In(r, unicode.Mc, unicode.Cf):
			accents, marks = 0, 0
		}
	}
	return false
}

// Invisible reports whether a character draws nothing at all: joiners, direction marks, tags, variation
// selectors, fillers. White space is not among them, it takes a place; U+2800, a pattern of no dots, is,
// because nobody means it as a space.
func Invisible(r rune) bool {
	if r < 0x80 {
		return false
	}
	switch r {
	case 0x2800, 0x1D159, 0x13441, 0x13442: // blanks that Unicode counts as symbols and letters
		return true
	}
	if unicode.Is(unicode.Cf, r) {
		return !unicode.Is(unicode.Prepended_Concatenation_Mark, r) // signs drawn under a number
	}
	return unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// shows reports whether a character draws something by itself: a text has one, while the others only shape
// what stands beside them.
func shows(r rune) bool {
	if r <= ' ' || 0x7F <= r && r <= 0xA0 {
		return false
	}
	return r < 0x80 || !unicode.In(r, unicode.Z, unicode.Mn, unicode.Me, unicode.Cc) && !Invisible(r)
}
