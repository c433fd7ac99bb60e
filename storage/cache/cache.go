// Package cache is the port of things that may be forgotten: expiring values, counters and rate windows.
//
// It is never the truth: a cache may lose anything at any time, and its users must only be slower or more lenient for it.
// It owns nothing but the driver it wraps; the gateway and actors call it for rate limits, presence and copies of slow
// reads. Promises, proven for every driver by package cachetest: nothing lives longer than its time; counters and rates
// lose no concurrent call while they live; values, counters and rates of one name do not disturb each other.
//
// Refusals: fault.Invalid (sizes, durations), fault.Exhausted code "rate_limited" from Limit, fault.Unavailable where
// the engine is elsewhere and cannot be reached. The embedded driver is localcache.
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
	MaxKey   = 512                 // bytes of a key
	MaxValue = 64 << 10            // bytes of a value
	MaxTTL   = 30 * 24 * time.Hour // of anything
	MaxRate  = 1 << 20             // events of a window
)

// ErrLimited is what Limit refuses with; its RetryAfter is set.
var ErrLimited = fault.New(fault.Exhausted, "rate_limited", "too many of these in a short time")

// Rate is a limit: at most Limit events in any Window.
type Rate = driver.Rate

// Cache is a set of forgettable things in one engine.
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

// Get reads a value; ok is false if it was forgotten. The caller must not change the bytes.
func (c *Cache) Get(ctx context.Context, key string) (value []byte, ok bool, err error) {
	if err := check(ctx, key, time.Second); err != nil {
		return nil, false, err
	}
	return c.d.Get(ctx, key)
}

// Set keeps a copy of a value for at most ttl, which must be positive.
func (c *Cache) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if err := check(ctx, key, ttl); err != nil {
		return err
	}
	if len(value) > MaxValue {
		return fault.New(fault.Invalid, "bad_value", "the value is too large for the cache")
	}
	return c.d.Set(ctx, key, value, ttl)
}

// Delete forgets the value, the counter and the rate under key.
func (c *Cache) Delete(ctx context.Context, key string) error {
	if err := check(ctx, key, time.Second); err != nil {
		return err
	}
	return c.d.Delete(ctx, key)
}

// Add adds delta to a counter and gives the sum. A counter begins at zero and ends ttl after its first Add.
func (c *Cache) Add(ctx context.Context, key string, delta int64, ttl time.Duration) (int64, error) {
	if err := check(ctx, key, ttl); err != nil {
		return 0, err
	}
	return c.d.Add(ctx, key, delta, ttl)
}

// Allow counts one event under key, unless the rate is used up: then ok is false, nothing is counted, and retryAfter is
// the pause after which one event would be allowed if no other came. Never more than Limit events pass in a Window.
func (c *Cache) Allow(ctx context.Context, key string, rate Rate) (ok bool, retryAfter time.Duration, err error) {
	if err := check(ctx, key, rate.Window); err != nil {
		return false, 0, err
	}
	if rate.Limit < 1 || rate.Limit > MaxRate {
		return false, 0, fault.New(fault.Invalid, "bad_rate", "a rate allows at least one event and not too many")
	}
	return c.d.Allow(ctx, key, rate)
}

// Limit is Allow as an error: nil, or ErrLimited with its RetryAfter.
func (c *Cache) Limit(ctx context.Context, key string, rate Rate) error {
	ok, retryAfter, err := c.Allow(ctx, key, rate)
	if err == nil && !ok {
		return ErrLimited.After(retryAfter)
	}
	return err
}

func check(ctx context.Context, key string, ttl time.Duration) error {
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	if key == "" || len(key) > MaxKey {
		return fault.New(fault.Invalid, "bad_key", "a key is empty or too long")
	}
	if ttl <= 0 || ttl > MaxTTL {
		return fault.New(fault.Invalid, "bad_ttl", "a time to live is positive and at most 30 days")
	}
	return nil
}
