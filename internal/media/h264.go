package media

import (
	"encoding/hex"
	"slices"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// NewH264 makes the Config of parameter sets without start code (ITU-T H.264 section 7.3.2). Equal sets make
// equal records, however they came. It copies them.
func NewH264(sps, pps []byte) (*Config, error) {
	if len(sps) < 4 || len(pps) == 0 {
		return nil, badVideo("the H.264 parameter sets are missing", nil)
	}
	if len(sps) >= 1<<16 || len(pps) >= 1<<16 {
		return nil, badVideo("the H.264 parameter sets are too long", nil)
	}
	var s h264.SPS
	if err := s.Unmarshal(sps); err != nil {
		return nil, badVideo("the H.264 sequence parameter set cannot be read", err)
	}
	if !side(s.Width()) || !side(s.Height()) {
		return nil, badVideo("the H.264 sequence parameter set has no picture size", nil)
	}
	return checked(&Config{
		Codec: H264, Record: avcC(&s, sps, pps), Name: "avc1." + hex.EncodeToString(sps[1:4]),
		Width: s.Width(), Height: s.Height(),
	})
}

// avcC writes an AVCDecoderConfigurationRecord (ISO/IEC 14496-15 section 5.3.3.1).
func avcC(s *h264.SPS, sps, pps []byte) []byte {
	b := []byte{1, sps[1], sps[2], sps[3], 0xfc | 3, 0xe0 | 1} // lengths of four bytes, one SPS
	b = append(b, byte(len(sps)>>8), byte(len(sps)))
	b = append(b, sps...)
	b = append(b, 1, byte(len(pps)>>8), byte(len(pps)))
	b = append(b, pps...)
	if slices.Contains([]uint8{100, 110, 122, 144}, sps[1]) {
		b = append(b, 0xfc|byte(s.ChromaFormatIdc&3), 0xf8|byte(s.BitDepthLumaMinus8&7), 0xf8|byte(s.BitDepthChromaMinus8&7), 0)
	}
	return b
}
