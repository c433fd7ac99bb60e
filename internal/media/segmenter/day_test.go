package segmenter_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/internal/media/segmenter"
)

// TestADayOfOnePublication: a publisher whose clock runs 150 millionths fast or slow, 13 s in a day, on a
// mobile line. Its media time is that of our clock all day, and nothing else happens.
func TestADayOfOnePublication(t *testing.T) {
	for _, ppm := range []int{150, -150} {
		l := line{delay: 60 * time.Millisecond, jitter: 10 * time.Millisecond, waves: 150 * time.Millisecond, ppm: ppm}
		ours := func(d time.Duration) time.Duration { return d - d/1_000_000*time.Duration(ppm) }
		r := rand.New(rand.NewPCG(7, uint64(1000+ppm)))
		src := mediatest.Source{FPS: 4, GOP: 8, Size: 9} // segments of two seconds
		g := segmenter.New(segmenter.Config{}, mediatest.Epoch())
		if _, err := g.Begin(src.Tracks()); err != nil {
			t.Fatal(err)
		}
		var worst, back, media time.Duration
		segments := uint64(0)
		for hour := range 24 {
			src.From = time.Duration(hour) * time.Hour
			src.Start = mediatest.Epoch().Add(ours(src.From))
			for _, u := range l.carry(src.Units(time.Hour), r) {
				for _, e := range g.Push(u) {
					open, ok := e.(*segmenter.Open)
					if !ok {
						continue
					}
					if open.Discontinuity || !open.Independent || open.Media > u.Arrival.Sub(mediatest.Epoch()) || open.Sequence != segments {
						t.Fatalf("in hour %d, segment %d: %+v", hour, segments, open)
					}
					if off := open.Media - ours(2*time.Second*time.Duration(segments)) - l.delay; segments > 20 {
						worst = max(worst, off.Abs())
					}
					if segments > 0 {
						back = max(back, media+2*time.Second-open.Media)
					}
					media = open.Media
					segments++
				}
			}
		}
		t.Logf("%d ppm: media time off by %v at most, back by %v at most", ppm, worst, back)
		if segments < 43_199 || worst > exact || back > time.Second/4 || g.Counters() != (segmenter.Counters{}) {
			t.Errorf("%d segments, media time off by %v and back by %v, %+v", segments, worst, back, g.Counters())
		}
	}
}
