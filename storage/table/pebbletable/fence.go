package pebbletable

import (
	"context"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/driver"
)

const (
	// fenceCache is how many fences are remembered; beyond it the cache starts anew.
	fenceCache = 1 << 16
	// fenceRest is how long a fence outlives the rows of its partition: longer than any owner that lost it
	// can go on.
	fenceRest = 24 * time.Hour
	// fenceLook bounds the pause between two looks whether a fenced partition still has rows. It grows with
	// the age of the fence.
	fenceLook = 32 * 24 * time.Hour
)

// fences remembers stored fences. The committer alone writes, callers look whether they have to read one
// from the disk for it.
type fences struct {
	sync.RWMutex
	known map[string]fence
}

func (c *fences) get(key []byte) (f fence, ok bool) {
	c.RLock()
	defer c.RUnlock()
	f, ok = c.known[string(key)]
	return f, ok
}

func (c *fences) set(key []byte, f fence) {
	c.Lock()
	defer c.Unlock()
	if len(c.known) >= fenceCache {
		clear(c.known)
	}
	c.known[string(key)] = f
}

// stored gives the fence under a key as it is stored, whether or not it has ended.
func (e *engine) stored(key []byte) (fence, error) {
	if f, ok := e.fences.get(key); ok {
		return f, nil
	}
	h, payload, found, err := e.load(key)
	if err != nil {
		return fence{}, err
	}
	var f fence
	if found {
		if f, err = decodeFence(h, payload); err != nil {
			return fence{}, e.readFault(err)
		}
	}
	e.fences.set(key, f)
	return f, nil
}

// fence is the fence that holds now; one that has ended is none.
func (e *engine) fence(key []byte, nowMs int64) (fence, error) {
	f, err := e.stored(key)
	if err != nil || f.endMs != 0 && f.endMs <= nowMs {
		return fence{}, err
	}
	return f, nil
}

// raising is a call of Fence.
type raising struct {
	key      []byte
	to       position.Fence
	existing bool
	exists   bool // the answer
}

// raise performs a call of Fence. Only the committer calls it, so that writes of the old owner come before
// it or are refused.
func (e *engine) raise(f *flight, r *raising, now time.Time) error {
	cur, err := e.fence(r.key, now.UnixMilli())
	if err != nil {
		return err
	}
	r.exists = !cur.IsZero()
	switch c := r.to.Compare(cur.Fence); {
	case !r.exists && r.existing:
		return nil
	case c < 0:
		return table.ErrFenced
	case c == 0 && cur.endMs == 0:
		return nil
	}
	next := fence{Fence: r.to, bornMs: cur.bornMs}
	pb := e.db.NewBatch()
	if !r.exists {
		next.bornMs = now.UnixMilli()
		remind(pb, now.Add(fenceRest), r.key)
	}
	if cur.endMs != 0 { // the partition is empty, and its new owner gets a whole day
		next.endMs = endOf(now, fenceRest)
	}
	putFence(pb, r.key, next)
	if err := e.log(f, pb, now); err != nil {
		return err
	}
	e.fences.set(r.key, next)
	return nil
}

func putFence(pb *pebble.Batch, key []byte, f fence) {
	put(pb, key, header{endMs: f.endMs}, encodeFence(f))
}

// remind stores a reminder to look at a row or fence.
func remind(pb *pebble.Batch, at time.Time, of []byte) {
	key := expiryKey(max(1, at.UnixMilli()), of)
	d := pb.SetDeferred(len(key), 0)
	copy(d.Key, key)
	_ = d.Finish()
}

// review looks at a fence whose reminder is due, and stages what is to become of it. Each stored fence has
// a reminder: it is ended a day after its partition was found empty, unless a write or a new owner came,
// and looked at again otherwise.
func (e *engine) review(pb *pebble.Batch, r reminder, now time.Time) (staged func(), err error) {
	key := r.of
	f, err := e.stored(key)
	if err != nil {
		return nil, err
	}
	empty, err := e.empty(key)
	if err != nil {
		return nil, err
	}
	if err := pb.Delete(r.key, nil); err != nil || f.IsZero() {
		return func() {}, err
	}
	if f.endMs != 0 && f.endMs <= now.UnixMilli() {
		_ = pb.Delete(key, nil)
		return func() { e.fences.set(key, fence{}) }, nil
	}
	if f.endMs != 0 {
		remind(pb, time.UnixMilli(f.endMs), key)
		return func() {}, nil
	}
	if !empty {
		remind(pb, now.Add(min(max(now.Sub(time.UnixMilli(f.bornMs)), fenceRest), fenceLook)), key)
		return func() {}, nil
	}
	f.endMs = endOf(now, fenceRest)
	putFence(pb, key, f)
	remind(pb, time.UnixMilli(f.endMs), key)
	return func() { e.fences.set(key, f) }, nil
}

// empty reports whether the partition of a fence has no stored row.
func (e *engine) empty(key []byte) (empty bool, err error) {
	rows := append([]byte{spaceRow}, key[1:]...)
	it, err := e.db.NewIter(&pebble.IterOptions{LowerBound: rows, UpperBound: table.PrefixEnd(rows)})
	if err != nil {
		return false, e.readFault(err)
	}
	empty = !it.First()
	if err := it.Close(); err != nil {
		return false, e.readFault(err)
	}
	return empty, nil
}

// Fence implements driver.Driver.
func (d *Driver) Fence(ctx context.Context, t driver.Table, partition string, f position.Fence, existing bool) (bool, error) {
	r := &raising{key: fenceKey(t.Name, partition), to: f, existing: existing}
	if err := d.perform(&request{ctx: ctx, raise: r, done: make(chan struct{})}); err != nil {
		return false, err // the committer may still be at it
	}
	return r.exists, nil
}
