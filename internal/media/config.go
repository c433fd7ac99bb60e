package media

import (
	"bytes"

	"github.com/barrage-live/barrage/internal/fault"
)

// Codec names an elementary stream format.
type Codec string

// The codecs a Stream can carry, with what is in the Data of a Unit.
const (
	H264 Codec = "h264" // NAL units without start code or length
	H265 Codec = "h265" // NAL units without start code or length
	AV1  Codec = "av1"  // OBUs with their size field, no temporal delimiters
	VP9  Codec = "vp9"  // one frame, or one superframe
	AAC  Codec = "aac"  // one raw_data_block
	Opus Codec = "opus" // one packet
)

// Video reports whether the codec is of a picture.
func (c Codec) Video() bool {
	return c == H264 || c == H265 || c == AV1 || c == VP9
}

// Prefixed reports whether, in files and over RTMP, each element of a unit's Data has its length before it in
// four bytes (ISO/IEC 14496-15). The elements of other codecs find their ends themselves.
func (c Codec) Prefixed() bool { return c == H264 || c == H265 }

// Title is the codec as people write it.
func (c Codec) Title() string {
	switch c {
	case H264:
		return "H.264"
	case H265:
		return "H.265"
	case AV1:
		return "AV1"
	case VP9:
		return "VP9"
	case AAC:
		return "AAC"
	case Opus:
		return "Opus"
	}
	return string(c)
}

// Config is what a decoder must know before the first unit. It is immutable; make one with New and the codec.
type Config struct {
	Codec Codec
	// Record is the decoder configuration as ISO files carry it: the content of the box avcC, hvcC, av1C,
	// vpcC or dOps, or the AudioSpecificConfig of AAC.
	Record []byte
	// Name is the RFC 6381 string, such as "avc1.64001f".
	Name string
	// Width and Height are of the picture as it is shown, in its own pixels; video only.
	Width, Height int
	// Rate is the sampling rate in Hz that samples are counted on: that of the core coder, which is half of
	// what is heard of HE-AAC, and always 48000 of Opus. Audio only, as Channels is.
	Rate, Channels int
	// FrameSize is how many samples one unit holds; 0 when units differ and each has a Duration. Audio only.
	FrameSize int
}

// Equal reports whether decoders need not be told of a change from one to the other.
func (c *Config) Equal(o *Config) bool {
	if c == nil || o == nil || c == o {
		return c == o
	}
	return c.Codec == o.Codec && c.Width == o.Width && c.Height == o.Height && bytes.Equal(c.Record, o.Record)
}

// maxRecord bounds Record; real ones have some hundred bytes.
const maxRecord = 64 << 10

// Validate reports whether everything is there that is needed to describe the track to a player, so that
// nothing behind the ingest has to fail. It fails with fault.Invalid: "codec_unsupported",
// "bad_video_config" or "bad_audio_config".
func (c *Config) Validate() error {
	switch {
	case c == nil:
		return fault.New(fault.Invalid, "codec_unsupported", "the track has no configuration")
	case c.Codec.Video():
		if len(c.Record) == 0 || len(c.Record) > maxRecord || c.Name == "" || !side(c.Width) || !side(c.Height) {
			return badVideo("the description of the "+c.Codec.Title()+" video is not complete", nil)
		}
	case c.Codec == AAC || c.Codec == Opus:
		constant := c.FrameSize > 0 || c.Codec == Opus
		if len(c.Record) == 0 || len(c.Record) > maxRecord || c.Name == "" || c.Rate <= 0 || c.Channels <= 0 || !constant {
			return badAudio("the description of the "+c.Codec.Title()+" audio is not complete", nil)
		}
	default:
		return fault.Newf(fault.Invalid, "codec_unsupported", "codec %q is not carried", string(c.Codec))
	}
	return nil
}

// side reports whether ISO files can tell the length of a picture's side.
func side(n int) bool { return n > 0 && n < 1<<16 }

func badVideo(message string, cause error) error {
	if cause == nil {
		return fault.New(fault.Invalid, "bad_video_config", message)
	}
	return fault.Wrap(fault.Invalid, "bad_video_config", message, cause)
}

func badAudio(message string, cause error) error {
	if cause == nil {
		return fault.New(fault.Invalid, "bad_audio_config", message)
	}
	return fault.Wrap(fault.Invalid, "bad_audio_config", message, cause)
}

// checked gives a Config that is complete.
func checked(c *Config) (*Config, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return c, nil
}
