package segmenter_test

import (
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/internal/media/segmenter"
)

// typical is 2.5 Mbit/s at 30 pictures a second with sound.
func typical(d time.Duration) (mediatest.Source, []media.Unit) {
	src := mediatest.Source{Sound: true, Size: 9_400}
	return src, src.Units(d)
}

// cut pushes the units and counts the parts that come of them.
func cut(tb testing.TB, src mediatest.Source, units []media.Unit) (parts int) {
	tb.Helper()
	g := segmenter.New(segmenter.Config{}, mediatest.Epoch())
	if _, err := g.Begin(src.Tracks()); err != nil {
		tb.Fatal(err)
	}
	for _, u := range units {
		for _, e := range g.Push(u) {
			if _, ok := e.(*segmenter.Part); ok {
				parts++
			}
		}
	}
	return parts
}

// TestPartAllocations holds the budget of a part: its bytes, its event, and a share of its segment's.
func TestPartAllocations(t *testing.T) {
	src, units := typical(60 * time.Second)
	short := units[:mediatest.Index(units, 10*time.Second)] // the init segment costs thousands, once
	n := testing.AllocsPerRun(5, func() { cut(t, src, units) }) - testing.AllocsPerRun(5, func() { cut(t, src, short) })
	parts := cut(t, src, units) - cut(t, src, short)
	if per := n / float64(parts); per > 4 {
		t.Errorf("a part costs %.1f allocations, the budget is 4", per)
	}
}

// BenchmarkCut is a minute of media, from units to parts.
func BenchmarkCut(b *testing.B) {
	src, units := typical(time.Minute)
	parts := 0
	b.ReportAllocs()
	for b.Loop() {
		parts = cut(b, src, units)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*parts), "ns/part")
}
