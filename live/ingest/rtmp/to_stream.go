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
	lengths      int // of NAL units, as the last header said
	// sliced says that the slices of a picture come in messages of their own: from then on a picture is held
	// until the next one begins.
	sliced  bool
	held    picture
	before  picture       // what came in messages of its own before the picture to come
	last    time.Duration // DTS of the last picture
	metrics *Metrics
}

// picture is one that may not be complete.
type picture struct {
	unit media.Unit
	data [][]byte
	size int // bytes of it
}

// maxSlices bounds the NAL units of a picture that comes in several messages; they have maxMessage bytes in
// all.
const maxSlices = 256

func newToStream(tracks []media.Track, m *Metrics) *toStream {
	t := &toStream{video: -1, audio: -1, last: -1, metrics: m}
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
	if p.header && p.codec.Video() {
		t.lengths = p.lengths
		u, ok = t.release() // it is of the configuration before
		return u, ok, t.configure(p.config)
	}
	if p.header {
		return u, false, t.configure(p.config)
	}
	t.metrics.bytes.Add(float64(len(p.body)))
	if p.codec.Video() {
		p.lengths = t.lengths
		u, ok = t.picture(m.at, &p)
		return u, ok, nil
	}
	if u, ok = t.frame(m.at, &p); !ok {
		t.pass("bad_unit")
	}
	return u, ok, nil
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

// picture makes a unit of a picture, or of the one before when its slices come one by one.
func (t *toStream) picture(at time.Time, p *piece) (media.Unit, bool) {
	now := picture{media.Unit{Track: t.video, DTS: p.dts, PTS: p.pts, Arrival: at, Key: p.key}, nil, len(p.body)}
	var ok bool
	if now.data, ok = p.data(); !ok {
		t.pass("bad_unit")
		return media.Unit{}, false
	}
	if p.codec.Prefixed() {
		switch part := partOf(p.codec, now.data); {
		case part == apart:
			t.add(&t.before, now)
			return media.Unit{}, false
		case part == goesOn && p.dts == t.last:
			t.sliced = true
			if t.held.data == nil { // the first picture that comes so has gone, and its rest is lost
				t.pass("bad_unit")
				return media.Unit{}, false
			}
			t.add(&t.held, now)
			t.held.unit.Arrival = at
			return media.Unit{}, false
		}
		if t.before.data != nil {
			now.data, now.size = append(t.before.data, now.data...), now.size+t.before.size
			t.before = picture{}
		}
	}
	t.last = p.dts
	if !t.sliced {
		t.held = now
		return t.release()
	}
	u, ok := t.release()
	t.held = now
	return u, ok
}

// add puts a message to others of a picture, unless that has too many.
func (t *toStream) add(to *picture, p picture) {
	if to.size+p.size > maxMessage || len(to.data)+len(p.data) > maxSlices {
		t.pass("bad_unit")
		return
	}
	to.data, to.size = append(to.data, p.data...), to.size+p.size
}

// release gives the picture that is held, if there is one: no more of it will come.
func (t *toStream) release() (media.Unit, bool) {
	h := t.held
	t.held = picture{}
	if h.data == nil {
		return media.Unit{}, false
	}
	if !t.pictures.Fill(&h.unit, h.data) {
		t.pass("bad_unit")
		return media.Unit{}, false
	}
	if t.pictures.Leading(&h.unit) {
		t.pass("leading")
		return media.Unit{}, false
	}
	return h.unit, true
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
