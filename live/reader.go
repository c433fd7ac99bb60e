package live

import (
	"context"
	"sync/atomic"

	"github.com/barrage-live/barrage/internal/media"
)

// Reader follows one Stream at its own pace. One goroutine uses it; Skipped may be asked by any.
type Reader struct {
	stream  *Stream
	signal  chan struct{}
	next    uint64
	seek    bool   // units are passed over until decoding can start
	tracks  change // of the last unit it gave
	skipped atomic.Uint64
}

// Tracks are those of the last unit that Next gave, at first of the unit to come. The goroutine of Next may
// ask.
func (r *Reader) Tracks() []media.Track { return r.tracks.tracks }

// Next gives the next unit, waiting for it if there is none. The first one that has other tracks than the
// last has them in Tracks, whatever was skipped. The unit is shared: only read it. It fails with the
// context's error or, behind the last unit, with the reason for which the stream ended.
func (r *Reader) Next(ctx context.Context) (media.Unit, error) {
	for {
		u, ok, err := r.take()
		if ok || err != nil {
			return u, err
		}
		select {
		case <-r.signal:
		case <-ctx.Done():
			return media.Unit{}, ctx.Err()
		}
	}
}

// take gives the next unit if there is one, and the stream's reason if there will be none.
func (r *Reader) take() (media.Unit, bool, error) {
	s := r.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.next < s.mu.tail {
		r.skipped.Add(s.mu.tail - r.next)
		r.next, r.seek = s.mu.tail, true
	}
	for r.seek && r.next < s.mu.head {
		if s.entry(r.next) {
			r.seek = false
			break
		}
		r.next++
		r.skipped.Add(1)
	}
	if r.next == s.mu.head {
		return media.Unit{}, false, s.mu.err
	}
	u := s.mu.ring[r.next%uint64(len(s.mu.ring))]
	u.Tracks = nil
	if c := s.tracksAt(r.next); c.number != r.tracks.number {
		r.tracks, u.Tracks = *c, c.tracks
	}
	r.next++
	return u, true, nil
}

// Skipped is how many units the reader passed over: because it was too slow, or because decoding could not
// start.
func (r *Reader) Skipped() uint64 { return r.skipped.Load() }

// Close lets the stream forget the reader.
func (r *Reader) Close() {
	s := r.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mu.readers, r)
}
