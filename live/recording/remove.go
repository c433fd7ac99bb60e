package recording

import (
	"context"
	"errors"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
)

// Remove deletes a recording: from now on it is not there, its bytes go next, its rows last. When it fails it
// is done in part, and is to be called again. One that there is not is no error; one of another channel is
// ErrNone. A header that is damaged or was never written keeps nothing from being removed: the list
// of the channel says that there is something. It waits as Recover does.
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
	h, err := s.header(ctx, b)
	switch missing := errors.Is(err, ErrNone); {
	case missing || fault.KindOf(err) == fault.Internal:
		var found bool
		if h, found, err = s.listedAs(ctx, channel, b); err != nil || !found && missing {
			return err
		}
		if !found {
			return ErrNone
		}
		h.State = index.Open
	case err != nil:
		return err
	case h.Channel != channel:
		return ErrNone
	}
	if h.State != index.Removed && exists {
		h.State, h.End = index.Removed, time.Time{}
		if err := s.write(ctx, b, fence, &h, nil); err != nil {
			return err
		}
	}
	if _, err := s.blobs.DeletePrefix(ctx, prefix(channel, b)); err != nil {
		return err
	}
	return s.forget(ctx, fence, &h, b, exists)
}

// forget deletes the rows of a recording, that of the header last: while it is there the removal is found and
// finished.
func (s *Store) forget(ctx context.Context, fence position.Fence, h *index.Header, b id.Broadcast, exists bool) error {
	steps := []table.Batch{
		{Table: rows(), Partition: string(b), Fence: fence, Ops: []table.Op{table.DeleteRange([]byte{'i'}, nil)}},
		{Table: list(), Partition: string(h.Channel), Ops: []table.Op{table.Delete(listKey(h.Start, b))}},
		{Table: rows(), Partition: string(b), Fence: fence, Ops: []table.Op{table.Delete(headerKey())}},
	}
	for _, step := range steps {
		if step.Table == rows() && !exists {
			continue // nothing was ever written there
		}
		if _, err := s.tables.Write(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

// listedAs makes a header of what the list of a channel says of a recording.
func (s *Store) listedAs(ctx context.Context, channel id.Channel, b id.Broadcast) (h index.Header, found bool, err error) {
	for page, err := range s.tables.Pages(ctx, table.Range{
		Table: list(), Partition: string(channel), Reverse: true, Damaged: func([]byte) {},
	}) {
		if err != nil {
			return h, false, err
		}
		for _, row := range page {
			if listed, ok := broadcastOf(row.Key); ok && listed == b {
				return index.Header{Channel: channel, Start: startOf(row.Key), Target: time.Second}, true, nil
			}
		}
	}
	return h, false, nil
}
