package tabletest_test

import (
	"context"
	"hash/fnv"
	"math/rand/v2"
	"runtime"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/driver"
	"github.com/barrage-live/barrage/storage/table/tabletest"
)

// server is a table server as one over a network is: conditions compare for equality, the fence is a static
// column of the partition, times to live are whole seconds of its own coarse clock, versions are chosen by
// clients, and an answer may get lost. A conditional write whose answer was lost may be pending: the next
// one that looks at the partition finishes it or drops it. That the suite holds for it shows that the suite
// asks for nothing that such a server cannot give.
type server struct {
	ahead atomic.Int64
	mu    sync.Mutex
	rng   *rand.Rand
	parts map[place]*part
	next  int // number of the next client
}

type place struct{ table, partition string }

type part struct {
	fence   *position.Fence // static column; nil is null
	rows    map[string]cell
	pending func()
}

type cell struct {
	value   []byte
	version driver.Version
	dies    int64 // in seconds; 0 never
}

func newServer(seed uint64) *server {
	return &server{rng: rand.New(rand.NewPCG(seed, 3)), parts: map[place]*part{}}
}

// Open implements tabletest.Harness.
func (s *server) Open() (driver.Driver, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	c := &serverClient{s: s}
	c.versions.Store(uint64(s.next) << 40)
	return c, nil
}

// Wait implements tabletest.Harness.
func (s *server) Wait(d time.Duration) { s.ahead.Add(int64(d)) }

// Close implements tabletest.Harness.
func (s *server) Close() error { return nil }

func (s *server) seconds() int64 { return time.Now().Add(time.Duration(s.ahead.Load())).Unix() }

// part gives a partition as a serial operation sees it: what was pending is decided. s.mu is held.
func (s *server) part(t driver.Table, partition string) *part {
	p := s.parts[place{t.Name, partition}]
	if p == nil {
		p = &part{rows: map[string]cell{}}
		s.parts[place{t.Name, partition}] = p
	}
	if finish := p.pending; finish != nil {
		if p.pending = nil; s.rng.IntN(2) == 0 {
			finish()
		}
	}
	return p
}

func (p *part) get(key []byte, now int64) (cell, bool) {
	c, ok := p.rows[string(key)]
	return c, ok && (c.dies == 0 || c.dies > now)
}

// lose decides whether an answer gets lost, and performs the effect, drops it or leaves it pending. s.mu is
// held.
func (s *server) lose(p *part, effect func()) error {
	switch s.rng.IntN(24) {
	case 0:
		return table.ErrUnknown
	case 1:
		effect()
		return table.ErrUnknown
	case 2:
		p.pending = effect
		return table.ErrUnknown
	}
	effect()
	return nil
}

// serverClient is the driver.
type serverClient struct {
	s        *server
	versions atomic.Uint64
	closed   atomic.Bool
}

// trip is one round trip: f runs at the server.
func (c *serverClient) trip(ctx context.Context, f func() error) error {
	if c.closed.Load() {
		return fault.New(fault.Unavailable, "closed", "the client is closed")
	}
	if ctx.Err() != nil {
		return fault.From(ctx.Err())
	}
	runtime.Gosched()
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return f()
}

// Get implements driver.Driver.
func (c *serverClient) Get(ctx context.Context, t driver.Table, partition string, key []byte) (row driver.Row, ok bool, err error) {
	err = c.trip(ctx, func() error {
		var found cell
		found, ok = c.s.part(t, partition).get(key, c.s.seconds())
		row = driver.Row{Key: slices.Clone(key), Value: slices.Clone(found.value), Version: found.version}
		return nil
	})
	return row, ok, err
}

// walkCells is how many cells, dead ones among them, the server reads for one page.
const walkCells = 37

// Scan implements driver.Driver.
func (c *serverClient) Scan(ctx context.Context, r driver.Range) (rows []driver.Row, next []byte, err error) {
	err = c.trip(ctx, func() error {
		p, now := c.s.part(r.Table, r.Partition), c.s.seconds()
		var keys []string
		for k := range p.rows {
			if (r.From == nil || k >= string(r.From)) && (r.To == nil || k < string(r.To)) {
				keys = append(keys, k)
			}
		}
		sort.Strings(keys)
		if r.Reverse {
			slices.Reverse(keys)
		}
		size := 0
		for i, k := range keys {
			found, live := p.get([]byte(k), now)
			more := len(k) + len(found.value)
			if len(rows) == r.Limit || len(rows) > 0 && size+more > r.Bytes || i >= walkCells {
				if next = []byte(k); r.Reverse {
					next = table.After(next)
				}
				return nil
			}
			if live {
				size += more
				rows = append(rows, driver.Row{Key: []byte(k), Value: slices.Clone(found.value), Version: found.version})
			}
		}
		return nil
	})
	return rows, next, err
}

