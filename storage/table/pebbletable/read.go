package pebbletable

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/barrage-live/barrage/storage/internal/durable"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/driver"
)

const (
	// ctxEvery is how many rows a scan reads between two looks at its context.
	ctxEvery = 256
	// walkRows is how many rows, expired ones among them, one scan walks over at most.
	walkRows = 1 << 15
	// maxPassed is how many damaged rows the log is told of.
	maxPassed = 1000
)

// get reads one live row.
func (e *engine) get(table, partition string, key []byte) (driver.Row, bool, error) {
	h, payload, found, err := e.load(rowKey(table, partition, key))
	if err != nil || !found || !h.live(e.clock.now().UnixMilli()) {
		return driver.Row{}, false, err
	}
	return driver.Row{Key: append([]byte(nil), key...), Value: payload, Version: h.version}, true, nil
}

// scan reads one page.
func (e *engine) scan(ctx context.Context, r driver.Range) (rows []driver.Row, next []byte, err error) {
	prefix := appendPartition(nil, spaceRow, r.Table.Name, r.Partition)
	s := spanOf(prefix, r.From, r.To)
	it, err := e.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: s.from, UpperBound: s.to})
	if err != nil {
		return nil, nil, e.readFault(err)
	}
	defer func() {
		if cerr := it.Close(); cerr != nil && err == nil {
			rows, next, err = nil, nil, e.readFault(cerr)
		}
	}()
	return e.collect(ctx, it, r, len(prefix))
}

// collect walks an iterator and keeps live rows until there are enough.
func (e *engine) collect(ctx context.Context, it *pebble.Iterator, r driver.Range, prefix int) (rows []driver.Row, next []byte, err error) {
	first, step := it.First, it.Next
	if r.Reverse {
		first, step = it.Last, it.Prev
	}
	nowMs := e.clock.now().UnixMilli()
	rows = make([]driver.Row, 0, min(r.Limit, 64))
	walked, size := 0, 0
	for ok := first(); ok; ok = step() {
		if walked++; walked%ctxEvery == 0 && ctx.Err() != nil {
			return nil, nil, notDone(ctx.Err())
		}
		stored, err := it.ValueAndErr()
		if err != nil {
			return nil, nil, e.readFault(err)
		}
		key := it.Key()[prefix:]
		if len(rows) == r.Limit || walked > walkRows {
			return rows, goOn(key, r.Reverse), nil
		}
		h, payload, err := decode(it.Key(), stored)
		if err != nil {
			if err = e.readFault(err); r.Damaged == nil {
				return nil, nil, err
			}
			e.passOver(r, key)
			continue
		}
		more, live := len(key)+len(payload), h.live(nowMs)
		if live && len(rows) > 0 && size+more > r.Bytes {
			return rows, goOn(key, r.Reverse), nil
		}
		if live {
			rows, size = append(rows, copyRow(key, payload, h.version)), size+more
		}
	}
	if err := it.Error(); err != nil {
		return nil, nil, e.readFault(err)
	}
	return rows, nil, nil
}

// passOver tells of a damaged row, and the log of each once.
func (e *engine) passOver(r driver.Range, key []byte) {
	if e.passed.add(rowKey(r.Table.Name, r.Partition, key)) {
		e.cfg.Log.Error("a stored row is damaged and left out",
			slog.String("table", r.Table.Name), slog.String("partition", r.Partition), slog.String("key", fmt.Sprintf("%q", key)))
	}
	r.Damaged(bytes.Clone(key))
}

// passed are damaged rows that the log was told of, as many as maxPassed.
type passed struct {
	mu   sync.Mutex
	rows map[string]struct{}
}

// add reports whether the row is new to it, and there was room for it.
func (p *passed) add(row []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.rows[string(row)]; known || len(p.rows) == maxPassed {
		return false
	}
	if p.rows == nil {
		p.rows = map[string]struct{}{}
	}
	p.rows[string(row)] = struct{}{}
	return true
}

// goOn is where a scan goes on that stopped before a key.
func goOn(key []byte, reverse bool) []byte {
	if reverse {
		return table.After(key)
	}
	return append([]byte(nil), key...)
}

// walk names a page of partitions.
func (e *engine) walk(ctx context.Context, tab, cursor string, limit int) (names []string, next string, err error) {
	all := appendName([]byte{spaceRow}, tab)
	bounds := &pebble.IterOptions{LowerBound: all, UpperBound: table.PrefixEnd(all)}
	if cursor != "" {
		bounds.LowerBound = table.PrefixEnd(appendPartition(nil, spaceRow, tab, cursor))
	}
	it, err := e.db.NewIterWithContext(ctx, bounds)
	if err != nil {
		return nil, "", e.readFault(err)
	}
	defer func() {
		if cerr := it.Close(); cerr != nil && err == nil {
			names, next, err = nil, "", e.readFault(cerr)
		}
	}()
	for ok := it.First(); ok; {
		if ctx.Err() != nil {
			return nil, "", notDone(ctx.Err())
		}
		if len(names) == limit {
			return names, names[limit-1], nil
		}
		_, name, _, ok2 := parseRow(it.Key())
		if !ok2 {
			return nil, "", e.readFault(table.ErrCorrupt)
		}
		names = append(names, name)
		ok = it.SeekGE(table.PrefixEnd(appendPartition(nil, spaceRow, tab, name)))
	}
	if err := it.Error(); err != nil {
		return nil, "", e.readFault(err)
	}
	return names, "", nil
}

// nothing reports whether there is no row and no fence at all.
func (e *engine) nothing() (none bool, err error) {
	it, err := e.db.NewIter(&pebble.IterOptions{LowerBound: []byte{spaceRow}, UpperBound: []byte{spaceFence + 1}})
	if err != nil {
		return false, e.readFault(err)
	}
	none = !it.First()
	if err := it.Close(); err != nil {
		return false, e.readFault(err)
	}
	return none, nil
}

// copyRow makes a row the caller may keep, in one allocation.
func copyRow(key, payload []byte, version table.Version) driver.Row {
	b := make([]byte, len(key)+len(payload))
	copy(b, key)
	copy(b[len(key):], payload)
	return driver.Row{Key: b[:len(key):len(key)], Value: b[len(key):], Version: version}
}

// durable waits until the flight is on the disk that a read may have seen last. Where the disk has stopped
// answering it does not wait.
func (e *engine) durable(ctx context.Context, f *flight) error {
	if f == nil {
		return nil
	}
	select {
	case <-f.done:
		return f.err
	default:
	}
	stall := time.NewTimer(stallAfter - time.Since(f.start))
	defer stall.Stop()
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return notDone(ctx.Err())
	case <-stall.C:
		return stalled()
	case <-e.guard.trouble():
		return durable.Refusal(e.guard.why())
	}
}
