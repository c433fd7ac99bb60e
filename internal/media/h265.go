package media

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
)

// NewH265 makes the Config of parameter sets without start code (ITU-T H.265 section 7.3.2). Equal sets make
// equal records, however they came. It copies them.
func NewH265(vps, sps, pps []byte) (*Config, error) {
	if len(vps) < 3 || len(sps) < 15 || len(pps) < 3 {
		return nil, badVideo("the H.265 parameter sets are missing", nil)
	}
	if len(vps) >= 1<<16 || len(sps) >= 1<<16 || len(pps) >= 1<<16 {
		return nil, badVideo("the H.265 parameter sets are too long", nil)
	}
	var s h265.SPS
	if err := s.Unmarshal(sps); err != nil {
		return nil, badVideo("the H.265 sequence parameter set cannot be read", err)
	}
	if !side(s.Width()) || !side(s.Height()) {
		return nil, badVideo("the H.265 sequence parameter set has no picture size", nil)
	}
	head := levels(sps)
	return checked(&Config{
		Codec: H265, Record: hvcC(head, &s, vps, sps, pps), Name: hevcName(head), Width: s.Width(), Height: s.Height(),
	})
}

// levels gives general_profile_space up to general_level_idc of a sequence parameter set: 12 bytes, without
// the emulation prevention that constraint flags of zero need (section 7.3.3).
func levels(sps []byte) []byte {
	out := make([]byte, 0, 12)
	zeros := 0
	for _, b := range sps[3:] { // behind the header of the NAL unit and the identifier of the VPS
		if zeros >= 2 && b == 3 {
			zeros = 0
			continue
		}
		if zeros++; b != 0 {
			zeros = 0
		}
		if out = append(out, b); len(out) == cap(out) {
			return out
		}
	}
	return append(out, make([]byte, cap(out)-len(out))...)
}

// hevcName is the RFC 6381 string (ISO/IEC 14496-15 annex E.3): profile, compatibility in reverse, tier and
// level, constraints without the zeros at the end.
func hevcName(head []byte) string {
	tier := "L"
	if head[0]&0x20 != 0 {
		tier = "H"
	}
	space := [...]string{"", "A", "B", "C"}[head[0]>>6]
	name := fmt.Sprintf("hvc1.%s%d.%X.%s%d", space, head[0]&0x1f, bits.Reverse32(binary.BigEndian.Uint32(head[1:])), tier, head[11])
	constraints := ""
	for _, b := range head[5:11] {
		constraints += fmt.Sprintf(".%X", b)
	}
	for strings.HasSuffix(constraints, ".0") {
		constraints = strings.TrimSuffix(constraints, ".0")
	}
	return name + constraints
}

// hvcC writes an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 section 8.3.3.1).
func hvcC(head []byte, s *h265.SPS, vps, sps, pps []byte) []byte {
	b := append([]byte{1}, head...)
	b = append(b, 0xf0, 0, 0xfc, // spatial segmentation and parallelism: not told
		0xfc|byte(s.ChromaFormatIdc&3), 0xf8|byte(s.BitDepthLumaMinus8&7), 0xf8|byte(s.BitDepthChromaMinus8&7),
		0, 0) // mean frame rate: not told
	layers := (s.MaxSubLayersMinus1 + 1) & 7 << 3
	if s.TemporalIDNestingFlag {
		layers |= 4
	}
	b = append(b, layers|3, 3) // lengths of four bytes, three arrays
	for _, set := range [...]struct {
		kind h265.NALUType
		nal  []byte
	}{{h265.NALUType_VPS_NUT, vps}, {h265.NALUType_SPS_NUT, sps}, {h265.NALUType_PPS_NUT, pps}} {
		b = append(b, 0x80|byte(set.kind), 0, 1, byte(len(set.nal)>>8), byte(len(set.nal)))
		b = append(b, set.nal...)
	}
	return b
}
