package rtmp

import (
	"time"

	"github.com/barrage-live/barrage/internal/media"
)

// toStream makes Units of messages.
type toStream struct {
	tracks   []media.Track // those that the stream knows, with the configurations it was told
	video    int           // indexes, or -1
	audio    int
	pictures *media.Pictures
	sound    *media.Config
	turn     turn
	lengths  int // of NAL units, as the last header said
	// sliced says that the slices of a picture come in messages of their own: from then on a picture is held
	// until the next one begins.
	sliced  bool
	held    picture
	before  picture       // what came in messages of its own before the picture to come
	last    time.Duration // DTS of the last picture
	metrics *Metrics
	// unreadable hears when something came that cannot be read.
	unreadable func(arrival time.Time)
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

func newToStream(tracks []media.Track, m *Metrics, unreadable func(arrival time.Time)) *toStream {
	t := &toStream{tracks: tracks, video: -1, audio: -1, last: -1, metrics: m, unreadable: unreadable}
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
	case p.codec.Video():
		u, ok = t.videoPiece(m.at, &p)
	default:
		u, ok = t.audioPiece(m.at, &p)
	}
	return u, ok, nil
}

func (t *toStream) videoPiece(at time.Time, p *piece) (u media.Unit, ok bool) {
	if p.header {
		t.lengths = p.lengths
		u, ok = t.release() // it is of the configuration before
	} else {
		t.metrics.bytes.Add(float64(len(p.body)))
		p.lengths = t.lengths
	}
	if !t.follow(at, p) {
		t.pass("other_track")
		return u, ok
	}
	if p.header {
		return u, ok
	}
	return t.picture(at, p)
}

// follow takes the configuration of the pictures to come, and reports whether one is known of this codec.
func (t *toStream) follow(at time.Time, p *piece) bool {
	same := t.pictures != nil && t.pictures.Config().Codec == p.codec
	c := p.config
	switch {
	case same && c != nil:
		t.pictures.Use(c)
	case same:
	case c == nil && !p.header: // it may say enough of itself
		if data, ok := p.data(); ok {
			c = media.ConfigOf(p.codec, data)
		}
	}
	if same || c == nil {
		return same
	}
	if t.held.data != nil { // no header has closed it, and one message makes one unit
		t.pass("other_track")
	}
	if t.video < 0 {
		t.video = len(t.tracks)
	}
	t.held, t.before, t.sliced, t.last = picture{}, picture{}, false, -1
	back := t.video < len(t.tracks) && c.Codec == t.tracks[t.video].Config.Codec
	if back { // to the codec that the stream knows, perhaps with another configuration
		t.pictures = media.NewPictures(t.tracks[t.video].Config)
		t.pictures.Use(c)
	} else {
		t.pictures = media.NewPictures(c)
	}
	t.turn.pictures = t.turn.begin(at, !back)
	return true
}

func (t *toStream) audioPiece(at time.Time, p *piece) (u media.Unit, ok bool) {
	switch {
	case p.config != nil && !p.config.Equal(t.sound):
		t.sound = p.config
		if t.audio < 0 {
			t.audio = len(t.tracks)
		}
		t.turn.sound = t.turn.begin(at, t.audio >= len(t.tracks) || !p.config.Equal(t.tracks[t.audio].Config))
	case t.sound == nil || t.sound.Codec != p.codec:
		t.pass("other_track")
		return u, false
	}
	if p.header {
		return u, false
	}
	t.metrics.bytes.Add(float64(len(p.body)))
	if u, ok = t.frame(at, p); !ok {
		t.bad(at)
		return u, false
	}
	return t.turned(u)
}

func (t *toStream) pass(why string) { t.metrics.passed.WithLabelValues(why).Inc() }

// bad passes over what cannot be read.
func (t *toStream) bad(at time.Time) {
	t.pass("bad_unit")
	t.unreadable(at)
}

// picture makes a unit of a picture, or of the one before when its slices come one by one.
func (t *toStream) picture(at time.Time, p *piece) (media.Unit, bool) {
	now := picture{media.Unit{Track: t.video, DTS: p.dts, PTS: p.pts, Arrival: at, Key: p.key}, nil, len(p.body)}
	var ok bool
	if now.data, ok = p.data(); !ok {
		t.bad(at)
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
				t.bad(at)
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
		t.bad(p.unit.Arrival)
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
		t.bad(h.unit.Arrival)
		return media.Unit{}, false
	}
	if t.pictures.Leading(&h.unit) {
		t.pass("leading")
		return media.Unit{}, false
	}
	return t.turned(h.unit)
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
