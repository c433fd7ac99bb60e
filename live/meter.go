package live

import (
	"time"

	"github.com/barrage-live/barrage/internal/media"
)

// Stats describes a publication over its last seconds.
type Stats struct {
	// BitrateBPS is the media in bits per second and FPS the pictures per second.
	BitrateBPS int
	FPS        float64
	// KeyframeInterval is the time between the last two key pictures, or the time since the last one when
	// that is longer already.
	KeyframeInterval time.Duration
	// BFrames says that pictures are shown in another order than they are decoded.
	BFrames bool
	// FirstArrival and LastArrival bound the units so far; zero before the first.
	FirstArrival, LastArrival time.Time
	// Units and Bytes count since the start.
	Units, Bytes uint64
}

// meterSpan is how many whole seconds the rates are averaged over.
const meterSpan = 4

// meter counts by seconds of arrival. It has no clock: time is what the units say.
type meter struct {
	Stats
	seconds [meterSpan + 1]second
	lastKey time.Duration
	hasKey  bool
	latest  time.Duration // DTS of the last picture
	reorder time.Duration // PTS - DTS of the last key picture
}

type second struct {
	at              int64
	bytes, pictures int
}

func (m *meter) add(u *media.Unit, size int, video bool) {
	if m.Units == 0 {
		m.FirstArrival = u.Arrival
	}
	m.LastArrival = u.Arrival
	m.Units++
	m.Bytes += uint64(size)
	at := u.Arrival.Unix()
	s := &m.seconds[uint64(at)%uint64(len(m.seconds))]
	if s.at != at {
		*s = second{at: at}
	}
	s.bytes += size
	if !video {
		return
	}
	s.pictures++
	m.latest = u.DTS
	if u.Key {
		m.key(u)
	} else if m.hasKey && u.PTS-u.DTS != m.reorder {
		m.BFrames = true
	}
}

// key notes a key picture. An interval that the timestamps make absurd is not believed.
func (m *meter) key(u *media.Unit) {
	if d := u.DTS - m.lastKey; m.hasKey && d > 0 && d < time.Minute {
		m.KeyframeInterval = d
	}
	m.lastKey, m.hasKey, m.reorder = u.DTS, true, u.PTS-u.DTS
}

// stats averages over the last whole seconds before the one that is still filling.
func (m *meter) stats() Stats {
	out := m.Stats
	if m.Units == 0 {
		return out
	}
	last := m.LastArrival.Unix()
	first := max(last-meterSpan, m.FirstArrival.Unix())
	var bytes, pictures int
	for _, s := range m.seconds {
		if s.at >= first && (s.at < last || last == first) {
			bytes += s.bytes
			pictures += s.pictures
		}
	}
	span := float64(max(last-first, 1))
	if first == m.FirstArrival.Unix() && last > first { // the first second was not whole
		span = time.Unix(last, 0).Sub(m.FirstArrival).Seconds()
	}
	out.BitrateBPS = int(float64(bytes*8) / span)
	out.FPS = float64(pictures) / span
	if d := m.latest - m.lastKey; m.hasKey && d > out.KeyframeInterval && d < time.Minute {
		out.KeyframeInterval = d
	}
	return out
}
