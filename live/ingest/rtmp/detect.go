package rtmp

import (
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/message"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/media"
)

const (
	// patience is how long the second track is awaited after the first media message when nothing tells
	// that there is none.
	patience = time.Second
	// maxWaiting bounds the messages held until the tracks are known, maxWaitingBytes what they weigh: an
	// access unit may have maxMessage, so that the number alone would allow gigabytes.
	maxWaiting      = 512
	maxWaitingBytes = 16 << 20
)

// The refusals of what is published.
var (
	errCodec = fault.New(fault.Invalid, "codec_unsupported",
		"only H.264 video and AAC audio are carried over RTMP; change the encoder's settings")
	errNoTracks = fault.New(fault.Invalid, "no_tracks", "no video or audio came")
)

// arrived is a message with the time of its arrival.
type arrived struct {
	message.Message
	at time.Time
	// size is what came for it off the network; read-ahead may count a few KiB for its neighbour, the sum
	// is right.
	size int
}

// detector finds out which tracks a publication has. Sequence headers tell what a track is, the metadata
// tell which ones to expect; where they are silent, patience decides. It holds the messages until then.
type detector struct {
	video, audio         *media.Config
	declared             bool // metadata came
	wantVideo, wantAudio bool // and said so
	first                time.Time
	waiting              []arrived
	came                 int // bytes, at least those of waiting
}

// push takes a message and reports whether the tracks are known.
func (d *detector) push(m arrived) (known bool, err error) {
	d.came += m.size
	switch msg := m.Message.(type) {
	case *message.Video:
		if msg.Codec != message.CodecH264 {
			return false, errCodec
		}
		if msg.Type == message.VideoTypeConfig && msg.AVCConfig != nil {
			err = d.setVideo(msg.AVCConfig.SequenceParameterSets[0].NALUnit, msg.AVCConfig.PictureParameterSets[0].NALUnit)
		}
	case *message.VideoExSequenceStart:
		if msg.FourCC != message.FourCCAVC {
			return false, errCodec
		}
		err = d.setVideo(msg.AVCConfig.SequenceParameterSets[0].NALUnit, msg.AVCConfig.PictureParameterSets[0].NALUnit)
	case *message.Audio:
		if msg.Codec != message.CodecMPEG4Audio {
			return false, errCodec
		}
		err = d.setAudio(msg.AACConfig)
	case *message.AudioExSequenceStart:
		if msg.FourCC != message.FourCCMP4A {
			return false, errCodec
		}
		err = d.setAudio(msg.AACConfig)
	case *message.VideoExCodedFrames, *message.VideoExFramesX, *message.AudioExCodedFrames:
	case *message.VideoExMultitrack, *message.AudioExMultitrack:
		return false, errCodec
	case *message.DataAMF0:
		d.metadata(msg.Payload)
		return d.decided(m.at) // it has been read: there is nothing to hold
	default:
		return false, nil // commands and control are not held
	}
	if err != nil {
		return false, err
	}
	d.waiting = append(d.waiting, m)
	if d.first.IsZero() {
		d.first = m.at
	}
	return d.decided(m.at)
}

// decided judges what is known now.
func (d *detector) decided(now time.Time) (bool, error) {
	some := d.video != nil || d.audio != nil
	late := !d.first.IsZero() && now.Sub(d.first) >= patience
	switch {
	case d.video != nil && d.audio != nil:
		return true, nil
	case some && d.declared && (d.video != nil || !d.wantVideo) && (d.audio != nil || !d.wantAudio):
		return true, nil
	case some && late:
		return true, nil
	case len(d.waiting) >= maxWaiting, d.came >= maxWaitingBytes:
		if some {
			return true, nil
		}
		return false, errNoTracks
	}
	return false, nil
}

func (d *detector) setVideo(sps, pps []byte) error {
	c, err := media.NewH264(sps, pps)
	if err == nil {
		d.video = c
	}
	return err
}

func (d *detector) setAudio(c *mpeg4audio.AudioSpecificConfig) error {
	if c == nil {
		return nil
	}
	b, err := c.Marshal()
	if err != nil {
		return fault.Wrap(fault.Invalid, "bad_audio_config", "the AAC configuration cannot be read", err)
	}
	d.audio, err = media.NewAAC(b)
	return err
}

// metadata reads an onMetaData message: a codec id tells that the track will come.
func (d *detector) metadata(payload amf0.Data) {
	for _, item := range payload {
		var object amf0.Object
		switch v := item.(type) {
		case amf0.Object:
			object = v
		case amf0.ECMAArray:
			object = amf0.Object(v)
		default:
			continue
		}
		has := func(key string) bool {
			v, ok := object.Get(key)
			return ok && v != nil && v != float64(0) && v != ""
		}
		video, audio := has("videocodecid"), has("audiocodecid")
		if video || audio {
			d.declared, d.wantVideo, d.wantAudio = true, video, audio
		}
	}
}

// tracks lists what was found, video first.
func (d *detector) tracks() []media.Track {
	var t []media.Track
	if d.video != nil {
		t = append(t, media.Track{Config: d.video})
	}
	if d.audio != nil {
		t = append(t, media.Track{Config: d.audio})
	}
	return t
}
