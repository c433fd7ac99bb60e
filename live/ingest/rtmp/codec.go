package rtmp

import (
	"bytes"
	"fmt"

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
	"a kind of message of Enhanced RTMP came that is not read here; turn the encoder's extensions off")

// soundConfig is a copy of the AudioSpecificConfig in a message, nil if it holds none. The library gives no
// more of it than it understands.
func soundConfig(m rawMessage) []byte {
	b := m.body
	switch {
	case m.kind != typeAudio:
		return nil
	case len(b) > 1 && b[0]>>4 == flvAAC && b[1] == 0:
		return bytes.Clone(b[2:])
	case len(b) >= mediaHead && b[0] == flvExAudio<<4 && string(b[1:mediaHead]) == "mp4a":
		return bytes.Clone(b[mediaHead:])
	}
	return nil
}

// keyFrame reports whether a message calls itself a picture from which decoding can start (FLV 10.1, annex
// E.4.3.1; Enhanced RTMP has it in fewer bits).
func keyFrame(m rawMessage) bool {
	return m.kind == typeVideo && len(m.body) > 0 && m.body[0]>>4&7 == 1
}

// judge refuses a message of audio or video, which is not empty, when we do not carry its codec, or the
// library cannot read what it is. One too short for its FourCC passes: the library calls it malformed.
func judge(m rawMessage) error {
	tag := m.body[0]
	packet := tag & 0x0f
	name := ""
	if len(m.body) >= mediaHead {
		name = string(m.body[1:mediaHead])
	}
	switch {
	case m.kind == typeVideo && tag&flvExVideoBit != 0:
		switch {
		case packet == exMultitrackVideo:
			return errMultitrack
		case packet > exFramesX:
			return errPacket
		case name != "" && name != "avc1" && name != "hvc1" && name != "av01" && name != "vp09":
			return errCarried(named(name))
		}
	case m.kind == typeVideo:
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
