package recording

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/table"
)

// Recover ends a recording whose Writer is gone, under the fence of a new owner: objects that are not final
// are made so with what the rows name of them, what of it is damaged becomes a gap. A recording that has
// ended, or that there is not, is left alone. It waits for a Writer of this process that still ends, and
// fails with ErrBusy when the context ends before.
func (s *Store) Recover(ctx context.Context, fence position.Fence, b id.Broadcast) error {
	release, err := s.holds.take(ctx, b)
	if err != nil {
		return err
	}
	defer release()
	r, gaps, err := s.rescue(ctx, fence, b)
	if errors.Is(err, ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	h := r.Header
	h.State, h.End = index.Ended, h.Start
	if h.Bytes == 0 && len(gaps) == 0 {
		h.State = index.Removed // as in Writer.End
	}
	if n := len(r.Segments); n > 0 {
		h.End = h.Start.Add(r.Segments[n-1].Media + r.Segments[n-1].Duration)
	}
	return s.finish(ctx, b, fence, &h, gaps)
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
	r, gaps, err := s.rescue(ctx, fence, b)
	if err == nil {
		err = s.finish(ctx, b, fence, &r.Header, gaps)
	}
	if err != nil {
		release()
		return nil, nil, err
	}
	w = s.writer(b, fence, r.Header, release)
	w.begun = true
	for _, i := range r.Inits {
		w.inits[i.Number] = true
	}
	return r, w, nil
}

// rescue takes over what a Writer has left open: its objects are final then. gaps are the segments that
// turned out to be damaged, which no row says yet. The caller holds the recording. It fails with ErrNone
// where nothing is open.
func (s *Store) rescue(ctx context.Context, fence position.Fence, b id.Broadcast) (r *Recording, gaps []index.Segment, err error) {
	exists, err := s.tables.FenceExisting(ctx, rows(), string(b), fence)
	if err == nil && !exists {
		err = ErrNone
	}
	if err != nil {
		return nil, nil, err
	}
	h, err := s.Header(ctx, b)
	if err == nil && h.State != index.Open {
		err = ErrNone
	}
	if err != nil {
		return nil, nil, err
	}
	if r, err = s.load(ctx, b, h); err != nil {
		return nil, nil, err
	}
	if gaps, err = s.settle(ctx, r); err != nil {
		return nil, nil, err
	}
	r.Header.Bytes, r.Header.Duration = 0, 0
	for i := range r.Segments {
		seg := &r.Segments[i]
		r.Header.Duration += seg.Duration
		r.Header.Bytes += seg.Place.Length
		r.Header.Next = max(r.Header.Next, seg.Sequence+1)
	}
	s.log.Info("recording recovered", slog.String("channel", string(h.Channel)), slog.String("broadcast", string(b)),
		slog.Int("segments", len(r.Segments)), slog.Int("damaged", len(gaps)))
	return r, gaps, nil
}

// finish writes the segments that have become gaps, and then the header.
func (s *Store) finish(ctx context.Context, b id.Broadcast, fence position.Fence, h *index.Header, gaps []index.Segment) error {
	open := *h
	open.State = index.Open
	for len(gaps) > 0 {
		n := min(len(gaps), table.MaxOps/2)
		ops := make([]table.Op, n)
		for i := range n {
			row, err := gaps[i].Encode()
			if err != nil {
				return err
			}
			ops[i] = table.Put(segmentKey(gaps[i].Sequence), row)
		}
		if err := s.write(ctx, b, fence, &open, ops); err != nil {
			return err
		}
		gaps = gaps[n:]
	}
	return s.write(ctx, b, fence, h, nil)
}

// settle makes all objects of a recording final, and gives the segments that turned out to be damaged, which
// are gaps from then on. An object of which no row knows is removed.
func (s *Store) settle(ctx context.Context, r *Recording) (gaps []index.Segment, err error) {
	for number := range r.Header.Objects + keyTries {
		key := object(r.Header.Channel, r.Broadcast, number)
		info, err := s.blobs.Stat(ctx, key)
		if errors.Is(err, blob.ErrNoObject) {
			if number < r.Header.Objects {
				damaged, _ := r.damaged(number, 0, func(index.Place) bool { return false })
				gaps = append(gaps, damaged...)
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		if !info.Growing {
			continue
		}
		damaged, size := r.damaged(number, info.Size, func(p index.Place) bool { return s.sound(ctx, r, p) })
		gaps = append(gaps, damaged...)
		if err := s.seal(ctx, r.Header.Channel, r.Broadcast, left{number, size}); err != nil {
			return nil, err
		}
	}
	return gaps, nil
}

// damaged makes gaps of the segments in an object that are not sound, or need an init segment that is not,
// and gives them, with the size up to which the object is needed.
func (r *Recording) damaged(number uint32, size int64, sound func(index.Place) bool) (gaps []index.Segment, needed int64) {
	lost := map[uint32]bool{} // init segments
	for _, i := range r.Inits {
		switch end := i.Place.Offset + i.Place.Length; {
		case i.Place.Object != number:
		case end <= size && sound(i.Place):
			needed = max(needed, end)
		default:
			lost[i.Number] = true
		}
	}
	for n := range r.Segments {
		seg := &r.Segments[n]
		if seg.Gap || seg.Place.Object != number && !lost[seg.Init] {
			continue
		}
		end := seg.Place.Offset + seg.Place.Length
		if seg.Place.Object == number && !lost[seg.Init] && end <= size && sound(seg.Place) {
			needed = max(needed, end)
			continue
		}
		seg.Gap, seg.Place = true, index.Place{}
		gaps = append(gaps, *seg)
	}
	return gaps, needed
}

// sound reports whether the bytes at a place are those that were appended.
func (s *Store) sound(ctx context.Context, r *Recording, p index.Place) bool {
	m, err := s.Open(ctx, r.Header.Channel, r.Broadcast, p)
	if err != nil {
		return false
	}
	defer func() { _ = m.Close() }() // it was only read
	body := make([]byte, p.Length)
	_, err = io.ReadFull(m, body)
	return err == nil && sumOf(body) == p.Sum
}

// Remove deletes a recording: from now on it is not there, its bytes go next, its rows last. When it fails it
// is done in part, and is to be called again. One that there is not is no error. It waits as Recover does.
func (s *Store) Remove(ctx context.Context, fence position.Fence, channel id.Channel, b id.Broadcast) error {
	release, err := s.holds.take(ctx, b)
	if err != nil {
		return err
	}
	defer release()
	exists, err := s.tables.FenceExisting(ctx, rows(), string(b), fence)
	if err != nil {
		return err
	}
	row, err := s.tables.Get(ctx, rows(), string(b), headerKey())
	switch {
	case errors.Is(err, table.ErrNoRow) || !exists:
		return nil
	case err != nil:
		return err
	}
	h, err := index.DecodeHeader(row.Value)
	if err != nil {
		return err
	}
	if h.Channel != channel {
		return ErrNone
	}
	if h.State != index.Removed {
		h.State = index.Removed
		if err := s.write(ctx, b, fence, &h, nil); err != nil {
			return err
		}
	}
	if _, err := s.blobs.DeletePrefix(ctx, prefix(channel, b)); err != nil {
		return err
	}
	unlist := table.Batch{Table: list(), Partition: string(channel), Ops: []table.Op{table.Delete(listKey(h.Start, b))}}
	if err := s.delete(ctx, table.Batch{Table: rows(), Partition: string(b), Fence: fence, Ops: []table.Op{table.DeleteRange([]byte{'i'}, nil)}}); err != nil {
		return err
	}
	if err := s.delete(ctx, unlist); err != nil {
		return err
	}
	return s.delete(ctx, table.Batch{Table: rows(), Partition: string(b), Fence: fence, Ops: []table.Op{table.Delete(headerKey())}})
}

func (s *Store) delete(ctx context.Context, b table.Batch) error {
	_, err := s.tables.Write(ctx, b)
	return err
}
