// Package driver is what an object engine must implement; package blob is what everyone else uses.
//
// The portable type has already checked keys and ranges, so a driver need not. A driver owns its directory or bucket,
// may be called concurrently, and keeps the numbered promises in package blobtest. It fails with internal/fault errors.
// A driver that holds resources is also an io.Closer.
package driver

import (
	"context"
	"io"
	"time"
)

// Info describes one object.
type Info struct {
	Key     string
	Size    int64
	ModTime time.Time
}

// Driver is one engine.
type Driver interface {
	// Put stores all of r under key, whole or not at all, and returns when it is durable.
	Put(ctx context.Context, key string, r io.Reader) (Info, error)
	// Open gives an object for reading; it stays readable as it was even if it is replaced or deleted meanwhile.
	Open(ctx context.Context, key string) (io.ReadSeekCloser, Info, error)
	// Stat describes an object.
	Stat(ctx context.Context, key string) (Info, error)
	// List gives at most limit objects whose keys begin with prefix and are greater than after, in bytewise order.
	List(ctx context.Context, prefix, after string, limit int) ([]Info, error)
	// Delete removes an object durably; it is no error if there is none.
	Delete(ctx context.Context, key string) error
}
