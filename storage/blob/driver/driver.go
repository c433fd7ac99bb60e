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
	// Growing says that the object is not final.
	Growing bool
}

// PutOptions say what a Put knows of the object beforehand.
type PutOptions struct {
	// Size is how many bytes the reader has; -1 if that is not known. Engines that send objects in pieces
	// use memory by it.
	Size int64
	// ContentType is a media type (RFC 9110 section 8.3); empty means application/octet-stream.
	ContentType string
}

// Reader is the reading half of an engine. It sees objects that are appended to like any others, of the
// size they have so far.
type Reader interface {
	// Open gives an object for reading; it stays readable as it was, or fails, if it is deleted meanwhile.
	Open(ctx context.Context, key string) (io.ReadSeekCloser, Info, error)
	// Stat describes an object.
	Stat(ctx context.Context, key string) (Info, error)
	// List gives the objects whose keys begin with prefix and are greater than after, in bytewise order.
	List(ctx context.Context, prefix, after string) iter.Seq2[Info, error]
}

// Writer is the writing half of an engine.
type Writer interface {
	// Put stores all of r under a key that is new, or that has the same content, and returns when it is
	// durable. Errors of r are given back as they are.
	Put(ctx context.Context, key string, r io.Reader, o PutOptions) (Info, error)
	// Append begins an object that grows, under a key that is new.
	Append(ctx context.Context, key, contentType string) (Appender, error)
	// Seal makes an object final that no Appender of this process holds any more, with its first o.Size
	// bytes; with none it is removed. One that is final is left as it is.
	Seal(ctx context.Context, key string, o PutOptions) (Info, error)
	// Delete removes an object durably; it is no error if there is none.
	Delete(ctx context.Context, key string) error
}

// Appender is an object that grows. One goroutine uses it at a time.
type Appender interface {
	// Append sets what follows the first at bytes; p need not last longer than the call. at is the size that
	// the object had after the last Append whose outcome was nil, so that one of any other outcome is made
	// void by the next. Nothing is durable yet.
	Append(ctx context.Context, at int64, p []byte) error
	// Close makes the object final with its first size bytes, as by a Put, and returns when it is durable.
	// When it fails it may be called again.
	Close(ctx context.Context, size int64) (Info, error)
	// Leave frees what the Appender holds and leaves the object as it is, as the death of the process would.
	Leave()
}

// Driver is one engine.
type Driver interface {
	Reader
	Writer
}

// Sender is an object, opened, of which the operating system can send a part by itself.
type Sender interface {
	// Sendable gives a reader that stands at offset and is a syscall.Conn, after n bytes from there on were
	// found undamaged; ok is false where there is none. It is good until the object is closed.
	Sendable(offset, n int64) (r io.Reader, ok bool, err error)
}

// Measurer is a Driver that knows the size of its disk.
type Measurer interface {
	// Room is how many bytes are left and how many there are in all; ok is false if the disk does not tell.
	Room() (free, total int64, ok bool)
}

// BulkDeleter is a Driver that removes many objects for less than the price of each.
type BulkDeleter interface {
	// DeleteMany removes at most 1000 objects durably, of which some may not exist; after an error some are
	// removed.
	DeleteMany(ctx context.Context, keys []string) error
}
