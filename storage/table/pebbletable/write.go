package pebbletable

import (
	"bytes"
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/internal/durable"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/driver"
)

// rangeRows is how many rows of a range are deleted one by one. Beyond it the range is deleted as such,
// which costs every later read of the neighbourhood something.
const rangeRows = 64

// writing is a call of Write.
type writing struct {
	prepared
	ops       []driver.Op // the caller's, until prepared
	table     string
	partition string
	prefix    []byte
	fence     position.Fence
	fenceKey  []byte // nil: the table has no fences
	version   table.Version
}

// Write implements driver.Driver. Concurrent calls share syncs.
func (d *Driver) Write(ctx context.Context, b driver.Batch) (driver.Version, error) {
	w := &writing{table: b.Table.Name, partition: b.Partition, fence: b.Fence, ops: b.Ops}
	keys := make([]byte, 0, 2*(len(w.table)+len(w.partition)+8))
	w.prefix = appendPartition(keys, spaceRow, w.table, w.partition)
	if b.Table.Class == driver.Owned {
		w.fenceKey = appendPartition(w.prefix[len(w.prefix):], spaceFence, w.table, w.partition)
	}
	// What is left of the disk is for what keeps the platform going: fences, and the few rows that many
	// compete for.
	if d.low.Load() && b.Table.Class != driver.Shared {
		return 0, durable.Refusal(syscall.ENOSPC)
	}
	if err := d.perform(&request{ctx: ctx, write: w, done: make(chan struct{})}); err != nil {
		return 0, err
	}
	return w.version, nil
}

// write decides one batch and writes it to the log without waiting for the disk. Only the committer calls
// it, and what lies between the checks and the write is therefore atomic.
func (e *engine) write(f *flight, w *writing, now time.Time) error {
	var cur fence
	if w.fenceKey != nil {
		var err error
		if cur, err = e.fence(w.fenceKey, now.UnixMilli()); err != nil {
			return err
		}
		if cur.Fence != w.fence {
			return table.ErrFenced
		}
	}
	for _, c := range w.conditions {
		if err := e.meets(c, now.UnixMilli()); err != nil {
			return err
		}
	}
	e.version++
	w.version = e.version
	w.fill(w.version, now) // before anything is appended
	for _, s := range w.ranges {
		if err := e.erase(w.pb, s); err != nil {
			return err
		}
	}
	ending := cur.endMs != 0 // the partition was empty
	if ending {
		cur.endMs = 0
		putFence(w.pb, w.fenceKey, cur)
	}
	e.stripe(w.table, w.partition).Store(f)
	if err := e.log(f, w.pb, now); err != nil {
		return err
	}
	if ending {
		e.fences.set(w.fenceKey, cur)
	}
	return nil
}

// meets checks a condition.
func (e *engine) meets(c condition, nowMs int64) error {
	h, _, found, err := e.load(c.key)
	if err != nil {
		return err
	}
	found = found && h.live(nowMs)
	if c.absent && found || !c.absent && (!found || h.version != c.version) {
		return table.ErrConflict
	}
	return nil
}

// erase stages the deletion of a range.
func (e *engine) erase(pb *pebble.Batch, s span) error {
	it, err := e.db.NewIter(&pebble.IterOptions{LowerBound: s.from, UpperBound: s.to})
	if err != nil {
		return e.readFault(err)
	}
	var few [][]byte
	for ok := it.First(); ok && len(few) <= rangeRows; ok = it.Next() {
		few = append(few, bytes.Clone(it.Key()))
	}
	if err := it.Close(); err != nil {
		return e.readFault(err)
	}
	if len(few) > rangeRows {
		return pb.DeleteRange(s.from, s.to, nil)
	}
	for _, key := range few {
		if err := pb.Delete(key, nil); err != nil {
			return err
		}
	}
	return nil
}

// log hands a batch to the engine: in the log and visible, not yet synced. It keeps the ceiling above all
// versions that were given and the mark close behind the clock, in the same batch that needs them, so that
// a restart goes on above them.
func (e *engine) log(f *flight, pb *pebble.Batch, now time.Time) error {
	if e.version > e.ceiling {
		e.ceiling = e.version + ceilingStep
		put(pb, metaCeiling(), header{version: e.ceiling}, nil)
	}
	if now.Sub(e.mark) >= clockStep {
		e.mark = now
		put(pb, metaClock(), header{version: table.Version(now.UnixMilli())}, nil)
	}
	if err := e.db.Apply(pb, pebble.NoSync); err != nil {
		e.guard.kill(err)
		return unknown(err)
	}
	f.batches++
	e.latest.Store(f)
	return pb.Close()
}

// load reads a stored value; the payload is a copy.
func (e *engine) load(key []byte) (h header, payload []byte, found bool, err error) {
	stored, closer, err := e.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return header{}, nil, false, nil
	}
	if err != nil {
		return header{}, nil, false, e.readFault(err)
	}
	h, payload, err = decode(key, append([]byte(nil), stored...))
	if cerr := closer.Close(); err == nil && cerr != nil {
		err = cerr
	}
	if err != nil {
		return header{}, nil, false, e.readFault(err)
	}
	return h, payload, true, nil
}

func put(pb *pebble.Batch, key []byte, h header, payload []byte) {
	d := pb.SetDeferred(len(key), headerSize+len(payload))
	copy(d.Key, key)
	encode(d.Value, key, h, payload)
	_ = d.Finish()
}
