package localcache

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// shards spreads keys, so that concurrent callers rarely meet.
const shards = 32

// space is a bounded set of expiring entries of one kind.
type space[T any] struct {
	seed                  maphash.Seed
	hits, misses, evicted prometheus.Counter
	shards                [shards]shard[T]
}

// shard is a part of a space: a map, and a list from the oldest write to the newest.
type shard[T any] struct {
	mu struct {
		sync.Mutex
		entries        map[string]*entry[T]
		oldest, newest *entry[T]
		cost           int
	}
	limit int
}

type entry[T any] struct {
	key          string
	value        T
	until        time.Duration
	cost         int
	older, newer *entry[T]
}

// change is what an update makes of an entry. until zero keeps the end it had.
type change[T any] struct {
	value T
	until time.Duration
	cost  int
}

func newSpace[T any](limit int, m *Metrics, kind string) *space[T] {
	s := &space[T]{
		seed:    maphash.MakeSeed(),
		hits:    m.hits.WithLabelValues(kind),
		misses:  m.misses.WithLabelValues(kind),
		evicted: m.evicted.WithLabelValues(kind),
	}
	for i := range s.shards {
		s.shards[i].limit = max(1, limit/shards)
		s.shards[i].mu.entries = make(map[string]*entry[T])
	}
	return s
}

func (s *space[T]) shard(key string) *shard[T] {
	return &s.shards[maphash.String(s.seed, key)%shards]
}

// get reads a live entry.
func (s *space[T]) get(key string, now time.Duration) (value T, ok bool) {
	h := s.shard(key)
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.mu.entries[key]
	if e != nil && e.until <= now {
		h.drop(e)
		e = nil
	}
	if e == nil {
		s.misses.Inc()
		return value, false
	}
	s.hits.Inc()
	return e.value, true
}

// update changes an entry in place; f gets what lives under the key, or the zero value.
func (s *space[T]) update(key string, now time.Duration, f func(old T, live bool) change[T]) {
	h := s.shard(key)
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.mu.entries[key]
	live := e != nil && e.until > now
	if e == nil {
		e = &entry[T]{key: key}
		h.mu.entries[key] = e
	} else {
		h.unlink(e)
	}
	if !live {
		var zero T
		e.value = zero
	}
	c := f(e.value, live)
	e.value = c.value
	if c.until != 0 {
		e.until = c.until
	}
	h.mu.cost += c.cost - e.cost
	e.cost = c.cost
	h.link(e)
	s.trim(h, now)
}

// trim drops a few expired entries of the old end, and then the oldest until the shard is within its limit.
func (s *space[T]) trim(h *shard[T], now time.Duration) {
	for range 2 {
		if old := h.mu.oldest; old != nil && old.until <= now {
			h.drop(old)
		}
	}
	for h.mu.cost > h.limit {
		h.drop(h.mu.oldest)
		s.evicted.Inc()
	}
}

// remove forgets an entry.
func (s *space[T]) remove(key string) {
	h := s.shard(key)
	h.mu.Lock()
	defer h.mu.Unlock()
	if e := h.mu.entries[key]; e != nil {
		h.drop(e)
	}
}

// drop removes an entry; h.mu is held.
func (h *shard[T]) drop(e *entry[T]) {
	h.unlink(e)
	h.mu.cost -= e.cost
	delete(h.mu.entries, e.key)
}

// link puts an entry at the new end; h.mu is held.
func (h *shard[T]) link(e *entry[T]) {
	e.older, e.newer = h.mu.newest, nil
	if e.older != nil {
		e.older.newer = e
	} else {
		h.mu.oldest = e
	}
	h.mu.newest = e
}

// unlink takes an entry out of the list; h.mu is held.
func (h *shard[T]) unlink(e *entry[T]) {
	if e.older != nil {
		e.older.newer = e.newer
	} else {
		h.mu.oldest = e.newer
	}
	if e.newer != nil {
		e.newer.older = e.older
	} else {
		h.mu.newest = e.older
	}
}
