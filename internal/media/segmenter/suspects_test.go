package segmenter

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/mediatest"
)

// bounded holds that what is in doubt is little.
func (g *Segmenter) bounded(t interface{ Fatalf(string, ...any) }) {
	for i := range g.line.lanes {
		if n := &g.line.lanes[i]; len(n.suspects) >= confirm || n.weight() > maxDoubted {
			t.Fatalf("%d suspects of track %d, %d bytes", len(n.suspects), i, n.weight())
		}
	}
}

// TestSuspectsAreBounded whatever timestamps and arrivals do.
func TestSuspectsAreBounded(t *testing.T) {
	small := make([]byte, 100)
	sizes := [][]byte{small, small, make([]byte, maxDoubted/2), make([]byte, maxDoubted+1)}
	away := rapid.Custom(func(t *rapid.T) time.Duration {
		by := rapid.SampledFrom([]time.Duration{0, 0, 0, 0, time.Millisecond, time.Second, maxLead, time.Hour}).Draw(t, "by")
		return by * time.Duration(rapid.IntRange(-3, 3).Draw(t, "times"))
	})
	rapid.Check(t, func(t *rapid.T) {
		g := New(Config{}, mediatest.Epoch())
		src := mediatest.Source{Sound: true}
		for range rapid.IntRange(1, 3).Draw(t, "publications") {
			if _, err := g.Begin(src.Tracks()); err != nil {
				t.Fatal(err)
			}
			var shift [2]time.Duration
			late := away.Draw(t, "late")
			for i, u := range src.Units(3 * time.Second) {
				if i%10 == 0 {
					shift[u.Track] += away.Draw(t, "shift")
					late += away.Draw(t, "later")
				}
				u.DTS, u.PTS, u.Arrival = u.DTS+shift[u.Track], u.PTS+shift[u.Track], u.Arrival.Add(late)
				u.Data = [][]byte{small}
				if i%70 < 3 {
					u.Data[0] = rapid.SampledFrom(sizes).Draw(t, "data")
				}
				g.Push(u)
				g.bounded(t)
			}
		}
	})
}

// TestSuspectsOfATrackThatWasNotSeenAreBounded: it is behind a clock that was set back, while the other track
// is where it was; its offset alone cannot be right.
func TestSuspectsOfATrackThatWasNotSeenAreBounded(t *testing.T) {
	src := mediatest.Source{Sound: true, Size: 20_000}
	for _, soundFirst := range []bool{false, true} {
		g := New(Config{}, mediatest.Epoch())
		for round := range 2 {
			if _, err := g.Begin(src.Tracks()); err != nil {
				t.Fatal(err)
			}
			for i, u := range src.Units(30 * time.Second) {
				if round == 1 && soundFirst && i < 3 && u.Track == 0 {
					continue
				}
				if round == 1 && u.DTS > time.Second { // in its midst, too
					u.Arrival = u.Arrival.Add(-time.Hour)
				}
				u.Arrival = u.Arrival.Add(time.Duration(round) * 35 * time.Second)
				g.Push(u)
				g.bounded(t)
			}
		}
	}
}

// TestAPublicationGoesByMonotonicTime, though the start of its broadcast has none: what becomes of the wall
// clock in its course is nothing to it.
func TestAPublicationGoesByMonotonicTime(t *testing.T) {
	start, now := time.Now().Add(-time.Hour).Round(0), time.Now()
	c := newClock(start)
	c.restart(0, 1)
	c.anchor(now)
	if !strings.Contains(c.start.String(), " m=") || !c.start.Equal(start) {
		t.Errorf("the clock starts at %v, the broadcast at %v", c.start, start)
	}
}

// TestASuspectOfAnotherCodecIsDropped: its timestamp was a glitch, and then the codec is another one.
func TestASuspectOfAnotherCodecIsDropped(t *testing.T) {
	vp9 := media.Track{Config: mediatest.Encode(t, media.VP9, "", 1).Tracks[0].Config}
	src := mediatest.Source{GOP: 30}
	g := New(Config{}, mediatest.Epoch())
	if _, err := g.Begin(src.Tracks()); err != nil {
		t.Fatal(err)
	}
	units := src.Units(6 * time.Second)
	old := []byte("a picture of H.264")
	units[120].Data = [][]byte{old}
	units[120].DTS += time.Hour
	units[120].Key = true
	units[121].Tracks, units[121].Key = []media.Track{vp9}, true
	for _, u := range units {
		g.Push(u)
		if u.Tracks == nil {
			continue
		}
		for _, s := range append(g.video.queue, g.video.pending) {
			if len(s.out.Data) > 0 && string(s.out.Data[0]) == string(old) {
				t.Error("a picture of H.264 is among those of VP9")
			}
		}
	}
	if g.Counters().Glitches != 1 {
		t.Errorf("%+v", g.Counters())
	}
}
