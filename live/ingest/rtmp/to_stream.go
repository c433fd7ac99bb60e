package rtmp

import (
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/media"
)

// The ends of a publication that changes what its readers cannot follow: the publisher comes back with the
// new format. Other configurations of the same video codec are followed.
var errReconfigured = fault.New(fault.Conflict, "audio_changed", "the audio format changed; publish again")

func errOther(was, now media.Codec) error {
	return fault.Newf(fault.Conflict, "codec_changed", "the codec changed from %s to %s; publish again", was.Title(), now.Title())
}

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
	p, ok, err := m.piece()
	switch {
	case err != nil || !ok:
		return u, false, err
	case !t.known(p.codec):
		t.pass("other_track")
		return u, false, nil
	}
	if was := t.codec(p.codec); was != p.codec {
		return u, false, errOther(was, p.codec)
	}
	if p.header {
		return u, false, t.configure(p.config)
	}
	if p.codec.Video() {
		u, ok = t.picture(m.at, &p)
	} else {
		u, ok = t.frame(m.at, &p)
	}
	if !ok {
		t.pass("bad_unit")
		return u, false, nil
	}
	t.metrics.bytes.Add(float64(len(p.body)))
	return u, true, nil
}

func (t *toStream) pass(why string) { t.metrics.passed.WithLabelValues(why).Inc() }

// known reports whether there is a track for a codec of this kind.
func (t *toStream) known(c media.Codec) bool {
	if c.Video() {
		return t.video >= 0
	}
	return t.audio >= 0
}

// codec is that of the track for a codec of this kind.
func (t *toStream) codec(c media.Codec) media.Codec {
	if c.Video() {
		return t.pictures.Config().Codec
	}
	return t.sound.Codec
}

// configure notes the configuration of the units to come; nil says nothing of them.
func (t *toStream) configure(c *media.Config) error {
	switch {
	case c == nil:
	case c.Codec.Video():
		t.pictures.Use(c)
	case !c.Equal(t.sound):
		return errReconfigured
	}
	return nil
}

func (t *toStream) picture(at time.Time, p *piece) (media.Unit, bool) {
	u := media.Unit{Track: t.video, DTS: p.dts, PTS: p.pts, Arrival: at}
	data, ok := p.data()
	return u, ok && t.pictures.Fill(&u, data)
}

func (t *toStream) frame(at time.Time, p *piece) (media.Unit, bool) {
	u := media.Unit{Track: t.audio, DTS: p.dts, PTS: p.pts, Key: true, Arrival: at, Data: [][]byte{p.body}}
	if p.codec == media.Opus {
		if u.Duration = media.OpusDuration(p.body); u.Duration == 0 {
			return u, false
		}
	}
	return u, len(p.body) > 0
}
