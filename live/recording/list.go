package recording

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/storage/table"
)

// MaxList is how many recordings a page of a list has at most.
const MaxList = 100

const startBytes = 8 // of a list key

// Entry is one recording of a list.
type Entry struct {
	Broadcast id.Broadcast
	Header    index.Header
}

// List gives recordings of a channel, the newest first, at most limit and MaxList of them, after the cursor
// (empty: from the beginning); next is the cursor to go on with, empty at the end. Each is as it was when
// its page was read. A bad cursor is refused with fault.ErrCursor.
func (s *Store) List(ctx context.Context, channel id.Channel, cursor string, limit int) (page []Entry, next string, err error) {
	span := table.Range{Table: list(), Partition: string(channel), Reverse: true, Damaged: func([]byte) {}}
	if cursor != "" {
		if _, ok := broadcastOf([]byte(cursor)); !ok {
			return nil, "", fault.ErrCursor
		}
		span.To = []byte(cursor)
	}
	limit = max(1, min(limit, MaxList))
	for more := true; more; {
		span.Limit = limit - len(page) + 1
		var found []table.Row
		if found, more, err = s.tables.Scan(ctx, span); err != nil {
			return nil, "", err
		}
		for _, row := range found {
			b, ok := broadcastOf(row.Key)
			if !ok {
				continue
			}
			if len(page) == limit {
				last := page[limit-1]
				return page, string(listKey(last.Header.Start, last.Broadcast)), nil
			}
			h, err := s.Header(ctx, b)
			switch {
			case err == nil:
				page = append(page, Entry{b, h})
			case errors.Is(err, ErrNone) || fault.KindOf(err) == fault.Internal:
				// begun and not recorded, being removed, or damaged
			default:
				return nil, "", err
			}
		}
		span = table.Rest(span, found)
	}
	return page, "", nil
}

// broadcastOf reads a key of the list.
func broadcastOf(key []byte) (b id.Broadcast, ok bool) {
	if len(key) <= startBytes || binary.BigEndian.Uint64(key) > 1<<50 {
		return "", false
	}
	return id.Broadcast(key[startBytes:]), true
}

// startOf is when a recording began, to the millisecond, by its key of the list.
func startOf(key []byte) time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(key))).UTC()
}
