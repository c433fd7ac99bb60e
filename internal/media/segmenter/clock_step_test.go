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

// TestTheWallClockIsSetBackBetweenPublications: the second is written all the same, after what was; the third
// comes when the clock is right again, and so is program-date-time then.
func TestTheWallClockIsSetBackBetweenPublications(t *testing.T) {
	for _, by := range []time.Duration{0, 3 * time.Second, 8 * time.Second, 14 * time.Second, 16 * time.Second, time.Minute, time.Hour, 24 * time.Hour} {
		for _, sound := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, sound %v", by, sound), func(t *testing.T) {
				b := newBroadcast(t, segmenter.Config{})
				b.quicker = true // a step that is not noticed looks like it
				for round := range 3 {
					begun := mediatest.Epoch().Add(time.Duration(round) * 35 * time.Second)
					if round == 1 {
						begun = begun.Add(-by)
					}
					src := mediatest.Source{Sound: sound, Start: begun}
					b.begin(src.Tracks())
					last := begun
					for _, u := range src.Units(30 * time.Second) {
						n := b.parts()
						b.push([]media.Unit{u})
						if b.parts() > n {
							last = u.Arrival
						}
						// Less than 10 s are no step of the clock: a publisher may be ahead.
						if gap := u.Arrival.Sub(last); gap > 11*time.Second || gap > 2*time.Second && (round != 1 || by > 15*time.Second) {
							t.Fatalf("publication %d: nothing was written for %v", round, gap)
						}
					}
					b.flush()
					if err := b.g.Err(); err != nil {
						t.Fatalf("publication %d: %v", round, err)
					}
				}
				b.check()
				if n := len(b.discontinuities()); n < 2 || n > 2 && by != 14*time.Second {
					t.Errorf("discontinuities at %v", b.discontinuities())
				}
				s := b.segments[len(b.segments)-1]
				if end := s.Media + s.close.Duration(); (end - 100*time.Second).Abs() > time.Second {
					t.Errorf("media time ends at %v, want 100 s", end)
				}
			})
		}
	}
}

// TestTheWallClockIsSetBackInAPublication whose arrivals have no monotonic reading, which those of an ingest
// have: it is given up at once, in words, and the next one is written.
func TestTheWallClockIsSetBackInAPublication(t *testing.T) {
	b := newBroadcast(t, segmenter.Config{})
	src := mediatest.Source{Sound: true}
	b.begin(src.Tracks())
	for _, u := range src.Units(30 * time.Second) {
		if u.DTS > 10*time.Second {
			u.Arrival = u.Arrival.Add(-time.Hour)
		}
		b.push([]media.Unit{u})
		if u.DTS > 11*time.Second && fault.CodeOf(b.g.Err()) != "bad_timestamps" {
			t.Fatalf("after a second the error is %v", b.g.Err())
		}
	}
	b.flush()
	n := b.parts()
	src.Start = mediatest.Epoch().Add(time.Minute - time.Hour)
	b.publish(src, 10*time.Second)
	b.check()
	if more := b.parts() - n; more < 18 || b.g.Err() != nil {
		t.Errorf("%d parts of the next publication, %v", more, b.g.Err())
	}
}

// TestTheWallClockIsSetBackWhileTheProcessIsDown: what goes on is written at once, behind what was.
func TestTheWallClockIsSetBackWhileTheProcessIsDown(t *testing.T) {
	for _, end := range []time.Duration{20 * time.Second, time.Hour} {
		start := mediatest.Epoch()
		g := segmenter.Resume(segmenter.Config{}, start, segmenter.Past{
			Next: 7, Init: 1, End: end, Target: 4 * time.Second, PartTarget: 500 * time.Millisecond,
		})
		src := mediatest.Source{Sound: true, Start: start.Add(time.Second)}
		if _, err := g.Begin(src.Tracks()); err != nil {
			t.Fatal(err)
		}
		parts, last := 0, end-1
		for _, u := range src.Units(10 * time.Second) {
			for _, e := range g.Push(u) {
				switch e := e.(type) {
				case *segmenter.Open:
					if since := u.Arrival.Sub(src.Start); e.Media <= last || e.Media > end+since {
						t.Errorf("a segment is at %v after one at %v, it came %v behind the end", e.Media, last, since)
					}
					last = e.Media
				case *segmenter.Part:
					parts++
				}
			}
		}
		if parts < 18 || g.Err() != nil {
			t.Errorf("end at %v: %d parts in 10 s, %v", end, parts, g.Err())
		}
	}
}
