// Package driver is what a cache engine must implement; package cache is what everyone else uses.
//
// The portable type has already checked keys, values and durations, so a driver need not. A driver may be called
// concurrently and keeps the numbered promises in package cachetest. It fails with internal/fault errors, and forgets
// rather than fails when it can.
package driver

import (
	"context"
	"time"
)

// Rate is a limit: at most Limit events in any Window, judged by a sliding window.
type Rate struct {
	Limit  int64
	Window time.Duration
}

// Driver is one engine.
type Driver interface {
	// Get reads a live value; the caller must not change it.
	Get(ctx context.Context, key string) (value []byte, ok bool, err error)
	// Set keeps a copy of a value for ttl.
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) error
	// Delete forgets a value, counter or rate.
	Delete(ctx context.Context, key string) error
	// Add adds to a counter and gives its sum; a new counter begins at zero and lives for ttl from its first Add.
	Add(ctx context.Context, key string, delta int64, ttl time.Duration) (sum int64, err error)
	// Allow counts one event under a rate, or says after which pause it may be tried again.
	Allow(ctx context.Context, key string, rate Rate) (ok bool, retryAfter time.Duration, err error)
}
