package recording

import (
	"context"
	"errors"

	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/internal/position"
)

// Recover ends a recording whose Writer is gone, under the fence of a new owner: the parts of segments that
// were being filled become segments, objects that are not final are made so with what the rows name of
// them, and what of it is damaged becomes a gap. A recording that has ended, or that there is not, is left
// alone. It waits for a Writer of this process that still ends, and fails with ErrBusy when the context
// ends before.
func (s *Store) Recover(ctx context.Context, fence position.Fence, b id.Broadcast) error {
	release, err := s.holds.take(ctx, b)
	if err != nil {
		return err
	}
	defer release()
	r, changes, err := s.rescue(ctx, fence, b)
	if errors.Is(err, ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	h := r.Header
	h.State, h.End = index.Ended, h.Start
	if h.Bytes == 0 && len(changes.segments) == 0 {
		h.State = index.Removed // as in Writer.End
	}
	if n := len(r.Segments); n > 0 {
		h.End = h.Start.Add(r.Segments[n-1].Media + r.Segments[n-1].Duration)
	}
	return s.finish(ctx, r, fence, &h, changes)
}

// Resume goes on with a recording whose Writer is gone, under the fence of a new owner. What that Writer left
// is made final as by Recover, and the recording stays open: r is all there is of it, and w, which holds it
// until End or Die, writes what follows. It fails with ErrNone where there is none or it has ended, and
// with ErrBusy as Recover does. It may be repeated.
func (s *Store) Resume(ctx context.Context, fence position.Fence, b id.Broadcast) (r *Recording, w *Writer, err error) {
	release, err := s.holds.take(ctx, b)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if w == nil { // also after a panic, that the recording is not held until the process ends
			release()
		}
	}()
	r, changes, err := s.rescue(ctx, fence, b)
	if err == nil {
		err = s.finish(ctx, r, fence, &r.Header, changes)
	}
	if err != nil {
		return nil, nil, err
	}
	w = s.writer(b, fence, r.Header, release)
	w.begun, w.stored, w.used = true, true, r.Header.Bytes
	for _, i := range r.Inits {
		w.inits[i.Number] = true
	}
	return r, w, nil
}
