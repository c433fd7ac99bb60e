package origin_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/origin"
	"github.com/barrage-live/barrage/live/recording"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/blob/blobtest"
	"github.com/barrage-live/barrage/storage/blob/faultblob"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// slowly is an origin whose object store takes its time, as the test says.
type slowly struct {
	*origin.Origin
	store        *recording.Store
	blobs        *blob.Store
	grow, delete atomic.Int64 // how long such a call takes, in ns
}

// slowBubble runs f in fake time with such an origin.
func slowBubble(t *testing.T, f func(t *testing.T, s *slowly)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &slowly{}
		s.blobs = blob.New(faultblob.Wrap(blobtest.NewBucket(0).Client(), func(c faultblob.Call) faultblob.Fault {
			switch c.Kind { //nolint:exhaustive // the others are quick
			case faultblob.Grow:
				<-time.After(time.Duration(s.grow.Load()))
			case faultblob.Delete:
				<-time.After(time.Duration(s.delete.Load()))
			}
			return faultblob.Fault{}
		}))
		s.store = recording.New(pebbletest.Open(t), s.blobs, slog.New(slog.DiscardHandler))
		s.Origin = origin.New(config(s.store))
		f(t, s)
		if err := s.Drain(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func (s *slowly) open(t *testing.T, b id.Broadcast, fence uint64) *live.Stream {
	t.Helper()
	stream, err := s.Open(t.Context(), lease(b, fence), tracks())
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func (s *slowly) erase(t *testing.T, b id.Broadcast) {
	t.Helper()
	repeat(t, func() error { return s.Remove(t.Context(), after(9), ch, b) })
}

// repeat asks again while the answer is late, because the storage is slow.
func repeat(t *testing.T, ask func() error) {
	t.Helper()
	var err error
	for range 100 {
		if err = ask(); err == nil {
			return
		}
	}
	t.Fatal(err)
}

// wantNothing checks that there is nothing of a recording, listed or not.
func (s *slowly) wantNothing(t *testing.T, b id.Broadcast) {
	t.Helper()
	if _, err := s.store.Header(t.Context(), b); !errors.Is(err, recording.ErrNone) {
		t.Errorf("the header of what was erased: %v", err)
	}
	for object, err := range s.blobs.List(t.Context(), "live/"+string(ch)+"/"+string(b)+"/", "") {
		t.Errorf("what was erased has an object: %+v, %v", object, err)
	}
	list, _, err := s.store.List(t.Context(), ch, "", 10)
	if err != nil {
		t.Error(err)
	}
	for _, r := range list {
		if r.Broadcast == b {
			t.Errorf("what was erased is listed: %+v", r)
		}
	}
}

// TestAnErasedRecordingStaysAway erases while the packager still writes what waited for the storage.
func TestAnErasedRecordingStaysAway(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(t *testing.T, s *slowly)
		grow time.Duration
	}{
		{"behind the next broadcast", func(t *testing.T, s *slowly) { s.open(t, b2, 2) }, 3 * time.Second},
		{"while it lingers", func(t *testing.T, s *slowly) {
			if err := s.Finish(t.Context(), ch, b1, 1); err != nil {
				t.Error(err)
			}
		}, 3 * time.Second},
		{"longer than its packager waits", func(t *testing.T, s *slowly) { s.open(t, b2, 2) }, 40 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			slowBubble(t, func(t *testing.T, s *slowly) {
				stream := s.open(t, b1, 1)
				publish(t, stream, 4*time.Second)
				s.grow.Store(int64(c.grow))
				publish(t, stream, 6*time.Second)
				c.end(t, s)
				s.erase(t, b1)
				s.wantNothing(t, b1)
				<-time.After(5 * time.Minute)
				s.wantNothing(t, b1)
			})
		})
	}
}

// TestErasedBeforeItsFirstSegmentIsRecorded: what waits to begin is not begun behind the removal.
func TestErasedBeforeItsFirstSegmentIsRecorded(t *testing.T) {
	slowBubble(t, func(t *testing.T, s *slowly) {
		publish(t, s.open(t, b1, 1), time.Second)
		s.open(t, b2, 2) // ends the only segment
		s.erase(t, b1)
		s.wantNothing(t, b1)
		<-time.After(time.Minute)
		s.wantNothing(t, b1)
	})
}

// TestRecoverWaitsForTheWriter: what a packager still writes is not ended under it.
func TestRecoverWaitsForTheWriter(t *testing.T) {
	slowBubble(t, func(t *testing.T, s *slowly) {
		stream := s.open(t, b1, 1)
		publish(t, stream, 4*time.Second)
		s.grow.Store(int64(300 * time.Millisecond)) // for each part, twice
		publish(t, stream, 6*time.Second)
		s.open(t, b2, 2)
		repeat(t, func() error { return s.Recover(t.Context(), after(9), b1) })
		first, err := s.store.Header(t.Context(), b1)
		if err != nil || first.State != index.Ended || first.Duration < 9900*time.Millisecond {
			t.Errorf("settled: %+v, %v", first, err)
		}
		<-time.After(time.Minute)
		if later, err := s.store.Header(t.Context(), b1); err != nil || later != first {
			t.Errorf("later it is %+v, %v; it was %+v", later, err, first)
		}
	})
}

// TestAnEraseHoldsNobodyUp: while the storage deletes one broadcast, viewers of the next are answered, and
// another can begin; a second erase of the same is answered when it is done.
func TestAnEraseHoldsNobodyUp(t *testing.T) {
	for _, live := range []bool{true, false} {
		slowBubble(t, func(t *testing.T, s *slowly) {
			publish(t, s.open(t, b1, 1), 4*time.Second)
			if err := s.Finish(t.Context(), ch, b1, 1); err != nil {
				t.Fatal(err)
			}
			<-time.After(3 * time.Minute)
			if live {
				publish(t, s.open(t, b2, 2), 4*time.Second)
			}
			s.delete.Store(int64(4 * time.Second))
			erased := make(chan error, 2)
			for range 2 {
				go func() { erased <- s.Remove(t.Context(), after(9), ch, b1) }()
			}
			synctest.Wait()
			at := time.Now()
			if _, err := s.Locate(ch); live && err != nil || !live && !errors.Is(err, origin.ErrNotLive) {
				t.Errorf("locate: %v, with a broadcast on air: %v", err, live)
			}
			s.open(t, b2, 3)
			if d := time.Since(at); d != 0 {
				t.Errorf("answered after %v", d)
			}
			for range 2 {
				if err := <-erased; err != nil {
					t.Errorf("erase: %v", err)
				}
			}
			s.wantNothing(t, b1)
		})
	}
}
