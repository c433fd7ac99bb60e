// Package blob is the object port: things too big for a row live here, such as media segments and uploads.
//
// An object is bytes under a key. It owns nothing but the driver it wraps. It is used by the live and vod wings and by
// actors that keep files. Promises, proven for every driver by package blobtest: an object is visible whole or not at
// all; a Put that returned nil survives the death of the process and of the machine; a reader that has an object open
// reads it to the end as it was; keys are listed in bytewise order.
//
// Refusals: fault.Invalid (keys, ranges), ErrNoObject, fault.Unavailable (storage_full, storage_failed; nothing was
// done that can be seen). The embedded driver is fileblob.
package blob

import (
	"context"
	"io"
	"strings"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/blob/driver"
)

// Limits of what a driver must take.
const (
	MaxKey       = 512      // bytes of a key
	MaxComponent = 200      // bytes between two slashes of a key
	MaxRange     = 64 << 20 // bytes of one ReadRange
	MaxLimit     = 10_000   // objects of a page
	pageLimit    = 1000     // objects of a page where none is named
)

// ErrNoObject refuses reads of what does not exist.
var ErrNoObject = fault.New(fault.NotFound, "no_object", "no such object")

// Info describes one object.
type Info = driver.Info

// Object is an open object. It can be read from any place, and must be closed.
type Object struct {
	io.ReadSeekCloser
	Info
}

// Store is a set of objects in one engine.
type Store struct{ d driver.Driver }

// New wraps an engine. The Store owns it and closes it.
func New(d driver.Driver) *Store { return &Store{d: d} }

// Close frees the engine.
func (s *Store) Close() error {
	if c, ok := s.d.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Put stores all of r under key and returns when it is durable. It replaces what was there. If r fails, Put fails with its
// error and nothing changes. A key consists of a-z, 0-9, '.', '_', '-' and, between non-empty components, '/'; no
// component begins with a dot.
func (s *Store) Put(ctx context.Context, key string, r io.Reader) (Info, error) {
	if err := CheckKey(key); err != nil {
		return Info{}, err
	}
	return s.d.Put(ctx, key, &guardedReader{ctx, r})
}

// Open gives an object for reading. The caller closes it.
func (s *Store) Open(ctx context.Context, key string) (*Object, error) {
	if err := CheckKey(key); err != nil {
		return nil, err
	}
	r, info, err := s.d.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	return &Object{r, info}, nil
}

// ReadRange reads n bytes from offset on; fewer at the end of the object, none behind it.
func (s *Store) ReadRange(ctx context.Context, key string, offset, n int64) ([]byte, error) {
	if offset < 0 || n < 0 || n > MaxRange {
		return nil, fault.New(fault.Invalid, "bad_range", "the range is not valid")
	}
	o, err := s.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	defer func() { _ = o.Close() }() // nothing was written that a failed close could lose
	if n = min(n, o.Size-offset); n <= 0 {
		return nil, nil
	}
	if _, err := o.Seek(offset, io.SeekStart); err != nil {
		return nil, fault.Wrap(fault.Unavailable, "storage_failed", "the object cannot be read", err)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(o, b); err != nil {
		return nil, fault.Wrap(fault.Unavailable, "storage_failed", "the object cannot be read", err)
	}
	return b, nil
}

// Stat describes an object.
func (s *Store) Stat(ctx context.Context, key string) (Info, error) {
	if err := CheckKey(key); err != nil {
		return Info{}, err
	}
	return s.d.Stat(ctx, key)
}

// List gives one page of the objects whose keys begin with prefix, in bytewise order, from behind the key after. A page
// shorter than limit is the last one; limit zero means 1000.
func (s *Store) List(ctx context.Context, prefix, after string, limit int) ([]Info, error) {
	if limit == 0 {
		limit = pageLimit
	}
	if limit < 0 || limit > MaxLimit || len(prefix) > MaxKey || len(after) > MaxKey || !allowed(prefix) || !allowed(after) {
		return nil, fault.New(fault.Invalid, "bad_range", "the range of keys is not valid")
	}
	return s.d.List(ctx, prefix, after, limit)
}

// Delete removes an object; it is no error if there is none.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	return s.d.Delete(ctx, key)
}

// DeletePrefix removes all objects whose keys begin with prefix, which must not be empty, and gives their number. When it
// fails it may have removed some; call it again.
func (s *Store) DeletePrefix(ctx context.Context, prefix string) (int, error) {
	if prefix == "" {
		return 0, fault.New(fault.Invalid, "bad_key", "refusing to delete everything")
	}
	n, after := 0, ""
	for {
		page, err := s.List(ctx, prefix, after, pageLimit)
		if err != nil {
			return n, err
		}
		for _, info := range page {
			if err := s.d.Delete(ctx, info.Key); err != nil {
				return n, err
			}
			n++
			after = info.Key
		}
		if len(page) < pageLimit {
			return n, nil
		}
	}
}

// CheckKey refuses what cannot be a key.
func CheckKey(key string) error {
	if key == "" || len(key) > MaxKey || !allowed(key) {
		return fault.New(fault.Invalid, "bad_key", "a key is empty, too long or has a forbidden character")
	}
	for component := range strings.SplitSeq(key, "/") {
		if component == "" || component[0] == '.' || len(component) > MaxComponent {
			return fault.New(fault.Invalid, "bad_key", "a component of a key is empty, too long or begins with a dot")
		}
	}
	return nil
}

func allowed(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' && c != '/' {
			return false
		}
	}
	return true
}

// guardedReader stops a Put whose caller has gone.
type guardedReader struct {
	ctx context.Context //nolint:containedctx // lives as long as one Put
	r   io.Reader
}

// Read implements io.Reader.
func (g *guardedReader) Read(p []byte) (int, error) {
	if err := g.ctx.Err(); err != nil {
		return 0, fault.From(err)
	}
	return g.r.Read(p)
}
