// Package driver is what a cache engine must implement; package cache is what everyone else uses.
//
// The portable type has already checked keys and rates, so a driver need not. A driver may be called
// concurrently and keeps the numbered promises in package cachetest. It fails with internal/fault errors,
// and forgets rather than fails when it can. A driver that holds resources is also an io.Closer.
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
	// Allow counts one event under a rate, or says after which pause it may be tried again.
	Allow(ctx context.Context, key string, rate Rate) (ok bool, retryAfter time.Duration, err error)
}
