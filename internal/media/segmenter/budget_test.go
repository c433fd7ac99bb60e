package segmenter_test

import (
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/mediatest"
)

// TestWhoBreaksTooMuchIsLetGo: whatever a publisher sends, few segments come of it, and one that does not
// stop is told.
func TestWhoBreaksTooMuchIsLetGo(t *testing.T) {
	const length = time.Minute
	for _, c := range []struct {
		name   string
		src    mediatest.Source
		change func(i int, u *media.Unit)
		given  bool
	}{
		{"a jump every third picture", mediatest.Source{Sound: true}, func(i int, u *media.Unit) {
			u.DTS += time.Duration(i/7) * 20 * time.Second
		}, true},
		{"a thousand tiny frames a second that jump", mediatest.Source{NoPictures: true, Sound: true}, func(i int, u *media.Unit) {
			u.DTS += time.Duration(i/3) * 20 * time.Second
			u.Arrival = mediatest.Epoch().Add(time.Duration(i) * time.Millisecond)
		}, true},
		{"forth and back", mediatest.Source{Sound: true}, func(i int, u *media.Unit) {
			u.DTS += time.Duration(i/7%2) * time.Hour
		}, true},
		{"twice as fast as real time", mediatest.Source{Sound: true}, func(_ int, u *media.Unit) {
			u.Arrival = mediatest.Epoch().Add(u.Arrival.Sub(mediatest.Epoch()) / 2)
		}, true},
		{"a file at once", mediatest.Source{Sound: true}, func(_ int, u *media.Unit) {
			u.Arrival = mediatest.Epoch()
		}, true},
		{"a jump each 10 s", mediatest.Source{Sound: true}, func(i int, u *media.Unit) {
			u.DTS += time.Duration(i/770) * 20 * time.Second
		}, false},
		{"a bad timestamp each second", mediatest.Source{Sound: true}, func(i int, u *media.Unit) {
			if i%77 == 0 {
				u.DTS += time.Hour
			}
		}, false},
		{"a twentieth faster than real time", mediatest.Source{Sound: true}, func(_ int, u *media.Unit) {
			u.Arrival = mediatest.Epoch().Add(u.Arrival.Sub(mediatest.Epoch()) * 20 / 21)
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			units := c.src.Units(length)
			for i := range units {
				c.change(i, &units[i])
				units[i].PTS = units[i].DTS
			}
			b := run(t, c.src.Tracks(), units)
			for i, s := range b.segments {
				b.checkParts(s, b.g.PartTarget())
				if i > 0 {
					b.checkClock(b.segments[i-1], s)
				}
			}
			took := units[len(units)-1].Arrival.Sub(units[0].Arrival)
			if n := len(b.segments); n > 2*int(took/time.Second)+12 {
				t.Errorf("%d segments in %v", n, took)
			}
			if given := fault.CodeOf(b.g.Err()) == "bad_timestamps"; given != c.given {
				t.Errorf("given up: %v, %+v", b.g.Err(), b.g.Counters())
			}
			if b.lead > 1100*time.Millisecond {
				t.Errorf("program date time was %v in the future", b.lead)
			}
		})
	}
}
