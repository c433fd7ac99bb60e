package rtmp

import (
	"bytes"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"

	"github.com/barrage-live/barrage/internal/media"
)

// nalUnits splits a picture of H.264 or H.265 into its NAL units, which are slices of it, and tells how many
// bytes stand between them. FLV puts the length before each (ISO/IEC 14496-15 section 5.3.4.2.1); some
// cameras and gateways leave the start codes of a byte stream (ITU-T H.264 annex B) where they were, whatever
// their header says. What reads as lengths to its last byte is taken for that.
func nalUnits(b []byte, lengths int) (list [][]byte, between int, ok bool) {
	if list, ok = prefixed(b, lengths); ok {
		return list, lengths * len(list), true
	}
	var stream h264.AnnexB // of H.265 too; it looks at how many there are when it has found them all
	if bytes.Count(b, []byte{0, 0, 1}) > h264.MaxNALUsPerAccessUnit || stream.Unmarshal(b) != nil {
		return nil, 0, false
	}
	return stream, 5 * len(stream), true // a start code, and what may stand before it
}

func prefixed(b []byte, lengths int) (list [][]byte, ok bool) {
	for len(b) > 0 {
		if len(b) < lengths || len(list) == h264.MaxNALUsPerAccessUnit {
			return nil, false
		}
		n := 0
		for _, d := range b[:lengths] {
			n = n<<8 | int(d)
		}
		if b = b[lengths:]; n > len(b) {
			return nil, false
		}
		if n > 0 {
			list = append(list, b[:n:n])
		}
		b = b[n:]
	}
	return list, len(list) > 0
}

// part is what a message is of a picture.
type part uint8

const (
	whole  part = iota // or its beginning
	goesOn             // slices of the picture before
	apart              // no slice: what stands before the next picture
)

// partOf tells what NAL units are of a picture, by the first slice among them: it is the first of a picture
// if the first bit after its header says so (first_mb_in_slice is 0, ITU-T H.264 section 7.3.3;
// first_slice_segment_in_pic_flag is set, H.265 section 7.3.6.1).
func partOf(codec media.Codec, nals [][]byte) part {
	for _, n := range nals {
		at, slice := 1, false
		switch {
		case len(n) == 0:
		case codec == media.H265:
			at, slice = 2, n[0]>>1&0x3f < 32
		default:
			kind := n[0] & 0x1f
			slice = kind >= 1 && kind <= 5
		}
		switch {
		case !slice:
		case len(n) > at && n[at]&0x80 == 0:
			return goesOn
		default:
			return whole
		}
	}
	return apart
}
