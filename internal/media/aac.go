package media

import (
	"slices"

	"github.com/bluenviron/mediacommon/v2/pkg/bits"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

// NewAAC makes the Config of an AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1). It copies it.
//
// Channel configuration 0 leaves the channels to a program config element, which browsers refuse. ffmpeg does
// so for 5.1(side), which most films have. Where the elements are those of a channel configuration that has a
// number, in its order, the Config has that number: the frames mean the same under both. Others are refused.
func NewAAC(asc []byte) (*Config, error) {
	var c mpeg4audio.AudioSpecificConfig
	if err := c.Unmarshal(asc); err != nil {
		return nil, badAudio("the AAC configuration cannot be read", err)
	}
	if c.SampleRate <= 0 {
		return nil, badAudio("the AAC configuration has no sampling rate", nil)
	}
	record, end := slices.Clone(asc), endOfGA(asc, &c)
	if c.ChannelConfig == 0 {
		n, ok := numbered(asc, end)
		if !ok {
			return nil, badAudio("the channels of the AAC audio have no number that players know; choose mono, stereo, 5.1 or 7.1", nil)
		}
		c.ChannelConfig = n
		b, err := c.Marshal()
		if err != nil {
			return nil, badAudio("the AAC configuration cannot be written", err)
		}
		record, end = b, endOfGA(b, &c)
	}
	out := &Config{Codec: AAC, Record: record, Name: aacName(record, end, c.ExtensionType), Rate: c.SampleRate, FrameSize: 1024}
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

// elements are the syntactic elements of the channel configurations from 1 on, as a raw_data_block has them:
// s is one channel, p a pair, l the one of low frequencies (ISO/IEC 14496-3 table 1.19). The places in the
// room are told by those of the program config element: front, side, back.
var elements = [...]string{"s||", "p||", "sp||", "sp||s", "sp||p", "sp||pl", "spp||pl"} //nolint:gochecknoglobals // a table

// numbered finds the channel configuration that a program config element at a bit of asc describes. The two
// at the sides of 5.1 stand where the number 6 has two at the back: both are what a 5.1 has beside its front.
func numbered(asc []byte, at int) (n uint8, ok bool) {
	read := func(n int) int {
		v, err := bits.ReadBits(asc, &at, n)
		if err != nil {
			at = 8*len(asc) + 1
			return 0
		}
		return int(v)
	}
	read(4 + 2 + 4) // instance, object type, sampling rate
	front, side, back, low := read(4), read(4), read(4), read(2)
	read(3 + 4) // data and coupling
	for _, width := range [...]int{4, 4, 3} {
		if read(1) == 1 { // a mixdown
			read(width)
		}
	}
	places := ""
	for i, count := range [...]int{front, side, back} {
		if i > 0 {
			places += "|"
		}
		for range count {
			places += string("sp"[read(1)])
			read(4)
		}
	}
	for range low {
		places += "l"
		read(4)
	}
	if at > 8*len(asc) {
		return 0, false
	}
	if places == "sp|p|l" {
		places = "sp||pl"
	}
	i := slices.Index(elements[:], places)
	return uint8(i + 1), i >= 0
}
