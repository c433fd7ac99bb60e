package segmenter_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/internal/media/segmenter"
)

// line is a model of the network between a publisher and us: units keep their order and come late.
type line struct {
	delay, jitter time.Duration // normal distribution, cut at zero
	slow, fades   time.Duration // at the start slow more, fading with this time constant
	waves         time.Duration // all that comes in a quarter of a second is late by the same, up to this
	ppm           int           // how much faster than ours the publisher's clock runs
}

// carry gives the units the arrival that the line makes of theirs.
func (l line) carry(units []media.Unit, r *rand.Rand) []media.Unit {
	if len(units) == 0 {
		return units
	}
	begin, last := units[0].Arrival, time.Time{}
	wave, lasts := time.Duration(0), begin
	for i := range units {
		u := &units[i]
		since := u.Arrival.Sub(begin)
		late := max(0, l.delay+time.Duration(r.NormFloat64()*float64(l.jitter)))
		if l.slow > 0 {
			late += time.Duration(float64(l.slow) * math.Exp(-since.Seconds()/l.fades.Seconds()))
		}
		if l.waves > 0 && !u.Arrival.Before(lasts) {
			wave, lasts = time.Duration(r.Int64N(int64(l.waves))), u.Arrival.Add(time.Second/4)
		}
		late += wave
		at := u.Arrival.Add(late - since*time.Duration(l.ppm)/1_000_000)
		if at.Before(last) {
			at = last
		}
		u.Arrival, last = at, at
	}
	return units
}

// TestTheClockOnRealLines: what lines do is no reason for a discontinuity, and media time does not go back by
// more than a picture.
func TestTheClockOnRealLines(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name string
		line line
	}{
		{"cable", line{delay: 5 * ms, jitter: 2 * ms}},
		{"an uplink that starts slowly", line{delay: 20 * ms, jitter: 8 * ms, slow: 200 * ms, fades: 2 * time.Second}},
		{"4G", line{delay: 120 * ms, jitter: 70 * ms}},
		{"4G that starts slowly", line{delay: 120 * ms, jitter: 70 * ms, slow: 300 * ms, fades: 2 * time.Second}},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := mediatest.Source{Sound: true, Size: 10}
			units := c.line.carry(src.Units(10*time.Minute), rand.New(rand.NewPCG(1, 2)))
			b := newBroadcast(t, segmenter.Config{})
			b.begin(src.Tracks())
			b.push(units)
			b.flush()
			back, steps := time.Duration(0), 0
			for i, s := range b.segments[1:] {
				if d := b.segments[i].Media + b.segments[i].close.Duration() - s.Media; d > ms {
					steps++
					back = max(back, d)
				}
			}
			t.Logf("%d segments, %d discontinuities, %d steps back, the largest %v", len(b.segments), len(b.discontinuities()), steps, back)
			if n := len(b.discontinuities()); n > 0 {
				t.Errorf("%d discontinuities", n)
			}
			if back > 34*ms {
				t.Errorf("media time goes back by %v", back)
			}
		})
	}
}