func token(partition string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(partition))
	return h.Sum64()
}

// Walk implements driver.Driver. Partitions come in the order of their tokens, also those that have a
// static column alone.
func (c *serverClient) Walk(ctx context.Context, t driver.Table, cursor string, limit int) (names []string, next string, err error) {
	err = c.trip(ctx, func() error {
		var all []string
		for at := range c.s.parts {
			if at.table == t.Name && (cursor == "" || token(at.partition) > token(cursor)) {
				all = append(all, at.partition)
			}
		}
		slices.SortFunc(all, func(a, b string) int {
			if token(a) < token(b) {
				return -1
			}
			return 1
		})
		if names = all; len(all) > limit {
			names = all[:limit]
			next = names[limit-1]
		}
		return nil
	})
	return names, next, err
}

// Write implements driver.Driver.
func (c *serverClient) Write(ctx context.Context, b driver.Batch) (driver.Version, error) {
	version := driver.Version(c.versions.Add(1))
	b.Ops = slices.Clone(b.Ops)
	for i := range b.Ops {
		op := &b.Ops[i]
		op.Key, op.To, op.Value = slices.Clone(op.Key), slices.Clone(op.To), slices.Clone(op.Value)
	}
	return version, c.trip(ctx, func() error {
		p := c.s.part(b.Table, b.Partition)
		if b.Table.Class == driver.Owned && (p.fence == nil || *p.fence != b.Fence) {
			return table.ErrFenced
		}
		now := c.s.seconds()
		for _, op := range b.Ops {
			found, live := p.get(op.Key, now)
			if op.If == driver.IfAbsent && live || op.If == driver.IfVersion && (!live || found.version != op.Version) {
				return table.ErrConflict
			}
		}
		effect := func() { p.apply(b.Ops, version, c.s.seconds()) }
		if b.Table.Class == driver.Plain && c.s.rng.IntN(24) == 0 {
			effect() // it is not serial, so nothing of it is ever pending
			return table.ErrUnknown
		} else if b.Table.Class == driver.Plain {
			effect()
			return nil
		}
		return c.s.lose(p, effect)
	})
}

func (p *part) apply(ops []driver.Op, version driver.Version, now int64) {
	for _, op := range ops {
		switch op.Do {
		case driver.Put:
			dies := int64(0)
			if op.TTL != 0 {
				dies = now + int64(op.TTL/time.Second) + 1 // the clock is coarse, and a row must not die early
			}
			p.rows[string(op.Key)] = cell{op.Value, version, dies}
		case driver.Delete:
			delete(p.rows, string(op.Key))
		case driver.DeleteRange:
			for k := range p.rows {
				if k >= string(op.Key) && (op.To == nil || k < string(op.To)) {
					delete(p.rows, k)
				}
			}
		case driver.Check:
		}
	}
}

// Fence implements driver.Driver: IF fence <= ?, which is false for null, and then IF fence = null.
func (c *serverClient) Fence(ctx context.Context, t driver.Table, partition string, f position.Fence, existing bool) (exists bool, err error) {
	null := false
	err = c.trip(ctx, func() error {
		p := c.s.part(t, partition)
		if null = p.fence == nil; null {
			return nil
		}
		if p.fence.Compare(f) > 0 {
			return table.ErrFenced
		}
		return c.s.lose(p, func() { p.fence = &f })
	})
	if err != nil || !null || existing {
		return !null, err
	}
	return false, c.trip(ctx, func() error {
		p := c.s.part(t, partition)
		if p.fence != nil {
			return table.ErrUnknown // somebody came between; the caller asks again
		}
		return c.s.lose(p, func() { p.fence = &f })
	})
}

// Close implements driver.Driver.
func (c *serverClient) Close() error {
	c.closed.Store(true)
	return nil
}

func TestConformanceOfAServer(t *testing.T) {
	for seed := range uint64(3) {
		tabletest.Run(t, func(*testing.T) tabletest.Harness { return newServer(seed) })
	}
}
