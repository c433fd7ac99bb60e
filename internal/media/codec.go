package media

import (
	"encoding/hex"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"github.com/barrage-live/barrage/internal/fault"
)

// H.264 NAL unit types (ITU-T H.264 table 7-1) that the wings look for.
const (
	NALIDR = 5
	NALSPS = 7
	NALPPS = 8
)

// NALType is the type of an H.264 NAL unit, zero for an empty one.
func NALType(nal []byte) byte {
	if len(nal) == 0 {
		return 0
	}
	return nal[0] & 0x1f
}

// Video is what a player must know of a picture before it decodes one.
type Video struct {
	Width, Height int
	// FPS is the rate the parameter set promises; zero when it promises none.
	FPS float64
	// Codec is the RFC 6381 string, such as "avc1.64001f".
	Codec string
}

// ParseVideo reads the track's SPS. It fails with fault.Invalid code "bad_sps" on one that cannot be decoded.
func ParseVideo(t Track) (Video, error) {
	var s h264.SPS
	if len(t.SPS) < 4 || len(t.PPS) == 0 {
		return Video{}, fault.New(fault.Invalid, "bad_sps", "the H.264 parameter sets are missing")
	}
	if err := s.Unmarshal(t.SPS); err != nil {
		return Video{}, fault.Wrap(fault.Invalid, "bad_sps", "the H.264 sequence parameter set cannot be read", err)
	}
	v := Video{Width: s.Width(), Height: s.Height(), FPS: s.FPS(), Codec: "avc1." + hex.EncodeToString(t.SPS[1:4])}
	if v.Width <= 0 || v.Height <= 0 {
		return Video{}, fault.New(fault.Invalid, "bad_sps", "the H.264 sequence parameter set has no picture size")
	}
	return v, nil
}

// Audio is what a player must know of a sound track.
type Audio struct {
	// Rate is the sampling rate in Hz of the core coder, on which FrameSize counts.
	Rate int
	// FrameSize is how many samples one frame holds.
	FrameSize int
	// Codec is the RFC 6381 string, such as "mp4a.40.2".
	Codec string
	// Config is the parsed AudioSpecificConfig.
	Config mpeg4audio.AudioSpecificConfig
}

// ParseAudio reads the track's AudioSpecificConfig. It fails with fault.Invalid code "bad_audio_config".
func ParseAudio(t Track) (Audio, error) {
	var c mpeg4audio.AudioSpecificConfig
	if err := c.Unmarshal(t.AudioConfig); err != nil {
		return Audio{}, fault.Wrap(fault.Invalid, "bad_audio_config", "the AAC configuration cannot be read", err)
	}
	if c.SampleRate <= 0 {
		return Audio{}, fault.New(fault.Invalid, "bad_audio_config", "the AAC configuration has no sampling rate")
	}
	a := Audio{Rate: c.SampleRate, FrameSize: 1024, Codec: fmt.Sprintf("mp4a.40.%d", c.Type), Config: c}
	if c.FrameLengthFlag {
		a.FrameSize = 960
	}
	return a, nil
}

// CodecString is the RFC 6381 name of the track's format, empty when its configuration cannot be read.
func (t Track) CodecString() string {
	if t.Codec.Video() {
		v, _ := ParseVideo(t)
		return v.Codec
	}
	a, _ := ParseAudio(t)
	return a.Codec
}

// Validate reports whether the track's configuration can be read, so that nothing after the ingest has to
// fail.
func (t Track) Validate() error {
	switch t.Codec {
	case H264:
		_, err := ParseVideo(t)
		return err
	case AAC:
		_, err := ParseAudio(t)
		return err
	}
	return fault.Newf(fault.Invalid, "codec_unsupported", "codec %q is not carried", string(t.Codec))
}
