// Package faulttable wraps any table driver and fails its calls as a script says, for tests of what stands on tables.
//
// It owns the driver it wraps and closes it. Tests call it through table.New. It promises to change nothing where the
// script names no fault, which tabletest proves; and it can fail a write in the two ways that matter: before its effect,
// so that nothing was done, and after it, so that the caller must take the outcome for unknown although it happened.
package faulttable

import (
	"context"

	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/driver"
)

// Kind is what a call does.
type Kind uint8

// The kinds of calls.
const (
	Get Kind = iota
	Scan
	Write
)

// Call is what the script decides about. Each batch of an Apply is a call of its own.
type Call struct {
	Kind             Kind
	Table, Partition string
}

// Fault is what happens to a call; the zero value is nothing.
type Fault struct {
	// Before is the answer instead of the effect.
	Before error
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

var _ driver.Driver = (*Driver)(nil)

// Wrap makes a driver that fails the calls of another.
func Wrap(d driver.Driver, s Script) *Driver { return &Driver{d, s} }

// Unknown is a fault that hides an effect that happened.
func Unknown() Fault { return Fault{After: table.ErrUnknown} }

// Refused is a fault that prevents the effect.
func Refused(err error) Fault { return Fault{Before: err} }

// Get implements driver.Driver.
func (d *Driver) Get(ctx context.Context, tab, partition string, key []byte) (driver.Row, bool, error) {
	f := d.script(Call{Get, tab, partition})
	if f.Before != nil {
		return driver.Row{}, false, f.Before
	}
	row, ok, err := d.inner.Get(ctx, tab, partition, key)
	if err == nil && f.After != nil {
		return driver.Row{}, false, f.After
	}
	return row, ok, err
}

// Scan implements driver.Driver.
func (d *Driver) Scan(ctx context.Context, r driver.Range) ([]driver.Row, error) {
	f := d.script(Call{Scan, r.Table, r.Partition})
	if f.Before != nil {
		return nil, f.Before
	}
	rows, err := d.inner.Scan(ctx, r)
	if err == nil && f.After != nil {
		return nil, f.After
	}
	return rows, err
}

// Apply implements driver.Driver.
func (d *Driver) Apply(ctx context.Context, batches []driver.Batch) []error {
	errs := make([]error, len(batches))
	after := make([]error, len(batches))
	var kept []driver.Batch
	var index []int
	for i, b := range batches {
		f := d.script(Call{Write, b.Table, b.Partition})
		if errs[i], after[i] = f.Before, f.After; f.Before == nil {
			kept, index = append(kept, b), append(index, i)
		}
	}
	if len(kept) == 0 {
		return errs
	}
	for k, err := range d.inner.Apply(ctx, kept) {
		if i := index[k]; err == nil {
			errs[i] = after[i]
		} else {
			errs[i] = err
		}
	}
	return errs
}

// Close implements driver.Driver.
func (d *Driver) Close() error { return d.inner.Close() }
