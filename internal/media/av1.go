package media

import "fmt"

// NewAV1 makes the Config of a sequence header OBU (AV1 specification section 5.5), with its size field or
// without. It copies it.
func NewAV1(header []byte) (*Config, error) {
	obu := bareOBU(header)
	if obu == nil || len(obu) >= maxRecord {
		return nil, badVideo("the AV1 sequence header is missing", nil)
	}
	s, err := readAV1Sequence(obu[1:])
	if err != nil {
		return nil, badVideo("the AV1 sequence header cannot be read", err)
	}
	tier := "M"
	if s.tier == 1 {
		tier = "H"
	}
	record := []byte{ // AV1 in ISO files, section 2.3.3
		0x81, s.profile<<5 | s.level,
		s.tier<<7 | bit(s.depth > 8, 6) | bit(s.depth == 12, 5) | bit(s.mono, 4) | bit(s.subX, 3) | bit(s.subY, 2) | s.position,
		0,
	}
	record = append(record, obu[0]|2)
	record = appendLEB128(record, len(obu)-1)
	return checked(&Config{
		Codec: AV1, Record: append(record, obu[1:]...),
		Name:  fmt.Sprintf("av01.%d.%02d%s.%02d", s.profile, s.level, tier, s.depth),
		Width: s.width, Height: s.height,
	})
}

// The types of OBU (AV1 specification section 6.2.2) that are looked for.
const (
	obuSequenceHeader    = 1
	obuTemporalDelimiter = 2
	obuFrameHeader       = 3
	obuFrame             = 6
)

// maxOBUs bounds a temporal unit: a unit that counts for its bytes must not weigh much more in slices.
const maxOBUs = 128

// OBUs splits a temporal unit in the low-overhead format, in which every OBU has its size (section 5.2), and
// leaves temporal delimiters out: they do not belong into files (AV1 in ISO files, section 2.4). It reports
// whether there is anything left and all of it is well formed. The results are slices of b.
func OBUs(b []byte) (list [][]byte, ok bool) {
	for len(b) > 0 {
		n, _ := sizeOBU(b)
		if n == 0 || len(list) == maxOBUs {
			return nil, false
		}
		if kindOBU(b) != obuTemporalDelimiter {
			list = append(list, b[:n:n])
		}
		b = b[n:]
	}
	return list, len(list) > 0
}

// kindOBU is the type of an OBU, 0, which is reserved, of an empty one.
func kindOBU(b []byte) byte {
	if len(b) == 0 {
		return 0
	}
	return b[0] >> 3 & 15
}

// headerOBU finds the sequence header of a temporal unit, nil if it has none.
func headerOBU(obus [][]byte) []byte {
	for _, o := range obus {
		if kindOBU(o) == obuSequenceHeader {
			return o
		}
	}
	return nil
}

// keyOBUs reports whether the first frame of a temporal unit is a key frame that is shown at once: the first
// bits of its header are show_existing_frame, frame_type and show_frame (section 5.9.2).
func keyOBUs(obus [][]byte) bool {
	for _, o := range obus {
		if k := kindOBU(o); k != obuFrame && k != obuFrameHeader {
			continue
		}
		n, at := sizeOBU(o)
		return at < n && o[at]&0xf0 == 0x10
	}
	return false
}

// sizeOBU gives the length of the OBU that b begins with, and where what it holds begins; 0 when it has no
// size field or is longer than b.
func sizeOBU(b []byte) (total, content int) {
	if b[0]&0x80 != 0 || b[0]&2 == 0 {
		return 0, 0
	}
	at := 1 + int(b[0]>>2&1) // an extension header
	size := 0
	for i := range 4 { // more than 2^28 is more than any message
		if at >= len(b) {
			return 0, 0
		}
		v := b[at]
		at++
		size |= int(v&0x7f) << (7 * i)
		if v&0x80 == 0 {
			if size > len(b)-at {
				return 0, 0
			}
			return at + size, at
		}
	}
	return 0, 0
}

// bareOBU gives a sequence header without size field and extension, nil for anything else.
func bareOBU(b []byte) []byte {
	if len(b) < 2 || kindOBU(b) != obuSequenceHeader {
		return nil
	}
	at := 1 + int(b[0]>>2&1)
	if b[0]&2 != 0 {
		n, content := sizeOBU(b)
		if n == 0 {
			return nil
		}
		b, at = b[:n], content
	}
	return append([]byte{obuSequenceHeader << 3}, b[at:]...)
}

func appendLEB128(b []byte, n int) []byte {
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

func bit(v bool, at int) byte {
	if v {
		return 1 << at
	}
	return 0
}
