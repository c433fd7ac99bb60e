// Package driver is what an object engine must implement; package blob is what everyone else uses.
//
// The portable type has already checked keys, ranges and content types, so a driver need not. A driver owns
// its directory or bucket, may be called concurrently, and keeps the numbered promises in package blobtest.
// It fails with internal/fault errors. A driver that holds resources is also an io.Closer.
package driver

import (
	"context"
	"io"
	"iter"
	"time"
)

// Info describes one object.
type Info struct {
	Key     string
	Size    int64 // bytes
	ModTime time.Time
	// ContentType is empty where objects are listed.
	ContentType string
}

// PutOptions say what a Put knows of the object beforehand.
type PutOptions struct {
	// Size is how many bytes the reader has; -1 if that is not known. Engines that send objects in pieces
	// use memory by it.
	Size int64
	// ContentType is a media type (RFC 9110 section 8.3); empty means application/octet-stream.
	ContentType string
}

// Driver is one engine.
type Driver interface {
	// Put stores all of r under a key that is new, or that has the same content, and returns when it is
	// durable. Errors of r are given back as they are.
	Put(ctx context.Context, key string, r io.Reader, o PutOptions) (Info, error)
	// Open gives an object for reading; it stays readable as it was, or fails, if it is deleted meanwhile.
	Open(ctx context.Context, key string) (io.ReadSeekCloser, Info, error)
	// Stat describes an object.
	Stat(ctx context.Context, key string) (Info, error)
	// List gives the objects whose keys begin with prefix and are greater than after, in bytewise order.
	List(ctx context.Context, prefix, after string) iter.Seq2[Info, error]
	// Delete removes an object durably; it is no error if there is none.
	Delete(ctx context.Context, key string) error
}

// BulkDeleter is a Driver that removes many objects for less than the price of each.
type BulkDeleter interface {
	// DeleteMany removes at most 1000 objects durably, of which some may not exist; after an error some are
	// removed.
	DeleteMany(ctx context.Context, keys []string) error
}
