package media

import (
	"slices"

	"github.com/bluenviron/mediacommon/v2/pkg/bits"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

// NewAAC makes the Config of an AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1). It copies it.
//
// Channel configuration 0, which leaves the channels to a program config element, is refused: browsers cannot
// play it, and with it not the picture either. ffmpeg writes it for 5.1(side), as most films have it, with
// elements that no configuration with a number has.
func NewAAC(asc []byte) (*Config, error) {
	var c mpeg4audio.AudioSpecificConfig
	if err := c.Unmarshal(asc); err != nil {
		return nil, badAudio("the AAC configuration cannot be read", err)
	}
	if c.SampleRate <= 0 {
		return nil, badAudio("the AAC configuration has no sampling rate", nil)
	}
	if c.ChannelConfig == 0 {
		return nil, badAudio("browsers cannot play the channels of this AAC audio; choose stereo, such as -ac 2 of ffmpeg, or 5.1", nil)
	}
	record := slices.Clone(asc)
	out := &Config{Codec: AAC, Record: record, Name: aacName(record, endOfGA(record, &c), c.ExtensionType), Rate: c.SampleRate, FrameSize: 1024}
	if out.Channels = int(c.ChannelConfig); out.Channels == 7 {
		out.Channels = 8
	}
	if c.FrameLengthFlag {
		out.FrameSize = 960
	}
	return checked(out)
}

// endOfGA is the bit at which the GASpecificConfig ends, but for a program config element. c was read from
// asc.
func endOfGA(asc []byte, c *mpeg4audio.AudioSpecificConfig) int {
	at := 5
	rate := func() {
		if n, err := bits.ReadBits(asc, &at, 4); err == nil && n == 15 {
			at += 24
		}
	}
	rate()
	at += 4
	if c.ExtensionType != 0 {
		rate()
		at += 5
	}
	if at += 2; c.DependsOnCoreCoder {
		at += 14
	}
	return at + 1
}

// aacName tells HE-AAC from AAC-LC by the signalling in front or by that behind, which old decoders pass over
// (ISO/IEC 14496-3 section 1.6.5).
func aacName(asc []byte, end int, extension mpeg4audio.ObjectType) string {
	const syncSBR, syncPS = 0x2b7, 0x548
	sbr, ps := extension == mpeg4audio.ObjectTypeSBR, extension == mpeg4audio.ObjectTypePS
	read := func(n int) uint64 {
		v, err := bits.ReadBits(asc, &end, n)
		if err != nil {
			end = 8 * len(asc)
			return 0
		}
		return v
	}
	if extension == 0 && read(11) == syncSBR && read(5) == uint64(mpeg4audio.ObjectTypeSBR) && read(1) == 1 {
		sbr = true
		if read(4) == 15 {
			end += 24
		}
		ps = read(11) == syncPS && read(1) == 1
	}
	switch {
	case ps:
		return "mp4a.40.29"
	case sbr:
		return "mp4a.40.5"
	}
	return "mp4a.40.2"
}
