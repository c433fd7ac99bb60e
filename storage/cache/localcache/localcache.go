// Package localcache is the embedded cache engine: package cache in the memory of this process.
//
// It owns its memory and no goroutine and no timer. It is used through cache.New; nothing else calls it. Values, counters
// and rates live in three spaces of their own, so that a flood of one does not push out the others. Each space is
// bounded; its policy when full is to evict the oldest write, and it counts what it evicts. What has expired is dropped
// when it is met: on its own key, or at the old end of a shard on every write there.
//
// It never fails.
package localcache

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/storage/cache/driver"
)

// Config bounds the cache. The zero value is useful.
type Config struct {
	// ValueBytes bounds keys and values with what their book-keeping takes; zero means 64 MiB.
	ValueBytes int
	// Counters bounds their number; zero means 65,536.
	Counters int
	// Rates bounds their number; zero means 262,144. Evicting a rate forgives what it counted.
	Rates int
	// Metrics counts; nil counts into the void.
	Metrics *Metrics
}

// Driver is the engine behind a cache.Cache.
type Driver struct {
	start    time.Time // monotonic zero; a jump of the wall clock neither kills nor prolongs anything
	values   *space[[]byte]
	counters *space[int64]
	rates    *space[window]
}

var _ driver.Driver = (*Driver)(nil)

// entryBytes is about what the book-keeping of one entry takes.
const entryBytes = 128

// New makes an empty cache.
func New(cfg Config) *Driver {
	if cfg.ValueBytes <= 0 {
		cfg.ValueBytes = 64 << 20
	}
	if cfg.Counters <= 0 {
		cfg.Counters = 1 << 16
	}
	if cfg.Rates <= 0 {
		cfg.Rates = 1 << 18
	}
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics(prometheus.NewRegistry())
	}
	return &Driver{
		start:    time.Now(),
		values:   newSpace[[]byte](cfg.ValueBytes, cfg.Metrics, "value"),
		counters: newSpace[int64](cfg.Counters, cfg.Metrics, "counter"),
		rates:    newSpace[window](cfg.Rates, cfg.Metrics, "rate"),
	}
}

func (d *Driver) now() time.Duration { return time.Since(d.start) }

// Get implements driver.Driver.
func (d *Driver) Get(_ context.Context, key string) (value []byte, ok bool, err error) {
	value, ok = d.values.get(key, d.now())
	return value, ok, nil
}

// Set implements driver.Driver.
func (d *Driver) Set(_ context.Context, key string, value []byte, ttl time.Duration) error {
	kept := append(make([]byte, 0, len(value)), value...)
	now := d.now()
	d.values.update(key, now, func([]byte, bool) change[[]byte] {
		return change[[]byte]{value: kept, until: now + ttl, cost: entryBytes + len(key) + len(value)}
	})
	return nil
}

// Delete implements driver.Driver.
func (d *Driver) Delete(_ context.Context, key string) error {
	d.values.remove(key)
	d.counters.remove(key)
	d.rates.remove(key)
	return nil
}

// Add implements driver.Driver.
func (d *Driver) Add(_ context.Context, key string, delta int64, ttl time.Duration) (sum int64, err error) {
	now := d.now()
	d.counters.update(key, now, func(old int64, live bool) change[int64] {
		sum = old + delta
		if live {
			return change[int64]{value: sum, cost: 1}
		}
		return change[int64]{value: sum, until: now + ttl, cost: 1}
	})
	return sum, nil
}

// Allow implements driver.Driver.
func (d *Driver) Allow(_ context.Context, key string, rate driver.Rate) (ok bool, retryAfter time.Duration, err error) {
	now := d.now()
	d.rates.update(key, now, func(w window, _ bool) change[window] {
		ok, retryAfter = w.allow(now, rate)
		return change[window]{value: w, until: now + 2*rate.Window, cost: 1}
	})
	return ok, retryAfter, nil
}
