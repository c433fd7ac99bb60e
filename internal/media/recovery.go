package media

import (
	"slices"

	"github.com/bluenviron/mediacommon/v2/pkg/bits"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// entry is how decoding can start at a picture.
type entry uint8

const (
	none    entry = iota
	gradual       // see Unit.Gradual
	// unmarked is open, but only its publisher says so: decoders have to be told.
	unmarked
	open   // see Unit.Open
	closed // no picture that follows refers to one in front
)

const (
	// maxSEI is how much is read of a message of supplemental information; maxHead of the header of a slice,
	// whose first two numbers have 32 bits at most.
	maxSEI  = 256
	maxHead = 24
	// recoveryPoint is the type of the message that tells of a recovery point, in both codecs (ITU-T H.264
	// section D.1.8, H.265 section D.2.8).
	recoveryPoint = 6
	// The NAL units of supplemental information; of H.265 those in front of the slices.
	seiH264 = 6
	seiH265 = 39
)

// recoveryOf tells how decoding can start at a picture that is no random access point by its type. One of
// H.264 whose slices refer to no other picture stands alone where its encoder says that all is right from
// there on, by a recovery point or because it calls it a key picture: open groups of pictures have nothing
// else. Where only a later picture will be right, the refresh is gradual.
func recoveryOf(codec Codec, nals [][]byte, said bool) entry {
	count, told := uint32(0), false
	slices, intra := 0, 0
	for _, n := range nals {
		switch kind := nalType(codec, n); {
		case kind == seiH264 && codec == H264, kind == seiH265 && codec == H265:
			if c, ok := recovery(n[nalHead(codec):]); ok {
				count, told = c, true
			}
		case codec == H264 && (kind == 1 || kind == 2): // of partition A, the others have no such header
			slices++
			if intraSlice(n) {
				intra++
			}
		}
	}
	alone := slices > 0 && intra == slices
	switch {
	case told && count == 0 && alone:
		return open
	case told:
		return gradual
	case said && alone:
		return unmarked
	}
	return none
}

// recovery reads recovery_frame_cnt, which comes first in the message, out of supplemental information.
func recovery(sei []byte) (count uint32, ok bool) {
	b := h264.EmulationPreventionRemove(sei[:min(len(sei), maxSEI)])
	number := func() (n int) {
		for len(b) > 0 {
			d := b[0]
			b = b[1:]
			if n += int(d); d != 0xff {
				break
			}
		}
		return n
	}
	for len(b) > 2 {
		kind, size := number(), number()
		if size > len(b) {
			return 0, false
		}
		if kind == recoveryPoint {
			at := 0
			n, err := bits.ReadGolombUnsigned(b[:size], &at)
			return n, err == nil
		}
		b = b[size:]
	}
	return 0, false
}

// intraSlice reports whether a slice of H.264 is of type I or SI (section 7.4.3).
func intraSlice(nal []byte) bool {
	b := h264.EmulationPreventionRemove(nal[:min(len(nal), maxHead)])
	at := 8
	if _, err := bits.ReadGolombUnsigned(b, &at); err != nil { // first_mb_in_slice
		return false
	}
	kind, err := bits.ReadGolombUnsigned(b, &at)
	return err == nil && (kind%5 == 2 || kind%5 == 4)
}

// marked puts a recovery point before the slices of a picture of H.264: exact_match_flag and what follows it
// are zero.
func marked(nals [][]byte) [][]byte {
	first := slices.IndexFunc(nals, func(n []byte) bool { kind := nalType(H264, n); return kind >= 1 && kind <= 5 })
	return slices.Insert(slices.Clone(nals), first, []byte{seiH264, recoveryPoint, 1, 0x84, 0x80})
}
