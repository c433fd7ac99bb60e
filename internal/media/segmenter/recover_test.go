package segmenter_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/internal/media/segmenter"
)

// recovered pushes units and holds that the line cost nothing: every picture is there, without a
// discontinuity, and no gap between two parts is longer than stall.
func recovered(t *testing.T, src mediatest.Source, units []media.Unit, stall time.Duration) *broadcast {
	t.Helper()
	b := newBroadcast(t, segmenter.Config{})
	b.quicker = true
	b.begin(src.Tracks())
	last := time.Time{}
	for _, u := range units {
		n := b.parts()
		b.push([]media.Unit{u})
		if b.parts() == n {
			continue
		}
		if gap := u.Arrival.Sub(last); !last.IsZero() && gap > stall {
			t.Errorf("no part for %v until %v", gap, u.Arrival.Sub(mediatest.Epoch()))
		}
		last = u.Arrival
	}
	lead := b.lead
	b.flush() // writes what is held back too
	b.lead = lead
	b.check()
	sent := 0
	for i := range units {
		if units[i].Track == 0 {
			sent++
		}
	}
	if n := b.pictures(); n != sent || b.discontinuities() != nil {
		t.Errorf("%d pictures of %d, discontinuities at %v, %+v", n, sent, b.discontinuities(), b.g.Counters())
	}
	return b
}

func (b *broadcast) parts() int {
	n := 0
	for _, s := range b.segments {
		n += len(s.parts)
	}
	return n
}

// TestALineThatRecoversCostsNothing: a queue stands while a publisher connects, and then drains.
func TestALineThatRecoversCostsNothing(t *testing.T) {
	for _, queue := range []time.Duration{500 * time.Millisecond, 1500 * time.Millisecond, 3 * time.Second, 5 * time.Second} {
		for _, stands := range []time.Duration{time.Second, 20 * time.Second} {
			for _, speed := range []float64{1.1, 1.3, 2, 10} {
				t.Run(fmt.Sprintf("%v for %v, drains at %v", queue, stands, speed), func(t *testing.T) {
					src := mediatest.Source{Sound: true, Millis: true}
					units := src.Units(90 * time.Second)
					for i := range units {
						u := &units[i]
						late := queue
						if since := u.Arrival.Sub(mediatest.Epoch()); since > stands {
							late = max(0, queue-time.Duration(float64(since-stands)*(1-1/speed)))
						}
						u.Arrival = u.Arrival.Add(late)
					}
					b := recovered(t, src, units, time.Second)
					if b.lead > ahead {
						t.Errorf("program date time was %v in the future", b.lead)
					}
					s := b.segments[len(b.segments)-1]
					if end := s.Media + s.close.Duration(); end < 89*time.Second || end > 91100*time.Millisecond {
						t.Errorf("media time ends at %v", end)
					}
				})
			}
		}
	}
}

// TestAFastEncoderClockCostsNothing, however high the frame rate and however long the groups of pictures.
func TestAFastEncoderClockCostsNothing(t *testing.T) {
	for _, ppm := range []int{10_000, 20_000} {
		src := mediatest.Source{FPS: 60, GOP: 240, Sound: true, Millis: true, Size: 12}
		units := src.Units(10 * time.Minute)
		for i := range units {
			u := &units[i]
			u.Arrival = u.Arrival.Add(-u.Arrival.Sub(mediatest.Epoch()) / 1_000_000 * time.Duration(ppm))
		}
		if b := recovered(t, src, units, time.Second); b.lead > ahead {
			t.Errorf("%d ppm: program date time was %v in the future", ppm, b.lead)
		}
	}
}

// TestWhatWasSavedAtConnectIsKept at any frame rate, with sound and without.
func TestWhatWasSavedAtConnectIsKept(t *testing.T) {
	for _, fps := range []int{1, 2, 5, 30} {
		for _, sound := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d fps, sound %v", fps, sound), func(t *testing.T) {
				src := mediatest.Source{FPS: fps, Sound: sound, Millis: true}
				units := src.Units(time.Minute)
				for i := range units {
					units[i].Arrival = mediatest.Epoch().Add(max(units[i].Arrival.Sub(mediatest.Epoch()), 3*time.Second))
				}
				recovered(t, src, units, 2*time.Second)
			})
		}
	}
}

// TestSoundStampedApartFromThePictures costs no picture, and moves no clock into the future.
func TestSoundStampedApartFromThePictures(t *testing.T) {
	const ms = time.Millisecond
	for _, by := range []time.Duration{-300 * ms, -700 * ms, -900 * ms, -2 * time.Second, -5 * time.Second, time.Second, 3 * time.Second, 5 * time.Second} {
		for _, fps := range []int{1, 30} {
			for _, first := range []int{0, 1} { // the track that comes first
				t.Run(fmt.Sprintf("%v, %d fps, track %d first", by, fps, first), func(t *testing.T) {
					src := mediatest.Source{FPS: fps, Sound: true, Millis: true, Start: mediatest.Epoch().Add(10 * time.Second)}
					units := src.Units(time.Minute)
					for i := range units {
						if u := &units[i]; u.Track == 1 {
							u.DTS += by
							u.PTS = u.DTS
						}
					}
					i := slices.IndexFunc(units, func(u media.Unit) bool { return u.Track == first })
					units = slices.Concat(units[i:i+1], units[:i], units[i+1:])
					b := newBroadcast(t, segmenter.Config{})
					b.begin(src.Tracks())
					b.push(units)
					b.flush()
					if n := b.pictures(); n != 60*fps || b.discontinuities() != nil {
						t.Errorf("%d pictures of %d, discontinuities at %v, %+v", n, 60*fps, b.discontinuities(), b.g.Counters())
					}
					if b.lead > 0 {
						t.Errorf("program date time was %v in the future", b.lead)
					}
				})
			}
		}
	}
}
