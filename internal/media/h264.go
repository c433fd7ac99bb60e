package media

import (
	"bytes"
	"encoding/hex"
	"slices"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// maxSets bounds the parameter sets of a kind. Encoders have one, some two or three; a record counts SPS in
// five bits.
const maxSets = 31

// NewH264 makes the Config of parameter sets without start code (ITU-T H.264 section 7.3.2), in any order, at
// least one SPS and one PPS; the first SPS tells what the picture is like. Equal sets make equal records,
// however they came. It copies them.
func NewH264(sets ...[]byte) (*Config, error) {
	sps, pps := sortSets(sets)
	if len(sps) == 0 || len(pps) == 0 {
		return nil, badVideo("the H.264 parameter sets are missing", nil)
	}
	if len(sps) > maxSets || len(pps) > maxSets {
		return nil, badVideo("there are too many H.264 parameter sets", nil)
	}
	for _, set := range sets {
		if len(set) >= 1<<16 {
			return nil, badVideo("the H.264 parameter sets are too long", nil)
		}
	}
	var s h264.SPS
	if err := s.Unmarshal(sps[0]); err != nil {
		return nil, badVideo("the H.264 sequence parameter set cannot be read", err)
	}
	if !side(s.Width()) || !side(s.Height()) {
		return nil, badVideo("the H.264 sequence parameter set has no picture size", nil)
	}
	return checked(&Config{
		Codec: H264, Record: avcC(&s, sps, pps), Name: "avc1." + hex.EncodeToString(sps[0][1:4]),
		Width: s.Width(), Height: s.Height(),
	})
}

// sortSets takes the sequence and the picture parameter sets of H.264 out of NAL units, each once.
func sortSets(nals [][]byte) (sps, pps [][]byte) {
	for _, n := range nals {
		_, place := nalRole(H264, n)
		switch {
		case place == 0 && len(n) >= 4 && !contains(sps, n):
			sps = append(sps, n)
		case place == 1 && len(n) > 1 && !contains(pps, n):
			pps = append(pps, n)
		}
	}
	return sps, pps
}

func contains(sets [][]byte, set []byte) bool {
	return slices.ContainsFunc(sets, func(s []byte) bool { return bytes.Equal(s, set) })
}

// avcC writes an AVCDecoderConfigurationRecord (ISO/IEC 14496-15 section 5.3.3.1).
func avcC(s *h264.SPS, sps, pps [][]byte) []byte {
	first := sps[0]
	b := []byte{1, first[1], first[2], first[3], 0xfc | 3} // lengths of four bytes
	b = appendSets(append(b, 0xe0|byte(len(sps))), sps)
	b = appendSets(append(b, byte(len(pps))), pps)
	if slices.Contains([]uint8{100, 110, 122, 144}, first[1]) {
		b = append(b, 0xfc|byte(s.ChromaFormatIdc&3), 0xf8|byte(s.BitDepthLumaMinus8&7), 0xf8|byte(s.BitDepthChromaMinus8&7), 0)
	}
	return b
}

func appendSets(b []byte, sets [][]byte) []byte {
	for _, set := range sets {
		b = append(append(b, byte(len(set)>>8), byte(len(set))), set...)
	}
	return b
}
