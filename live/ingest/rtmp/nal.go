package rtmp

import (
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
	var stream h264.AnnexB // of H.265 too
	if stream.Unmarshal(b) != nil {
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

// goesOn reports whether NAL units belong to the picture before: the first slice among them is not the first
// of a picture. That is told by the first bit after the header of a slice: first_mb_in_slice is 0 (ITU-T
// H.264 section 7.3.3), first_slice_segment_in_pic_flag is set (H.265 section 7.3.6.1).
func goesOn(codec media.Codec, nals [][]byte) bool {
	for _, n := range nals {
		if codec == media.H265 {
			if len(n) > 2 && n[0]>>1&0x3f < 32 {
				return n[2]&0x80 == 0
			}
			continue
		}
		if len(n) > 1 {
			if kind := n[0] & 0x1f; kind == 1 || kind == 2 || kind == 5 {
				return n[1]&0x80 == 0
			}
		}
	}
	return false
}
