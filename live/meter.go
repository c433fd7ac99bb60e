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
	// OpenGOP says that key pictures came whose groups are open, GradualRefresh that there were pictures
	// from which only the later ones become right.
	OpenGOP, GradualRefresh bool
	// Unreadable is how much came in the last seconds that could not be read.
	Unreadable int
	// LastPicture and LastSound are when something of the kind arrived last; zero if nothing ever did.
	LastPicture, LastSound time.Time
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
	came    int64 // the second in which something arrived last
	lastKey time.Duration
	hasKey  bool
	latest  time.Duration // DTS of the last picture
	reorder time.Duration // PTS - DTS of the last key picture
}

type second struct {
	at                          int64
	bytes, pictures, unreadable int
}

func (m *meter) add(u *media.Unit, size int, video bool) {
	if m.Units == 0 {
		m.FirstArrival = u.Arrival
	}
	m.LastArrival = u.Arrival
	m.Units++
	m.Bytes += uint64(size)
	s := m.second(u.Arrival)
	s.bytes += size
	if !video {
		m.LastSound = u.Arrival
		return
	}
	m.LastPicture = u.Arrival
	s.pictures++
	m.latest = u.DTS
	m.OpenGOP, m.GradualRefresh = m.OpenGOP || u.Open, m.GradualRefresh || u.Gradual
	if u.Key {
		m.key(u)
	} else if m.hasKey && u.PTS-u.DTS != m.reorder {
		m.BFrames = true
	}
}

// unreadable notes what could not be read.
func (m *meter) unreadable(arrival time.Time) { m.second(arrival).unreadable++ }

// second is where an arrival is counted.
func (m *meter) second(arrival time.Time) *second {
	at := arrival.Unix()
	m.came = max(m.came, at)
	s := &m.seconds[uint64(at)%uint64(len(m.seconds))]
	if s.at != at {
		*s = second{at: at}
	}
	return s
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
	for _, s := range m.seconds {
		if s.at >= m.came-meterSpan {
			out.Unreadable += s.unreadable
		}
	}
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
