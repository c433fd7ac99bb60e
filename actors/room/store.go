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
	Get(ctx context.Context, t table.Table, partition string, key []byte) (table.Row, error)
	Scan(ctx context.Context, r table.Range) (rows []table.Row, more bool, err error)
	Write(ctx context.Context, b table.Batch) (table.Version, error)
	Fence(ctx context.Context, t table.Table, partition string, f position.Fence) error
}

// tailPage is how many rows of the tail one read takes.
const tailPage = 4096

// tableOf is the table of all rooms; a partition is a room.
func tableOf() table.Table { return table.Owned("room") }

// rows maps one room to its rows, under the fence of one activation.
type rows struct {
	store Store
	cfg   Config
	room  id.Room
	fence position.Fence
	// card is the version of the card's row, which every change of the card or the mutes requires and replaces.
	card table.Version
}

func (r *rows) get(ctx context.Context, key []byte) (value []byte, version table.Version, found bool, err error) {
	row, err := r.store.Get(ctx, tableOf(), string(r.room), key)
	if errors.Is(err, table.ErrNoRow) {
		return nil, 0, false, nil
	}
	return row.Value, row.Version, err == nil, err
}

func (r *rows) write(ctx context.Context, ops []table.Op) (table.Version, error) {
	return r.store.Write(ctx, table.Batch{Table: tableOf(), Partition: string(r.room), Fence: r.fence, Ops: ops})
}

// load reads what an activation of a room that was created before needs. The room was fenced, so no row of an earlier activation
// can appear behind the tail that is read then.
func (r *rows) load(ctx context.Context, now time.Time) (loaded, error) {
	_, _, found, err := r.get(ctx, cardKey())
	if err != nil || !found {
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
		Table: tableOf(), Partition: string(r.room), From: []byte{mutePrefix}, To: []byte{mutePrefix + 1}, Limit: table.MaxLimit,
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

// loadTail reads the newest rows, enough to fill the ring and the window of keys, and puts them in order.
func (r *rows) loadTail(ctx context.Context, now time.Time, l *loaded) error {
	reach := now.Add(-max(r.cfg.Window, l.card.Settings.SlowMode))
	span := table.Range{
		Table: tableOf(), Partition: string(r.room), From: []byte{logPrefix}, To: []byte{logPrefix + 1},
		Reverse: true, Limit: tailPage,
	}
	for enough := false; !enough; {
		page, more, err := r.store.Scan(ctx, span)
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
		enough = !more || n >= r.cfg.WindowKeys || n >= r.cfg.RingRows && l.tail[n-1].At.Before(reach)
		span = table.Rest(span, page)
	}
	slices.Reverse(l.tail)
	if n := len(l.tail); n > 0 && l.tail[n-1].Position.Compare(l.head) > 0 {
		return fault.New(fault.Internal, "log_corrupt", "the log has rows behind its head")
	}
	return nil
}

// append writes rows behind the log. The first requires that its place is free: should an append of unknown outcome of this
// activation come late, the two exclude each other.
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
	_, err = r.write(ctx, append(ops, table.Put(headKey(), head)))
	return err
}

// save writes a change, on condition that nobody else changed the card since it was read.
func (r *rows) save(ctx context.Context, now time.Time, c *change) error {
	value, err := encodeCard(c.card)
	if err != nil {
		return err
	}
	ops := []table.Op{table.PutIfVersion(cardKey(), value, r.card)}
	if c.create {
		if err := r.store.Fence(ctx, tableOf(), string(r.room), r.fence); err != nil {
			return err
		}
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
	version, err := r.write(ctx, ops)
	if err == nil {
		r.card = version
	}
	return err
}

// read performs a query.
func (r *rows) read(ctx context.Context, q query) ([]Danmaku, error) {
	span := table.Range{
		Table: tableOf(), Partition: string(r.room), From: logKey(q.from), To: table.After(logKey(q.to)),
		Reverse: q.newest, Limit: q.limit,
	}
	var out []Danmaku
	for more := true; more && len(out) < q.limit; {
		page, rest, err := r.store.Scan(ctx, span)
		if err != nil {
			return nil, err
		}
		for _, row := range page {
			d, err := decodeDanmaku(row.Key, row.Value)
			if err != nil {
				return nil, err
			}
			out = append(out, d)
		}
		span, more = table.Rest(span, page), rest
		span.Limit = q.limit - len(out)
	}
	if q.newest {
		slices.Reverse(out)
	}
	return out, nil
}
