// Package cache is the port of things that may be forgotten; for now these are rate windows.
//
// It is never the truth: a cache may lose anything at any time, and its users must only be more lenient for
// it. It owns nothing but the driver it wraps; the gateway calls it for the limits of its API. Promises,
// proven for every driver by package cachetest: never more events than the limit pass in any window while
// the cache remembers; no concurrent call is lost; keys do not know of each other.
//
// Refusals: fault.Invalid (bad_rate_key, bad_rate), and fault.Unavailable or fault.Timeout where the engine
// is elsewhere and cannot be reached: then the event may be counted or not. The embedded driver is
// localcache.
package cache

import (
	"context"
	"io"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/cache/driver"
)

// Limits of what a driver must take.
const (
	MaxKey    = 512                 // bytes of a key
	MaxWindow = 30 * 24 * time.Hour // length of a window
	MaxLimit  = 1 << 20             // events of a window
)

// Rate is a limit: at most Limit events in any Window.
type Rate = driver.Rate

// Cache is a set of forgettable things in one engine. It is safe for concurrent use.
type Cache struct{ d driver.Driver }

// New wraps an engine. The Cache owns it and closes it.
func New(d driver.Driver) *Cache { return &Cache{d: d} }

// Close frees the engine.
func (c *Cache) Close() error {
	if closer, ok := c.d.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

// Allow counts one event under key, unless the rate is used up: then ok is false, nothing is counted, and
// retryAfter is the pause after which one event would be allowed if no other came. Never more than Limit
// events pass in a Window.
func (c *Cache) Allow(ctx context.Context, key string, rate Rate) (ok bool, retryAfter time.Duration, err error) {
	if err := ctx.Err(); err != nil {
		return false, 0, fault.From(err)
	}
	if key == "" || len(key) > MaxKey {
		return false, 0, fault.New(fault.Invalid, "bad_rate_key", "a key is empty or too long")
	}
	if rate.Limit < 1 || rate.Limit > MaxLimit || rate.Window <= 0 || rate.Window > MaxWindow {
		return false, 0, fault.New(fault.Invalid, "bad_rate", "a rate allows at least one event and not too many, in at most 30 days")
	}
	return c.d.Allow(ctx, key, rate)
}
