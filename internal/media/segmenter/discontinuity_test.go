package segmenter_test

import (
	"slices"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/mediatest"
)

// TestWhatFollowsADiscontinuityCanBeDecoded: after a hole, or a jump, playback goes on with an IDR picture,
// and with nothing else when it has not come for long.
func TestWhatFollowsADiscontinuityCanBeDecoded(t *testing.T) {
	for _, c := range []struct {
		name        string
		src         mediatest.Source
		from, to    time.Duration // what is lost
		resume      time.Duration // where playback goes on
		independent bool
	}{
		{"a hole in the midst of a GOP", mediatest.Source{Sound: true}, 4500 * time.Millisecond, 6500 * time.Millisecond, 8 * time.Second, true},
		{"without sound", mediatest.Source{}, 4500 * time.Millisecond, 6500 * time.Millisecond, 8 * time.Second, true},
		{"with B-frames", mediatest.Source{Sound: true, BFrames: 2}, 4500 * time.Millisecond, 6500 * time.Millisecond, 8 * time.Second, true},
		{"up to an IDR picture", mediatest.Source{Sound: true}, 4500 * time.Millisecond, 6 * time.Second, 6 * time.Second, true},
		{"an IDR picture every 10 s", mediatest.Source{Sound: true, GOP: 300}, 4500 * time.Millisecond, 6500 * time.Millisecond, 10 * time.Second, true},
		{"no IDR picture but the first", mediatest.Source{Sound: true, GOP: 3000}, 4500 * time.Millisecond, 6500 * time.Millisecond, 17500 * time.Millisecond, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			units := slices.DeleteFunc(c.src.Units(30*time.Second), func(u media.Unit) bool { return u.DTS >= c.from && u.DTS < c.to })
			b := run(t, c.src.Tracks(), units)
			b.check()
			d := b.discontinuities()
			if len(d) != 1 {
				t.Fatalf("discontinuities: got %v, want one", d)
			}
			s := b.segments[d[0]]
			if away := s.Media - c.resume; s.Independent != c.independent || away < -time.Second/2 || away > time.Second/2 {
				t.Errorf("playback goes on at %v, want %v, independent %v", s.Media, c.resume, s.Independent)
			}
		})
	}
}

// TestTheClockIsSteppedWhereDecodingCanStart: a step is a discontinuity, and waits for an IDR picture.
func TestTheClockIsSteppedWhereDecodingCanStart(t *testing.T) {
	src := mediatest.Source{Sound: true, GOP: 300}
	units := src.Units(30 * time.Second)
	for i := range units {
		if units[i].DTS < 5*time.Second { // the line is slow at first
			units[i].Arrival = units[i].Arrival.Add(time.Second)
		}
	}
	b := run(t, src.Tracks(), units)
	b.check()
	if d := b.discontinuities(); len(d) != 1 || !b.segments[d[0]].Independent || b.g.Counters().ClockSteps != 1 {
		t.Errorf("discontinuities: got %v and %d steps, want one at an IDR picture", d, b.g.Counters().ClockSteps)
	}
	if got := b.pictures(); got != 900 {
		t.Errorf("pictures: got %d, want 900", got)
	}
}
