package rtmp

import (
	"bytes"
	"time"

	"github.com/bluenviron/gortmplib/pkg/message"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/media"
)

// errReconfigured ends a publication whose sound changes its format: the publisher comes back with the new
// one.
var errReconfigured = fault.New(fault.Conflict, "audio_changed", "the audio format changed; publish again")

// lengthSize is how many bytes tell the length of a NAL unit in a message.
const lengthSize = 4

// toStream makes Units of messages.
type toStream struct {
	video, audio int // indexes of the tracks, or -1
	pictures     *media.Pictures
	sound        *media.Config
	metrics      *Metrics
}

func newToStream(tracks []media.Track, m *Metrics) *toStream {
	t := &toStream{video: -1, audio: -1, metrics: m}
	for i := range tracks {
		if c := tracks[i].Config; c.Codec.Video() {
			t.video, t.pictures = i, media.NewPictures(c)
		} else {
			t.audio, t.sound = i, c
		}
	}
	return t
}

// unit makes the Unit of a message; most messages that are not media have none.
func (t *toStream) unit(m arrived) (u media.Unit, ok bool, err error) {
	switch msg := m.Message.(type) {
	case *message.Video:
		if msg.Codec != message.CodecH264 {
			return u, false, errCodec
		}
		if msg.Type == message.VideoTypeConfig && msg.AVCConfig != nil {
			t.configure(msg.AVCConfig.SequenceParameterSets[0].NALUnit, msg.AVCConfig.PictureParameterSets[0].NALUnit)
		}
		if msg.Type != message.VideoTypeAU {
			return u, false, nil
		}
		u, ok = t.picture(m.at, msg.DTS, msg.DTS+msg.PTSDelta, msg.AU)
	case *message.VideoExSequenceStart:
		if msg.FourCC != message.FourCCAVC {
			return u, false, errCodec
		}
		t.configure(msg.AVCConfig.SequenceParameterSets[0].NALUnit, msg.AVCConfig.PictureParameterSets[0].NALUnit)
	case *message.VideoExCodedFrames:
		u, ok = t.picture(m.at, msg.DTS, msg.DTS+msg.PTSDelta, msg.Payload)
	case *message.VideoExFramesX:
		u, ok = t.picture(m.at, msg.DTS, msg.DTS, msg.Payload)
	case *message.Audio:
		if msg.Codec != message.CodecMPEG4Audio {
			return u, false, errCodec
		}
		if msg.AACType == message.AudioAACTypeConfig {
			return u, false, t.sameSound(msg.AACConfig)
		}
		u, ok = t.frame(m.at, msg.DTS, msg.AU)
	case *message.AudioExSequenceStart:
		return u, false, t.sameSound(msg.AACConfig)
	case *message.AudioExCodedFrames:
		u, ok = t.frame(m.at, msg.DTS, msg.Payload)
	}
	return u, ok, nil
}

// configure notes the parameter sets of the pictures to come. It does not hold the message they came in.
func (t *toStream) configure(sps, pps []byte) {
	if c, err := media.NewH264(sps, pps); err == nil && t.pictures != nil {
		t.pictures.Use(c)
	}
}

func (t *toStream) sameSound(c *mpeg4audio.AudioSpecificConfig) error {
	if c == nil || t.audio < 0 {
		return nil
	}
	b, err := c.Marshal()
	if err != nil {
		return errReconfigured
	}
	if now, err := media.NewAAC(b); err != nil || !now.Equal(t.sound) {
		return errReconfigured
	}
	return nil
}

// picture reads an access unit in AVCC form. The NAL units are slices of the message, unless there is more to
// that than them: units without a length are passed over, and megabytes of those would be held for a picture
// that says it has a byte.
func (t *toStream) picture(at time.Time, dts, pts time.Duration, body []byte) (media.Unit, bool) {
	if t.video < 0 {
		t.metrics.passed.WithLabelValues("other_track").Inc()
		return media.Unit{}, false
	}
	var nals h264.AVCC
	if err := nals.Unmarshal(body); err != nil {
		t.metrics.passed.WithLabelValues("bad_unit").Inc()
		return media.Unit{}, false
	}
	u := media.Unit{Track: t.video, DTS: dts, PTS: pts, Arrival: at, Data: nals}
	if len(body) > u.Size()+lengthSize*len(nals) {
		for i := range nals {
			nals[i] = bytes.Clone(nals[i])
		}
	}
	t.pictures.Fill(&u, nals)
	t.metrics.bytes.Add(float64(len(body)))
	return u, true
}

func (t *toStream) frame(at time.Time, dts time.Duration, body []byte) (media.Unit, bool) {
	if t.audio < 0 || len(body) == 0 {
		t.metrics.passed.WithLabelValues("other_track").Inc()
		return media.Unit{}, false
	}
	t.metrics.bytes.Add(float64(len(body)))
	return media.Unit{Track: t.audio, DTS: dts, PTS: dts, Key: true, Arrival: at, Data: [][]byte{body}}, true
}
