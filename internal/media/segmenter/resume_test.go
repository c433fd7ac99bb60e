package segmenter_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/internal/media/segmenter"
)

// TestResume: what another process goes on with has the numbers that follow, the targets that were, and
// never a media time before the end of what was, and none in the future unless that was there already.
func TestResume(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := time.Date(2026, time.March, 4, 5, 6, 7, 0, time.UTC)
		end := time.Duration(rapid.IntRange(0, 100_000).Draw(t, "ms")) * time.Millisecond
		away := time.Duration(rapid.IntRange(-3000, 60_000).Draw(t, "ms away")) * time.Millisecond
		past := segmenter.Past{
			Next: rapid.Uint64Range(1, 1<<40).Draw(t, "next"), Init: rapid.IntRange(1, 9).Draw(t, "init"), End: end,
			Target: 6 * time.Second, PartTarget: rapid.SampledFrom([]time.Duration{0, 200 * time.Millisecond, 700 * time.Millisecond}).Draw(t, "part"),
		}
		src := mediatest.Source{FPS: 15, Start: start.Add(max(0, end+away)), Sound: rapid.Bool().Draw(t, "sound"), GOP: 30}
		g := segmenter.Resume(segmenter.Config{SegmentMax: 4 * time.Second}, start, past)
		if want := max(past.PartTarget, 500*time.Millisecond); g.Target() != past.Target || past.PartTarget == 0 && g.PartTarget() != want ||
			past.PartTarget > 0 && g.PartTarget() != past.PartTarget {
			t.Fatalf("targets: %v and %v", g.Target(), g.PartTarget())
		}
		if _, err := g.Begin(src.Tracks()); err != nil {
			t.Fatal(err)
		}
		next, last := past.Next, time.Duration(-1)
		see := func(events []segmenter.Event, arrival time.Time) {
			for _, e := range events {
				switch e := e.(type) {
				case *segmenter.Init:
					if e.Number != past.Init {
						t.Fatalf("init segment %d, want %d", e.Number, past.Init)
					}
				case *segmenter.Open:
					if e.Sequence != next || e.Discontinuity != (next == past.Next) || e.Init != past.Init {
						t.Fatalf("want segment %d, got %+v", next, e)
					}
					if late := arrival.Sub(start); e.Media < end || e.Media <= last || e.Media > late+max(0, -away)+10*time.Millisecond {
						t.Fatalf("segment %d is at %v, after one at %v; it ended at %v, and came at %v", e.Sequence, e.Media, last, end, late)
					}
					last = e.Media
					next++
				case *segmenter.Part:
					if e.Duration() > g.PartTarget() {
						t.Fatalf("a part of %v", e.Duration())
					}
				}
			}
		}
		for _, u := range src.Units(9 * time.Second) {
			see(g.Push(u), u.Arrival)
		}
		see(g.Flush(), src.Start.Add(9*time.Second))
		if next < past.Next+3 {
			t.Fatalf("%d segments", next-past.Next)
		}
	})
}
