package fmp4

import (
	"encoding/binary"
	"slices"

	"github.com/barrage-live/barrage/internal/media"
)

// VideoScale is the number of ticks per second of every video track.
const VideoScale = 90000

// TimeScale is the number of ticks per second of a track: 90 kHz for video, the sampling rate for audio, so
// that an audio frame is a whole number of ticks.
func TimeScale(c *media.Config) uint32 {
	if c.Codec.Video() {
		return VideoScale
	}
	return uint32(c.Rate)
}

// Init writes the initialization segment (ftyp and moov) of tracks whose configurations are valid. Track i of
// the slice gets track_ID i+1. The caller owns the bytes.
func Init(tracks []media.Track) []byte {
	moov := [][]byte{mvhd(uint32(len(tracks) + 1))}
	var mvex [][]byte
	for i, t := range tracks {
		id := uint32(i + 1)
		moov = append(moov, trak(id, t.Config))
		mvex = append(mvex, full("trex", 0, put32(nil, id, 1, 0, 0, 0)))
	}
	moov = append(moov, join("mvex", mvex...))
	ftyp := join("ftyp", []byte("mp42"), put32(nil, 1), []byte("mp41mp42isomhlsf"))
	return append(ftyp, join("moov", moov...)...)
}

// unity is the matrix that leaves pictures where they are.
func unity() []byte { return put32(nil, 1<<16, 0, 0, 0, 1<<16, 0, 0, 0, 1<<30) }

func mvhd(next uint32) []byte {
	return full("mvhd", 0,
		put32(nil, 0, 0, 1000, 0, 1<<16), // times, scale, duration, rate
		[]byte{1, 0}, make([]byte, 10),   // volume
		unity(), make([]byte, 24), put32(nil, next))
}

func trak(id uint32, c *media.Config) []byte {
	const enabled, inMovie = 1, 2
	volume, group := []byte{1, 0}, []byte{0, 1} // tracks of sound are alternatives to each other
	if c.Codec.Video() {
		volume, group = []byte{0, 0}, []byte{0, 0}
	}
	tkhd := full("tkhd", enabled|inMovie,
		put32(nil, 0, 0, id, 0, 0), make([]byte, 8), []byte{0, 0}, group, volume, []byte{0, 0},
		unity(), put32(nil, uint32(c.Width)<<16, uint32(c.Height)<<16))
	return join("trak", tkhd, mdia(c))
}

func mdia(c *media.Config) []byte {
	header, handler, name := full("smhd", 0, make([]byte, 4)), "soun", "SoundHandler\x00"
	if c.Codec.Video() {
		header, handler, name = full("vmhd", 1, make([]byte, 8)), "vide", "VideoHandler\x00"
	}
	const undetermined = 0x55c4 // the language "und"
	return join("mdia",
		full("mdhd", 0, put32(nil, 0, 0, TimeScale(c), 0, undetermined<<16)),
		full("hdlr", 0, put32(nil, 0), []byte(handler), make([]byte, 12), []byte(name)),
		join("minf", header,
			join("dinf", full("dref", 0, put32(nil, 1), full("url ", 1))),
			join("stbl",
				full("stsd", 0, put32(nil, 1), sampleEntry(c)),
				full("stts", 0, put32(nil, 0)),
				full("stsc", 0, put32(nil, 0)),
				full("stsz", 0, put32(nil, 0, 0)),
				full("stco", 0, put32(nil, 0)))))
}

// sampleEntry describes the codec. Those of H.264 and H.265 promise parameter sets in the record alone, yet
// the pictures carry them too: names that allow it ("avc3", "hev1") are refused by Apple's players, and
// players that pass over a second init segment need them in the pictures.
func sampleEntry(c *media.Config) []byte {
	switch c.Codec {
	case media.H264:
		return videoEntry("avc1", c, join("avcC", c.Record))
	case media.H265:
		return videoEntry("hvc1", c, join("hvcC", c.Record))
	case media.AV1:
		return videoEntry("av01", c, join("av1C", c.Record))
	case media.VP9:
		return videoEntry("vp09", c, join("vpcC", c.Record))
	case media.Opus:
		return audioEntry("Opus", c, join("dOps", c.Record))
	case media.AAC:
	}
	return audioEntry("mp4a", c, esds(c.Record))
}

// videoEntry writes a VisualSampleEntry (ISO/IEC 14496-12 section 12.1.3).
func videoEntry(name string, c *media.Config, config []byte) []byte {
	const dpi = 72 << 16
	return join(name, make([]byte, 6), []byte{0, 1}, make([]byte, 16), // data reference 1
		put32(nil, uint32(c.Width)<<16|uint32(c.Height), dpi, dpi, 0), []byte{0, 1}, make([]byte, 32), // one frame a sample, no name
		[]byte{0, 24, 0xff, 0xff}, config)
}

// audioEntry writes an AudioSampleEntry (section 12.2.3). Rates that its 16 bits cannot tell are zero there;
// players take them from the record.
func audioEntry(name string, c *media.Config, config []byte) []byte {
	rate := uint32(c.Rate) << 16
	if c.Rate >= 1<<16 {
		rate = 0
	}
	return join(name, make([]byte, 6), []byte{0, 1}, make([]byte, 8), // data reference 1
		put32(nil, uint32(c.Channels)<<16|16, 0, rate), config)
}

// esds wraps an AudioSpecificConfig (ISO/IEC 14496-1 section 7.2.6, 14496-14 section 5.6). No bit rate is
// promised.
func esds(asc []byte) []byte {
	const es, decoder, specific, layer = 3, 4, 5, 6
	const mpeg4Audio, audioStream = 0x40, 5<<2 | 1
	config := descriptor(decoder, []byte{mpeg4Audio, audioStream, 0, 0, 0}, put32(nil, 0, 0), descriptor(specific, asc))
	return full("esds", 0, descriptor(es, []byte{0, 0, 0}, config, descriptor(layer, []byte{2})))
}

// descriptor writes one whose size has four bytes, which old readers expect.
func descriptor(tag byte, parts ...[]byte) []byte {
	body := slices.Concat(parts...)
	n := len(body)
	return append([]byte{tag, byte(n>>21) | 0x80, byte(n>>14) | 0x80, byte(n>>7) | 0x80, byte(n) & 0x7f}, body...)
}

// join writes a box of parts.
func join(name string, parts ...[]byte) []byte {
	size := boxHeader
	for _, p := range parts {
		size += len(p)
	}
	b := box(make([]byte, 0, size), size, name)
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// full writes a box of version 0 with flags.
func full(name string, flags uint32, parts ...[]byte) []byte {
	head := binary.BigEndian.AppendUint32(nil, flags)
	return join(name, append([][]byte{head}, parts...)...)
}
