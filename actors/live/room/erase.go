package room

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/storage/table"
)

// IndexStore is what a TimeIndex needs of storage.
type IndexStore interface {
	Store
	Pages(ctx context.Context, r table.Range) iter.Seq2[[]table.Row, error]
	Walk(ctx context.Context, t table.Table, from table.Cursor, limit int) (partitions []string, next table.Cursor, err error)
}

// Has reports whether the index has danmaku of a broadcast that is over. Refusals: those of Delete.
func (x *TimeIndex) Has(ctx context.Context, r id.Room, b id.Broadcast) (bool, error) {
	if err := x.settle(ctx, r, b); err != nil {
		return false, err
	}
	return isListed(ctx, x.store, r, b)
}

// settle waits until the index has all danmaku of a broadcast that is over.
func (x *TimeIndex) settle(ctx context.Context, r id.Room, b id.Broadcast) error {
	_, err := cluster.Ask[any](ctx, x.node, kindName, string(r), settle{b})
	return err
}

// Delete removes the danmaku of a broadcast that is over from the index, for good. It returns once they are
// gone; a failed one may be repeated. The log keeps its own until they expire. Refusals: Conflict
// "broadcast_running", NotFound "no_room", Exhausted "room_busy", and the storage's.
func (x *TimeIndex) Delete(ctx context.Context, r id.Room, b id.Broadcast) error {
	if err := x.settle(ctx, r, b); err != nil {
		return err
	}
	// Whoever indexes the log from its beginning on, because a cursor was damaged, finds this; so does an
	// activation that does not know yet that it has lost the room.
	mark := table.Batch{Table: timeTable(), Partition: broadcastPart(r, b), Ops: []table.Op{table.Put([]byte(stateKey), []byte{byte(deleted)})}}
	if _, err := x.store.Write(ctx, mark); err != nil {
		return err
	}
	return eraseIndex(ctx, x.store, r, b)
}

// Sweep deletes the danmaku of the broadcasts that were over before a time and of which nothing else is kept.
// What fails is done by the next one; the first failure is returned. It gives how many were deleted.
func (x *TimeIndex) Sweep(ctx context.Context, before time.Time, kept func(context.Context, id.Broadcast) (bool, error)) (n int, err error) {
	var cursor table.Cursor
	for {
		rooms, next, e := x.store.Walk(ctx, listTable(), cursor, 0)
		if e != nil {
			return n, e
		}
		for _, r := range rooms {
			m, e := x.sweepRoom(ctx, id.Room(r), before, kept)
			n += m
			if err == nil {
				err = e
			}
		}
		if cursor = next; next == "" || ctx.Err() != nil {
			return n, err
		}
	}
}

func (x *TimeIndex) sweepRoom(ctx context.Context, r id.Room, before time.Time, kept func(context.Context, id.Broadcast) (bool, error)) (n int, err error) {
	for page, e := range x.store.Pages(ctx, table.Range{Table: listTable(), Partition: string(r), Damaged: func([]byte) {}}) {
		if e != nil {
			return n, e
		}
		for _, row := range page {
			if len(row.Value) != 8 || !time.UnixMilli(int64(binary.BigEndian.Uint64(row.Value))).Before(before) {
				continue
			}
			keep, e := kept(ctx, id.Broadcast(row.Key))
			if e == nil && !keep {
				if e = x.Delete(ctx, r, id.Broadcast(row.Key)); e == nil {
					n++
				}
			}
			if err == nil {
				err = e
			}
		}
	}
	return n, err
}

// isListed reports whether the index has danmaku of a broadcast.
func isListed(ctx context.Context, store Store, r id.Room, b id.Broadcast) (bool, error) {
	switch _, err := store.Get(ctx, listTable(), string(r), []byte(b)); {
	case errors.Is(err, table.ErrNoRow):
		return false, nil
	case errors.Is(err, table.ErrCorrupt): // then there is a row
		return true, nil
	default:
		return err == nil, err
	}
}

// eraseIndex removes what the index has of a broadcast but the mark of its state. It is listed for as long
// as there is anything.
func eraseIndex(ctx context.Context, store Store, r id.Room, b id.Broadcast) error {
	write := func(t table.Table, partition string, ops ...table.Op) error {
		_, err := store.Write(ctx, table.Batch{Table: t, Partition: partition, Ops: ops})
		return err
	}
	part := broadcastPart(r, b)
	for {
		minutes, err := minutesOf(ctx, store, part, []byte{minutePrefix}, []byte{minutePrefix + 1})
		if err != nil {
			return err
		}
		if len(minutes) == 0 {
			return write(listTable(), string(r), table.Delete([]byte(b)))
		}
		told := make([]table.Op, len(minutes))
		for i, n := range minutes {
			if err := write(timeTable(), minutePart(r, b, n), table.DeleteRange(nil, nil)); err != nil {
				return err
			}
			told[i] = table.Delete(minuteKey(n))
		}
		if err := write(timeTable(), part, told...); err != nil {
			return err
		}
	}
}

// minutesOf lists those of a broadcast that have danmaku and whose keys lie in a range, or the first of them.
// The number is in the key, so that a damaged row tells as much as another.
func minutesOf(ctx context.Context, store Store, partition string, from, to []byte) (all []uint64, err error) {
	take := func(key []byte) { all = append(all, binary.BigEndian.Uint64(key[1:])) }
	rows, _, err := store.Scan(ctx, table.Range{
		Table: timeTable(), Partition: partition, From: from, To: to, Limit: pageMinutes, Damaged: take,
	})
	for _, row := range rows {
		take(row.Key)
	}
	slices.Sort(all)
	return slices.Compact(all), err
}
