package room

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
)

// Store is what rooms need of storage; *table.Store is one.
type Store interface {
	Get(ctx context.Context, table, partition string, key []byte) (table.Row, error)
	Scan(ctx context.Context, r table.Range) ([]table.Row, error)
	Write(ctx context.Context, b table.Batch) error
	Fence(ctx context.Context, table, partition string, epoch position.Epoch) error
}

const (
	tableName = "room"
	// tailPage is how many rows of the tail one read takes.
	tailPage = 4096
)

// rows maps one room to its rows, under the epoch of one activation.
type rows struct {
	store Store
	cfg   Config
	room  id.Room
	epoch position.Epoch
	// card is the version of the card's row, which every change of the card or the mutes requires and replaces.
	card uint64
}

func (r *rows) get(ctx context.Context, key []byte) (value []byte, version uint64, found bool, err error) {
	row, err := r.store.Get(ctx, tableName, string(r.room), key)
	if errors.Is(err, table.ErrNoRow) {
		return nil, 0, false, nil
	}
	return row.Value, row.Version, err == nil, err
}

func (r *rows) write(ctx context.Context, ops []table.Op) error {
	return r.store.Write(ctx, table.Batch{Table: tableName, Partition: string(r.room), Epoch: r.epoch, Ops: ops})
}

// load reads what an activation needs. A room that does not exist is left untouched; one that does is fenced first, so that
// no row of an earlier owner can appear behind the tail that is read then.
func (r *rows) load(ctx context.Context, now time.Time) (loaded, error) {
	_, _, found, err := r.get(ctx, cardKey())
	if err != nil || !found {
		return loaded{}, err
	}
	if err := r.store.Fence(ctx, tableName, string(r.room), r.epoch); err != nil {
		return loaded{}, err
	}
	l := loaded{known: true}
	if err := r.loadCard(ctx, &l); err != nil {
		return loaded{}, err
	}
	if err := r.loadMutes(ctx, now, &l); err != nil {
		return loaded{}, err
	}
	return l, r.loadTail(ctx, now, &l)
}

func (r *rows) loadCard(ctx context.Context, l *loaded) error {
	value, version, found, err := r.get(ctx, cardKey())
	if err != nil {
		return err
	}
	if !found {
		return errNoRoom
	}
	r.card = version
	if l.card, err = decodeCard(r.room, value); err != nil {
		return err
	}
	value, _, found, err = r.get(ctx, headKey())
	if err == nil && found {
		l.head, err = decodeHead(value)
	}
	return err
}

func (r *rows) loadMutes(ctx context.Context, now time.Time, l *loaded) error {
	span := table.Range{
		Table: tableName, Partition: string(r.room), From: []byte{mutePrefix}, To: []byte{mutePrefix + 1}, Limit: table.MaxLimit,
	}
	for {
		page, err := r.store.Scan(ctx, span)
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
		if len(page) < span.Limit {
			return nil
		}
		span.From = table.After(page[len(page)-1].Key)
	}
}

// loadTail reads the newest rows, enough to fill the ring and the window of keys, and puts them in order.
func (r *rows) loadTail(ctx context.Context, now time.Time, l *loaded) error {
	reach := now.Add(-max(r.cfg.Window, l.card.Settings.SlowMode))
	span := table.Range{
		Table: tableName, Partition: string(r.room), From: []byte{logPrefix}, To: []byte{logPrefix + 1},
		Reverse: true, Limit: tailPage,
	}
	for enough := false; !enough; {
		page, err := r.store.Scan(ctx, span)
		if err != nil {
			return err
		}
		for _, row := range page {
			d, err := decodeDanmaku(row.Key, row.Value)
			if err != nil {
				return err
			}
			l.tail = append(l.tail, d)
		}
		n := len(l.tail)
		enough = len(page) < tailPage || n >= r.cfg.WindowKeys || n >= r.cfg.RingRows && l.tail[n-1].At.Before(reach)
		if !enough {
			span.To = page[len(page)-1].Key
		}
	}
	slices.Reverse(l.tail)
	if n := len(l.tail); n > 0 && l.tail[n-1].Position.Compare(l.head) > 0 {
		return fault.New(fault.Internal, "log_corrupt", "the log has rows behind its head")
	}
	return nil
}

// append writes rows behind the log. The first requires that its place is free: should an append of an earlier activation
// under the same epoch have come late, the two exclude each other.
func (r *rows) append(ctx context.Context, rows []Danmaku) error {
	ops := make([]table.Op, 0, len(rows)+1)
	for _, d := range rows {
		key, value, err := encodeDanmaku(d)
		if err != nil {
			return err
		}
		ops = append(ops, table.Expiring(table.Put(key, value), r.cfg.Retention))
	}
	first := table.Expiring(table.PutIfAbsent(ops[0].Key, ops[0].Value), r.cfg.Retention)
	head, err := encodeHead(rows[len(rows)-1].Position)
	if err != nil {
		return err
	}
	ops[0] = first
	return r.write(ctx, append(ops, table.Put(headKey(), head)))
}

// save writes a change, on condition that nobody else changed the card since it was read.
func (r *rows) save(ctx context.Context, now time.Time, c *change) error {
	value, err := encodeCard(c.card)
	if err != nil {
		return err
	}
	ops := []table.Op{table.PutIfVersion(cardKey(), value, r.card)}
	if c.create {
		ops[0] = table.PutIfAbsent(cardKey(), value)
	}
	if c.mute != nil {
		if value, err = encodeMute(*c.mute); err != nil {
			return err
		}
		// A row that is about to expire needs some life left to be written at all.
		ttl := max(time.Second, c.mute.Until.Sub(now))
		ops = append(ops, table.Expiring(table.Put(muteKey(c.mute.User), value), ttl))
	}
	if c.unmute != "" {
		ops = append(ops, table.Delete(muteKey(c.unmute)))
	}
	if err := r.write(ctx, ops); err != nil {
		return err
	}
	if _, r.card, _, err = r.get(ctx, cardKey()); err != nil {
		return fault.Newf(fault.Internal, "version_unknown", "the room was written, its version could not be read: %v", err)
	}
	return nil
}

// read performs a query.
func (r *rows) read(ctx context.Context, q query) ([]Danmaku, error) {
	page, err := r.store.Scan(ctx, table.Range{
		Table: tableName, Partition: string(r.room), From: logKey(q.from), To: table.After(logKey(q.to)),
		Reverse: q.newest, Limit: q.limit,
	})
	if err != nil {
		return nil, err
	}
	out := make([]Danmaku, 0, len(page))
	for _, row := range page {
		d, err := decodeDanmaku(row.Key, row.Value)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	if q.newest {
		slices.Reverse(out)
	}
	return out, nil
}
