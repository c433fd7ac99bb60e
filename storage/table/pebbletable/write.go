package pebbletable

import (
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/driver"
)

// fenceCache is how many fences are remembered; beyond it the cache starts anew.
const fenceCache = 1 << 16

// write decides one batch and writes it to the log without waiting for the disk. Only the committer calls it, and what
// lies between the checks and the write is therefore atomic.
func (e *engine) write(f *flight, b driver.Batch, now time.Time) error {
	fence := fenceKey(b.Table, b.Partition)
	epoch, err := e.fence(fence)
	if err != nil {
		return err
	}
	if b.Epoch < epoch {
		return table.ErrFenced
	}
	for _, op := range b.Ops {
		if err := e.meets(b, op, now.UnixMilli()); err != nil {
			return err
		}
	}
	if len(b.Ops) == 0 && b.Epoch == epoch {
		return nil
	}
	pb := e.db.NewBatch()
	version := e.nextVersion(pb)
	for _, op := range b.Ops {
		stage(pb, rowKey(b.Table, b.Partition, op.Key), op, header{version, expiryOf(now, op.TTL)})
	}
	if b.Epoch > epoch {
		put(pb, fence, header{version: uint64(b.Epoch)}, nil)
	}
	e.stripe(b.Table, b.Partition).Store(f)
	if err := e.log(f, pb); err != nil {
		return err
	}
	if b.Epoch > epoch {
		e.remember(fence, b.Epoch)
	}
	return nil
}

// meets checks the condition of one op.
func (e *engine) meets(b driver.Batch, op driver.Op, nowMs int64) error {
	if op.If == driver.Always {
		return nil
	}
	h, _, found, err := e.load(rowKey(b.Table, b.Partition, op.Key))
	if err != nil {
		return err
	}
	found = found && h.live(nowMs)
	if op.If == driver.IfAbsent && found || op.If == driver.IfVersion && (!found || h.version != op.Version) {
		return table.ErrConflict
	}
	return nil
}

// log hands a batch to the engine: in the log and visible, not yet synced.
func (e *engine) log(f *flight, pb *pebble.Batch) error {
	if err := e.db.Apply(pb, pebble.NoSync); err != nil {
		e.guard.kill(err)
		return unknown(err)
	}
	f.batches++
	return pb.Close()
}

// nextVersion gives a version above all that were ever given. Versions are reserved in steps, in the same batch that
// needs the next step, so that a restart goes on above them.
func (e *engine) nextVersion(pb *pebble.Batch) uint64 {
	e.version++
	if e.version > e.ceiling {
		e.ceiling = e.version + ceilingStep
		put(pb, metaCeiling(), header{version: e.ceiling}, nil)
	}
	return e.version
}

// fence is the highest epoch the partition has seen.
func (e *engine) fence(key []byte) (position.Epoch, error) {
	if epoch, ok := e.fences[string(key)]; ok {
		return epoch, nil
	}
	h, _, _, err := e.load(key)
	if err != nil {
		return 0, err
	}
	e.remember(key, position.Epoch(h.version))
	return position.Epoch(h.version), nil
}

func (e *engine) remember(key []byte, epoch position.Epoch) {
	if len(e.fences) >= fenceCache {
		clear(e.fences)
	}
	e.fences[string(key)] = epoch
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

// stage puts one op into a batch. The engine refuses a batch only for reasons of its own state, which Apply reports.
func stage(pb *pebble.Batch, key []byte, op driver.Op, h header) {
	if op.Delete {
		d := pb.DeleteDeferred(len(key))
		copy(d.Key, key)
		_ = d.Finish()
		return
	}
	put(pb, key, h, op.Value)
	if h.expiryMs != 0 {
		put(pb, expiryKey(h.expiryMs, key), header{}, nil)
	}
}

func put(pb *pebble.Batch, key []byte, h header, payload []byte) {
	d := pb.SetDeferred(len(key), headerSize+len(payload))
	copy(d.Key, key)
	encode(d.Value, key, h, payload)
	_ = d.Finish()
}
