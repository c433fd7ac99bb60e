// Package localcache is the embedded cache engine: package cache in the memory of this process.
//
// It owns its memory and no goroutine and no timer. It is used through cache.New; nothing else calls it. It
// is bounded; its policy when full is to forget the window that was used longest ago, and it counts what it
// forgets before its time. What has expired is dropped when it is met: on its own key, or at the old end of
// a shard on every use there.
//
// It never fails.
package localcache

import (
	"container/list"
	"context"
	"hash/maphash"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/barrage-live/barrage/storage/cache/driver"
)

// shards spreads keys, so that concurrent callers rarely meet.
const shards = 32

// Config bounds the cache. The zero value is useful.
type Config struct {
	// Rates bounds the number of windows; zero means 262,144. Each takes about 300 bytes and its key.
	Rates int
	// Metrics counts; nil counts into the void.
	Metrics *Metrics
}

// Metrics counts what the cache does.
type Metrics struct{ evicted prometheus.Counter }

// NewMetrics declares the metrics on r.
func NewMetrics(r prometheus.Registerer) *Metrics {
	return &Metrics{evicted: promauto.With(r).NewCounter(prometheus.CounterOpts{
		Name: "barrage_localcache_evicted_total", Help: "Rate windows forgotten before their time because there were too many.",
	})}
}

// Driver is the engine behind a cache.Cache.
type Driver struct {
	start   time.Time // monotonic zero; a jump of the wall clock neither ends nor prolongs anything
	seed    maphash.Seed
	evicted prometheus.Counter
	limit   int // of a shard
	shards  [shards]shard
}

var _ driver.Driver = (*Driver)(nil)

// shard is a part of the windows: by key, and in the order of their last use.
type shard struct {
	sync.Mutex
	entries map[string]*list.Element // of used
	used    list.List                // of *entry, the one used last at the back
}

type entry struct {
	key    string
	until  time.Duration
	window window
}

// New makes an empty cache.
func New(cfg Config) *Driver {
	if cfg.Rates <= 0 {
		cfg.Rates = 1 << 18
	}
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics(prometheus.NewRegistry())
	}
	d := &Driver{start: time.Now(), seed: maphash.MakeSeed(), evicted: cfg.Metrics.evicted, limit: max(1, cfg.Rates/shards)}
	for i := range d.shards {
		d.shards[i].entries = make(map[string]*list.Element)
	}
	return d
}

// Allow implements driver.Driver.
func (d *Driver) Allow(_ context.Context, key string, rate driver.Rate) (ok bool, retryAfter time.Duration, err error) {
	now := time.Since(d.start)
	s := &d.shards[maphash.String(d.seed, key)%shards]
	s.Lock()
	defer s.Unlock()
	at := s.entries[key]
	if at == nil {
		at = s.used.PushBack(&entry{key: key})
		s.entries[key] = at
	}
	e := at.Value.(*entry)
	if e.until <= now {
		e.window = window{}
	}
	ok, retryAfter = e.window.allow(now, rate)
	e.until = now + 2*rate.Window
	s.used.MoveToBack(at)
	d.trim(s, now)
	return ok, retryAfter, nil
}

// trim drops a few expired windows of the old end, and then the oldest until the shard is within its limit.
// s is locked.
func (d *Driver) trim(s *shard, now time.Duration) {
	for dropped := 0; ; dropped++ {
		oldest := s.used.Front().Value.(*entry) // the window used last is always there
		full := len(s.entries) > d.limit
		if !full && (dropped == 2 || oldest.until > now) {
			return
		}
		if full && oldest.until > now {
			d.evicted.Inc()
		}
		s.used.Remove(s.used.Front())
		delete(s.entries, oldest.key)
	}
}
