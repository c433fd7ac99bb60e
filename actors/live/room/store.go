package room

import (
	"context"
	"errors"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
)

// Store is what rooms need of storage; *table.Store is one.
type Store interface {
	Get(ctx context.Context, t table.Table, partition string, key []byte) (table.Row, error)
	Scan(ctx context.Context, r table.Range) (rows []table.Row, more bool, err error)
	Write(ctx context.Context, b table.Batch) (table.Version, error)
	WriteAll(ctx context.Context, all []table.Batch) error
	Fence(ctx context.Context, t table.Table, partition string, f position.Fence) error
}

// roomTable holds what a room is; a partition is a room.
func roomTable() table.Table { return table.Owned("room") }

// rows maps one room to its rows, under the fence of one activation.
type rows struct {
	store Store
	cfg   Config
	room  id.Room
	fence position.Fence
	// card is the version of the card's row, which every change of the card or the mutes requires and
	// replaces.
	card table.Version
}

func (r *rows) get(ctx context.Context, t table.Table, partition string, key []byte) (value []byte, version table.Version, err error) {
	row, err := r.store.Get(ctx, t, partition, key)
	if errors.Is(err, table.ErrNoRow) {
		return nil, 0, nil
	}
	return row.Value, row.Version, err
}

// load reads what an activation of a room that was created before needs. Its partition of the table "room"
// is fenced already. The open bucket of the log is fenced here, before it is read: no other bucket can get
// rows of an earlier activation, because each bucket is announced in the card, under the fence of the card,
// before its first row is written.
func (r *rows) load(ctx context.Context, now time.Time) (loaded, error) {
	value, version, err := r.get(ctx, roomTable(), string(r.room), cardKey())
	if err != nil || version == 0 {
		return loaded{}, err
	}
	l := loaded{exists: true}
	r.card = version
	if l.card, err = decodeCard(r.room, value); err != nil {
		return loaded{}, err
	}
	if err := r.loadMutes(ctx, now, &l); err != nil {
		return loaded{}, err
	}
	if l.index, err = r.loadIndexed(ctx); err != nil {
		return loaded{}, err
	}
	if err := r.loadHead(ctx, &l); err != nil {
		return loaded{}, err
	}
	return l, r.loadTail(ctx, now, &l)
}

func (r *rows) loadMutes(ctx context.Context, now time.Time, l *loaded) error {
	span := table.Range{
		Table: roomTable(), Partition: string(r.room), From: []byte{mutePrefix}, To: []byte{mutePrefix + 1}, Limit: table.MaxLimit,
	}
	for {
		page, more, err := r.store.Scan(ctx, span)
		if err != nil {
			return err
		}
		for _, row := range page {
			m, err := decodeMute(row.Key, row.Value)
			if err != nil {
				return err
			}
			if now.Before(m.Until) {
				l.mutes = append(l.mutes, m)
			}
		}
		if !more {
			return nil
		}
		span = table.Rest(span, page)
	}
}

// save writes a change, on condition that nobody else changed the card since it was read.
func (r *rows) save(ctx context.Context, now time.Time, c *change) error {
	ops, err := r.changeOps(now, c)
	if err != nil {
		return err
	}
	if c.create {
		if err := r.store.Fence(ctx, roomTable(), string(r.room), r.fence); err != nil {
			return err
		}
	}
	version, err := r.store.Write(ctx, table.Batch{Table: roomTable(), Partition: string(r.room), Fence: r.fence, Ops: ops})
	if err == nil {
		r.card = version
	}
	return err
}

func (r *rows) changeOps(now time.Time, c *change) ([]table.Op, error) {
	value, err := encodeCard(c.card)
	if err != nil {
		return nil, err
	}
	ops := []table.Op{table.PutIfVersion(cardKey(), value, r.card)}
	if c.create {
		ops[0] = table.PutIfAbsent(cardKey(), value)
	}
	if c.mute != nil {
		if value, err = encodeMute(*c.mute); err != nil {
			return nil, err
		}
		// A row that is about to expire needs some life left to be written at all.
		ttl := max(time.Second, c.mute.Until.Sub(now))
		ops = append(ops, table.Expiring(table.Put(muteKey(c.mute.User), value), ttl))
	}
	if c.unmute != "" {
		ops = append(ops, table.Delete(muteKey(c.unmute)))
	}
	return ops, nil
}

// settleSave finds out whether a change of unknown outcome was written, and writes it if it was not. Nobody
// else writes the card: if it is not the one that was read, it is the one that was written.
func (r *rows) settleSave(ctx context.Context, now time.Time, c *change) error {
	_, version, err := r.get(ctx, roomTable(), string(r.room), cardKey())
	switch {
	case err != nil || version == 0:
		return unsettled(err)
	case version != r.card:
		r.card = version
		return nil
	}
	return unsettled(r.save(ctx, now, c))
}

// unsettled is the outcome of an attempt to settle a write: one that failed, whatever it was, tells nothing
// of those before it, unless another owner has taken over.
func unsettled(err error) error {
	if err == nil || fault.KindOf(err) == fault.Fenced {
		return err
	}
	return fault.Wrap(fault.Timeout, "write_unsettled", "the outcome of a write is still not known", err)
}
