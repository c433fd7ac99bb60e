// Package faultblob wraps any object driver and fails its calls as a script says, for tests of what stands
// on objects.
//
// It owns the driver it wraps and closes it. Tests call it through blob.New. It promises to change nothing
// where the script names no fault, which blobtest proves; and it can fail a change before its
// effect, in the midst of the data, and after its effect, so that the caller must take the outcome for
// unknown although it happened.
package faultblob

import (
	"context"
	"io"
	"iter"

	"github.com/barrage-live/barrage/storage/blob/driver"
)

// Kind is what a call does.
type Kind uint8

// The kinds of calls.
const (
	Put Kind = iota
	Open
	Stat
	List
	Delete
	Append // the beginning of an object that grows
	Grow   // each Append to it
	Close  // and its end
	Seal
)

// Call is what the script decides about. Of a List the key is the prefix.
type Call struct {
	Kind Kind
	Key  string
}

// Fault is what happens to a call; the zero value is nothing.
type Fault struct {
	// Before is the answer instead of the effect.
	Before error
	// Midst breaks the data of a Put, or of an object being read, after its first byte, and a List after
	// its first object.
	Midst error
	// After is the answer in spite of the effect.
	After error
}

// Script decides the fate of a call. It may be called concurrently, and may block to hold the call up.
type Script func(Call) Fault

// Driver fails calls.
type Driver struct {
	inner  driver.Driver
	script Script
}

var (
	_ driver.Driver = (*Driver)(nil)
	_ io.Closer     = (*Driver)(nil)
)

// Wrap makes a driver that fails the calls of another.
func Wrap(d driver.Driver, s Script) *Driver { return &Driver{d, s} }

// Put implements driver.Driver.
func (d *Driver) Put(ctx context.Context, key string, r io.Reader, o driver.PutOptions) (driver.Info, error) {
	f := d.script(Call{Put, key})
	if f.Before != nil {
		return driver.Info{}, f.Before
	}
	if f.Midst != nil {
		r = io.MultiReader(io.LimitReader(r, 1), broken{f.Midst})
	}
	info, err := d.inner.Put(ctx, key, r, o)
	return info, firstOf(err, f.After)
}

// Open implements driver.Driver.
func (d *Driver) Open(ctx context.Context, key string) (io.ReadSeekCloser, driver.Info, error) {
	f := d.script(Call{Open, key})
	if err := firstOf(f.Before, f.After); err != nil {
		return nil, driver.Info{}, err
	}
	o, info, err := d.inner.Open(ctx, key)
	if err == nil && f.Midst != nil {
		o = &breaking{ReadSeekCloser: o, err: f.Midst}
	}
	return o, info, err
}

// Stat implements driver.Driver.
func (d *Driver) Stat(ctx context.Context, key string) (driver.Info, error) {
	f := d.script(Call{Stat, key})
	if err := firstOf(f.Before, f.After); err != nil {
		return driver.Info{}, err
	}
	return d.inner.Stat(ctx, key)
}

// List implements driver.Driver.
func (d *Driver) List(ctx context.Context, prefix, after string) iter.Seq2[driver.Info, error] {
	f := d.script(Call{List, prefix})
	return func(yield func(driver.Info, error) bool) {
		if f.Before != nil {
			yield(driver.Info{}, f.Before)
			return
		}
		for info, err := range d.inner.List(ctx, prefix, after) {
			if !yield(info, err) || err != nil {
				return
			}
			if f.Midst != nil {
				yield(driver.Info{}, f.Midst)
				return
			}
		}
		if f.After != nil {
			yield(driver.Info{}, f.After)
		}
	}
}

// Delete implements driver.Driver.
func (d *Driver) Delete(ctx context.Context, key string) error {
	f := d.script(Call{Delete, key})
	if f.Before != nil {
		return f.Before
	}
	return firstOf(d.inner.Delete(ctx, key), f.After)
}

// Append implements driver.Driver. An object whose beginning is failed after its effect is left growing.
func (d *Driver) Append(ctx context.Context, key, contentType string) (driver.Appender, error) {
	f := d.script(Call{Append, key})
	if f.Before != nil {
		return nil, f.Before
	}
	a, err := d.inner.Append(ctx, key, contentType)
	if err == nil && f.After != nil {
		a.Leave()
		err = f.After
	}
	if err != nil {
		return nil, err
	}
	return &appender{a, d.script, key}, nil
}

// appender fails what is done with an object that grows.
type appender struct {
	driver.Appender
	script Script
	key    string
}

// Append implements driver.Appender.
func (a *appender) Append(ctx context.Context, at int64, p []byte) error {
	f := a.script(Call{Grow, a.key})
	switch {
	case f.Before != nil:
		return f.Before
	case f.Midst != nil:
		return firstOf(a.Appender.Append(ctx, at, p[:len(p)/2]), f.Midst)
	}
	return firstOf(a.Appender.Append(ctx, at, p), f.After)
}

// Close implements driver.Appender.
func (a *appender) Close(ctx context.Context, size int64) (driver.Info, error) {
	f := a.script(Call{Close, a.key})
	if f.Before != nil {
		return driver.Info{}, f.Before
	}
	info, err := a.Appender.Close(ctx, size)
	return info, firstOf(err, f.After)
}

// Seal implements driver.Driver.
func (d *Driver) Seal(ctx context.Context, key string, o driver.PutOptions) (driver.Info, error) {
	f := d.script(Call{Seal, key})
	if f.Before != nil {
		return driver.Info{}, f.Before
	}
	info, err := d.inner.Seal(ctx, key, o)
	return info, firstOf(err, f.After)
}

// Close implements io.Closer.
func (d *Driver) Close() error {
	if c, ok := d.inner.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// broken is a source that fails.
type broken struct{ err error }

// Read implements io.Reader.
func (b broken) Read([]byte) (int, error) { return 0, b.err }

// breaking is an object that gives one byte and then fails.
type breaking struct {
	io.ReadSeekCloser
	err  error
	read bool
}

// Read implements io.Reader.
func (b *breaking) Read(p []byte) (int, error) {
	if b.read || len(p) == 0 {
		return 0, b.err
	}
	b.read = true
	return b.ReadSeekCloser.Read(p[:1])
}
