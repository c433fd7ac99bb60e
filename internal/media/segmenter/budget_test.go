package segmenter_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/internal/media/segmenter"
)

// TestWhoBreaksTooMuchIsLetGo: whatever a publisher sends, few segments come of it, and one that does not
// stop is told.
func TestWhoBreaksTooMuchIsLetGo(t *testing.T) {
	for _, c := range []struct {
		name   string
		src    mediatest.Source
		change func(i int, u *media.Unit)
		given  bool
		fast   bool // than real time, for good
	}{
		{"a jump every third picture", mediatest.Source{Sound: true}, func(i int, u *media.Unit) {
			u.DTS += time.Duration(i/7) * 20 * time.Second
		}, true, false},
		{"a thousand tiny frames a second that jump", mediatest.Source{NoPictures: true, Sound: true}, func(i int, u *media.Unit) {
			u.DTS += time.Duration(i/3) * 20 * time.Second
			u.Arrival = mediatest.Epoch().Add(time.Duration(i) * time.Millisecond)
		}, true, false},
		{"forth and back", mediatest.Source{Sound: true}, func(i int, u *media.Unit) {
			u.DTS += time.Duration(i/7%2) * time.Hour
		}, true, false},
		{"twice as fast as real time", mediatest.Source{Sound: true}, func(_ int, u *media.Unit) {
			u.Arrival = mediatest.Epoch().Add(u.Arrival.Sub(mediatest.Epoch()) / 2)
		}, true, true},
		{"a file at once", mediatest.Source{Sound: true}, func(_ int, u *media.Unit) {
			u.Arrival = mediatest.Epoch()
		}, true, true},
		{"a jump each 10 s", mediatest.Source{Sound: true}, func(i int, u *media.Unit) {
			u.DTS += time.Duration(i/770) * 20 * time.Second
		}, false, false},
		{"a bad timestamp each second", mediatest.Source{Sound: true}, func(i int, u *media.Unit) {
			if i%77 == 0 {
				u.DTS += time.Hour
			}
		}, false, false},
		{"a twentieth faster than real time", mediatest.Source{Sound: true}, func(_ int, u *media.Unit) {
			u.Arrival = mediatest.Epoch().Add(u.Arrival.Sub(mediatest.Epoch()) * 20 / 21)
		}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			length := time.Minute
			if c.fast { // a line that recovers may be fast for a while
				length *= 2
			}
			units := c.src.Units(length)
			for i := range units {
				c.change(i, &units[i])
				units[i].PTS = units[i].DTS
			}
			b := newBroadcast(t, segmenter.Config{})
			b.quicker = c.fast
			b.begin(c.src.Tracks())
			b.push(units)
			lead := b.lead
			b.flush() // writes what is held back too
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
			if lead > 250*time.Millisecond { // where the timestamps jump, else less
				t.Errorf("program date time was %v in the future", lead)
			}
		})
	}
}

// TestWhoeverIsFasterThanRealTimeForEverIsTold, sooner or later: the clock follows a twentieth.
func TestWhoeverIsFasterThanRealTimeForEverIsTold(t *testing.T) {
	for _, c := range []struct {
		speed float64
		told  time.Duration // within
	}{
		{1.1, 10 * time.Minute}, {1.2, 4 * time.Minute}, {1.5, 2 * time.Minute}, {2, 40 * time.Second}, {10, 10 * time.Second},
	} {
		t.Run(fmt.Sprint(c.speed), func(t *testing.T) {
			src := mediatest.Source{Sound: true, Millis: true}
			b := newBroadcast(t, segmenter.Config{})
			b.begin(src.Tracks())
			for _, u := range src.Units(time.Duration(c.speed * float64(c.told))) {
				u.Arrival = mediatest.Epoch().Add(time.Duration(float64(u.Arrival.Sub(mediatest.Epoch())) / c.speed))
				b.push([]media.Unit{u})
				if b.g.Err() != nil {
					break
				}
			}
			t.Logf("told after %v, %+v", b.now.Sub(mediatest.Epoch()), b.g.Counters())
			if fault.CodeOf(b.g.Err()) != "bad_timestamps" {
				t.Errorf("given up: %v", b.g.Err())
			}
		})
	}
}
