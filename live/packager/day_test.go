package packager

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/recording"
)

// forgetful takes segments and keeps none, so that the memory of a test is that of the packager.
type forgetful struct{}

func (forgetful) Append(context.Context, recording.Part) error { return nil }

func (forgetful) Keep(context.Context, recording.Piece) error { return nil }

func (forgetful) End(context.Context, time.Time) error { return nil }

func (forgetful) Paused() bool { return false }

func (forgetful) Segment(context.Context, uint64) (*recording.Media, error) {
	return nil, recording.ErrNone
}

func (forgetful) InitSegment(context.Context, uint32) (*recording.Media, error) {
	return nil, recording.ErrNone
}

// TestADay is point 25: a day with a thousand reconnects and timestamps that wrap. The clock must not
// drift, sequence numbers must not repeat, and neither playlist nor memory may grow.
func TestADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, forgetful{})
		began := time.Now()
		const rounds = 1000
		span := 24 * time.Hour / rounds
		src := mediatest.Source{FPS: 4, GOP: 8, Size: 16}
		units := src.Units(span - 2*time.Second)
		var early, late runtime.MemStats
		for round := range rounds {
			s := live.NewStream(id.NewStream(), src.Tracks())
			if err := p.Attach(s); err != nil {
				t.Fatal(err)
			}
			shift := time.Since(mediatest.Epoch())
			wrap := 1<<32*time.Millisecond - time.Duration(round%90)*time.Second // somewhere in most rounds
			for _, u := range units {
				u.Arrival = u.Arrival.Add(shift)
				u.DTS = (u.DTS + wrap) % (1 << 32 * time.Millisecond)
				u.PTS = u.DTS
				<-time.After(time.Until(u.Arrival))
				if err := s.Write(u); err != nil {
					t.Fatal(err)
				}
			}
			s.Close(nil)
			synctest.Wait()
			<-time.After(time.Until(began.Add(time.Duration(round+1) * span)))
			if round == rounds/24 {
				runtime.GC()
				runtime.ReadMemStats(&early)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&late)
		m := text(t, p)
		last := m.Segments[len(m.Segments)-1]
		if off := began.Add(24*time.Hour - 2*time.Second).Sub(last.DateTime.Add(last.Duration)); off.Abs() > 300*time.Millisecond {
			t.Errorf("after a day the clock is off by %v", off)
		}
		if n := m.MediaSequence + len(m.Segments); n < 40_000 || n > 50_000 {
			t.Errorf("%d segments in a day", n)
		}
		if size := len(p.snapshot.Load().Full().Plain()); size > 16<<10 {
			t.Errorf("the playlist of a minute has %d bytes", size)
		}
		if len(p.mu.memory.segments) > 40 || len(p.mu.waiting) != 0 {
			t.Errorf("%d segments in memory, %d places waited for", len(p.mu.memory.segments), len(p.mu.waiting))
		}
		if late.HeapAlloc > 2*early.HeapAlloc {
			t.Errorf("heap of %d kB after an hour and of %d kB after a day", early.HeapAlloc>>10, late.HeapAlloc>>10)
		}
		t.Logf("heap %d kB after an hour, %d kB after a day", early.HeapAlloc>>10, late.HeapAlloc>>10)
	})
}
