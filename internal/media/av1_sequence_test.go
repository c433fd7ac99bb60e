package media

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
)

// packed makes bytes of bits that are written with spaces between the fields.
func packed(fields string) []byte {
	var b []byte
	for i, c := range strings.ReplaceAll(fields, " ", "") {
		if i%8 == 0 {
			b = append(b, 0)
		}
		if c == '1' {
			b[i/8] |= 0x80 >> (i % 8)
		}
	}
	return b
}

// Parts of sequence headers, in bits.
const (
	size320 = "1000 0111 100111111 10110011 0" // 320x180, no frame identities
	tools   = "000 0000 1 00 1 1 110 010"      // with an order hint, and screen content as the pictures say
	colors8 = "0 0 0 0 00 0"                   // 8 bits, 4:2:0, no film grain
)

// TestEveryFormOfAV1SequenceHeader: those with an initial display delay and a decoder model, which SVT-AV1
// and hardware write, and those of several operating points.
func TestEveryFormOfAV1SequenceHeader(t *testing.T) {
	const timing = "1 " + "00000000000000000000000000000001 00000000000000000000000000011110 "
	for name, c := range map[string]struct {
		header []byte
		codecs string
		record string // its first four bytes
	}{
		"as SVT-AV1 writes it": {unhex(t, "0200000521e7f66257c802"), "av01.0.00M.08", "81000c00"},
		"a decoder model": {
			packed("000 0 0" + timing + "0 1 00011 00000000000000000000000000000001 00111 01001 1 00000" +
				"000000000000 01000 1 1 1111 0000 1 1 0011" + size320 + tools + colors8),
			"av01.0.08H.08", "81088c00",
		},
		"pictures at equal distances, and two operating points": {
			packed("000 0 0" + timing + "1 00101 0 1 00001 000000000001 00101 0 000000000011 00100 1 1001" + size320 + tools + colors8),
			"av01.0.05M.08", "81050c00",
		},
		"a still picture": {packed("000 1 1 00011 1000 0111 100111111 10110011 000 000" + colors8), "av01.0.03M.08", "81030c00"},
		"frame identities, no order hint, no screen content": {
			packed("000 0 0 0 0 00000 000000000000 00010 1000 0111 100111111 10110011 1 0011 010 000 0000 0 0 0 010" + colors8),
			"av01.0.02M.08", "81020c00",
		},
		"10 bits, BT.2020, chroma above the pixel": {
			packed("000 0 0 0 0 00000 000000000000 00010" + size320 + tools + "1 0 1 00001001 00010000 00001001 0 10 0 0"),
			"av01.0.02M.10", "81024e00",
		},
		"monochrome": {packed("000 0 0 0 0 00000 000000000000 00010" + size320 + tools + "0 1 0 1 0 0"), "av01.0.02M.08", "81021c00"},
		"4:4:4 in RGB": {
			packed("001 0 0 0 0 00000 000000000000 00010" + size320 + tools + "0 1 00000001 00001101 00000000 0 0"),
			"av01.1.02M.08", "81220000",
		},
		"4:2:2 of 12 bits": {
			packed("010 0 0 0 0 00000 000000000000 00010" + size320 + tools + "1 1 0 0 0 1 0 0 0"), "av01.2.02M.12", "81426800",
		},
	} {
		t.Run(name, func(t *testing.T) {
			header := append([]byte{obuSequenceHeader << 3}, c.header...)
			got, err := NewAV1(header)
			if err != nil {
				t.Fatal(err)
			}
			if got.Name != c.codecs || got.Width != 320 || got.Height != 180 || hex.EncodeToString(got.Record[:4]) != c.record {
				t.Errorf("%s, %dx%d, record %x", got.Name, got.Width, got.Height, got.Record)
			}
			if want := append([]byte{0x0a, byte(len(c.header))}, c.header...); !slices.Equal(got.Record[4:], want) {
				t.Errorf("the record holds %x, want %x", got.Record[4:], want)
			}
			for n := range len(header) - 1 { // the last byte has film_grain_params_present, which nothing is made of
				if _, err := NewAV1(header[:n]); err == nil {
					t.Errorf("%d bytes of it are taken", n)
				}
			}
		})
	}
	if _, err := NewAV1([]byte{0x08, 0x60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}); err == nil {
		t.Error("profile 3 is taken")
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// FuzzAV1Sequence: whatever comes ends, and what the library reads too says the same to both.
func FuzzAV1Sequence(f *testing.F) {
	for _, s := range []string{"0200000521e7f66257c802", "00000004 3cfecc02f80040", "000000043cfeccfbf90040"} {
		b, _ := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := readAV1Sequence(b)
		var l av1.SequenceHeader
		if l.Unmarshal(append([]byte{obuSequenceHeader << 3}, b...)) != nil || l.SeqProfile > 2 {
			return
		}
		c := l.ColorConfig
		want := av1Sequence{
			profile: l.SeqProfile, level: l.SeqLevelIdx[0], tier: bit(l.SeqTier[0], 0), width: l.Width(), height: l.Height(),
			depth: c.BitDepth, mono: c.MonoChrome, subX: c.SubsamplingX, subY: c.SubsamplingY, position: byte(c.ChromaSamplePosition),
		}
		if err != nil || got != want {
			t.Errorf("%x: %+v, %v; the library reads %+v", b, got, err, want)
		}
	})
}
