package rtmp

import (
	"fmt"
	"slices"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"github.com/barrage-live/barrage/internal/fault"
)

// Codecs are judged here and not by what the library makes of them: it fails to read those it does not know
// with errors that nothing tells from those of a broken message.

// mediaHead is how many bytes of a message tell its codec: the tag, and the FourCC of Enhanced RTMP.
const mediaHead = 5

// The codecs that are carried, in the tag of FLV (version 10.1, annex E.4.2.1 and E.4.3.1).
const (
	flvAAC        = 10
	flvExAudio    = 9 // Enhanced RTMP: a FourCC follows
	flvAVC        = 7
	flvHEVC       = 12 // of no standard, but in use before Enhanced RTMP
	flvExVideoBit = 0x80
)

// The packet types of Enhanced RTMP, beside 0 and 1: the sequence header and frames.
const (
	exSequenceEnd     = 2
	exFramesX         = 3 // video
	exMetadata        = 4 // video
	exMultichannel    = 4 // audio
	exMultitrackAudio = 5
	exMultitrackVideo = 6
)

// errPacket refuses what Enhanced RTMP adds and the library cannot read.
var errPacket = fault.New(fault.Invalid, "codec_unsupported",
	"a kind of message of Enhanced RTMP came that is not read here; turn the encoder's extensions off, such as HDR metadata")

const (
	// maxSoundHeader is the longest sequence header of AAC that is kept; real ones have 4 to 30 bytes.
	maxSoundHeader = 1 << 10
	// maxSounds bounds those that wait for the library to come to their message.
	maxSounds = 8
)

// media collects the beginning of a message of audio or video and judges its codec. The beginning comes in
// one chunk, since no chunk is smaller than minChunk: other messages do not come between. Of AAC it keeps the
// sequence header, of which the library gives no more than it understands.
func (c *chunks) media(s *chunkStream, p []byte) error {
	if s.sound != nil {
		s.sound = append(s.sound, p...)
	}
	have, want := len(c.control), min(mediaHead, s.length)
	if s.got-len(p) != have || have == want { // past the beginning
		return nil
	}
	n := min(len(p), want-have)
	if c.control = append(c.control, p[:n]...); len(c.control) < want || !c.verified {
		return nil
	}
	if err := judge(s.kind, c.control, s.length); err != nil {
		return err
	}
	if s.kind == typeAudio && s.length <= maxSoundHeader && soundAt(c.control) > 0 {
		s.sound = slices.Concat(c.control, p[n:])
	}
	return nil
}

// soundAt is where the AudioSpecificConfig begins in a message that begins so, 0 if it holds none.
func soundAt(head []byte) int {
	switch {
	case len(head) > 1 && head[0]>>4 == flvAAC && head[1] == 0:
		return 2
	case len(head) == mediaHead && head[0] == flvExAudio<<4 && string(head[1:]) == "mp4a":
		return mediaHead
	}
	return 0
}

// heard keeps the AudioSpecificConfig of a message that is complete.
func (c *chunks) heard(s *chunkStream) {
	if s.sound == nil {
		return
	}
	if len(c.sounds) == maxSounds {
		c.sounds = c.sounds[1:]
	}
	c.sounds, s.sound = append(c.sounds, s.sound[soundAt(s.sound[:min(mediaHead, len(s.sound))]):]), nil
}

// sound gives the AudioSpecificConfig of which the library has read as much, nil if it was not kept.
func (c *chunks) sound(read *mpeg4audio.AudioSpecificConfig) []byte {
	for len(c.sounds) > 0 {
		raw := c.sounds[0]
		c.sounds = c.sounds[1:]
		var same mpeg4audio.AudioSpecificConfig
		if same.Unmarshal(raw) == nil && same == *read {
			return raw
		}
	}
	return nil
}

// judge refuses a message that begins so when we do not carry its codec, or the library cannot read what it
// is. A message too short for its FourCC passes: the library calls it malformed. Metadata hold lists within
// lists, which the library reads by recursion: they have the limit of other messages.
func judge(kind byte, head []byte, length int) error {
	tag := head[0]
	packet := tag & 0x0f
	name := ""
	if len(head) == mediaHead {
		name = string(head[1:])
	}
	switch {
	case kind == typeVideo && tag&flvExVideoBit != 0:
		switch {
		case packet == exMultitrackVideo:
			return errMultitrack
		case packet > exMetadata || packet == exMetadata && (name == "avc1" || length > maxOther):
			return errPacket
		case name != "" && name != "avc1" && name != "hvc1" && name != "av01" && name != "vp09":
			return errCarried(named(name))
		}
	case kind == typeVideo:
		if id := tag & 0x0f; id != flvAVC && id != flvHEVC {
			return errCarried(flvVideo(id))
		}
	case tag>>4 == flvExAudio:
		switch {
		case packet == exMultitrackAudio:
			return errMultitrack
		case packet > exSequenceEnd && packet != exMultichannel:
			return errPacket
		case name != "" && name != "mp4a" && name != "Opus":
			return errCarried(named(name))
		}
	case tag>>4 != flvAAC:
		return errCarried(flvAudio(tag >> 4))
	}
	return nil
}

// named is a codec by its FourCC.
func named(fourCC string) string {
	switch fourCC {
	case "vp08":
		return "VP8"
	case "ac-3":
		return "AC-3"
	case "ec-3":
		return "E-AC-3"
	case ".mp3":
		return "MP3"
	case "fLaC":
		return "FLAC"
	}
	return fmt.Sprintf("the codec %+q", fourCC)
}

func flvVideo(id byte) string {
	switch id {
	case 2:
		return "Sorenson H.263 (FLV1)"
	case 3, 6:
		return "Screen video"
	case 4, 5:
		return "VP6"
	}
	return fmt.Sprintf("the FLV video codec %d", id)
}

func flvAudio(id byte) string {
	switch id {
	case 0, 3:
		return "PCM"
	case 1:
		return "ADPCM"
	case 2, 14:
		return "MP3"
	case 4, 5, 6:
		return "Nellymoser"
	case 7, 8:
		return "G.711"
	case 11:
		return "Speex"
	}
	return fmt.Sprintf("the FLV audio codec %d", id)
}
