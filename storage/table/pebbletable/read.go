package pebbletable

import (
	"context"

	"github.com/cockroachdb/pebble/v2"

	"github.com/barrage-live/barrage/storage/table/driver"
)

// ctxEvery is how many rows a scan reads between two looks at its context.
const ctxEvery = 256

// get reads one live row.
func (e *engine) get(table, partition string, key []byte) (driver.Row, bool, error) {
	h, payload, found, err := e.load(rowKey(table, partition, key))
	if err != nil || !found || !h.live(e.cfg.Now().UnixMilli()) {
		return driver.Row{}, false, err
	}
	return driver.Row{Key: append([]byte(nil), key...), Value: payload, Version: h.version}, true, nil
}

// scan reads one page.
func (e *engine) scan(ctx context.Context, r driver.Range) (rows []driver.Row, err error) {
	prefix := appendPartition(nil, spaceRow, r.Table, r.Partition)
	bounds := &pebble.IterOptions{LowerBound: prefix, UpperBound: successor(prefix)}
	if r.From != nil {
		bounds.LowerBound = rowKey(r.Table, r.Partition, r.From)
	}
	if r.To != nil {
		bounds.UpperBound = rowKey(r.Table, r.Partition, r.To)
	}
	it, err := e.db.NewIterWithContext(ctx, bounds)
	if err != nil {
		return nil, e.readFault(err)
	}
	defer func() {
		if cerr := it.Close(); cerr != nil && err == nil {
			rows, err = nil, e.readFault(cerr)
		}
	}()
	first, next := it.First, it.Next
	if r.Reverse {
		first, next = it.Last, it.Prev
	}
	return e.collect(ctx, it, first, next, len(prefix), r.Limit)
}

// collect walks an iterator and keeps live rows until there are enough.
func (e *engine) collect(
	ctx context.Context, it *pebble.Iterator, first, next func() bool, prefix, limit int,
) ([]driver.Row, error) {
	nowMs := e.cfg.Now().UnixMilli()
	rows := make([]driver.Row, 0, min(limit, 64))
	walked := 0
	for ok := first(); ok && len(rows) < limit; ok = next() {
		if walked++; walked%ctxEvery == 0 && ctx.Err() != nil {
			return nil, notDone(ctx.Err())
		}
		stored, err := it.ValueAndErr()
		if err != nil {
			return nil, e.readFault(err)
		}
		h, payload, err := decode(it.Key(), stored)
		if err != nil {
			return nil, e.readFault(err)
		}
		if h.live(nowMs) {
			rows = append(rows, copyRow(it.Key()[prefix:], payload, h.version))
		}
	}
	if err := it.Error(); err != nil {
		return nil, e.readFault(err)
	}
	return rows, nil
}

// copyRow makes a row the caller may keep, in one allocation.
func copyRow(key, payload []byte, version uint64) driver.Row {
	b := make([]byte, len(key)+len(payload))
	copy(b, key)
	copy(b[len(key):], payload)
	return driver.Row{Key: b[:len(key):len(key)], Value: b[len(key):], Version: version}
}

// durable waits until every write of the partition that a read may have seen is on the disk.
func (e *engine) durable(ctx context.Context, table, partition string) error {
	f := e.stripe(table, partition).Load()
	if f == nil {
		return nil
	}
	select {
	case <-f.done:
		return f.err
	default:
	}
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return notDone(ctx.Err())
	case <-e.guard.trouble():
		return refusal(e.guard.why())
	}
}
