// Package faulttable wraps any table driver and fails its calls as a script says, for tests of what stands
// on tables.
//
// It owns the driver it wraps and closes it. Tests call it through table.New. It promises to change nothing
// where the script names no fault, which tabletest proves; and it can fail a write in the two ways that
// matter: before its effect, so that nothing was done, and after it, so that the caller must take the
// outcome for unknown although it happened.
package faulttable

import (
	"context"

	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/driver"
)

// Kind is what a call does.
type Kind uint8

// The kinds of calls.
const (
	Get Kind = iota
	Scan
	Walk
	Write
	// Fence is a call of Fence or FenceExisting.
	Fence
)

// Call is what the script decides about. A Walk has no partition.
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

// fail performs a call as the script says.
func (d *Driver) fail(c Call, effect func() error) error {
	f := d.script(c)
	if f.Before != nil {
		return f.Before
	}
	if err := effect(); err != nil {
		return err
	}
	return f.After
}

// Get implements driver.Driver.
func (d *Driver) Get(ctx context.Context, t driver.Table, partition string, key []byte) (row driver.Row, ok bool, err error) {
	err = d.fail(Call{Get, t.Name, partition}, func() (err error) {
		row, ok, err = d.inner.Get(ctx, t, partition, key)
		return err
	})
	if err != nil {
		return driver.Row{}, false, err
	}
	return row, ok, nil
}

// Scan implements driver.Driver.
func (d *Driver) Scan(ctx context.Context, r driver.Range) (rows []driver.Row, next []byte, err error) {
	err = d.fail(Call{Scan, r.Table.Name, r.Partition}, func() (err error) {
		rows, next, err = d.inner.Scan(ctx, r)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return rows, next, nil
}

// Walk implements driver.Driver.
func (d *Driver) Walk(ctx context.Context, t driver.Table, cursor string, limit int) (partitions []string, next string, err error) {
	err = d.fail(Call{Kind: Walk, Table: t.Name}, func() (err error) {
		partitions, next, err = d.inner.Walk(ctx, t, cursor, limit)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return partitions, next, nil
}

// Write implements driver.Driver.
func (d *Driver) Write(ctx context.Context, b driver.Batch) (version driver.Version, err error) {
	err = d.fail(Call{Write, b.Table.Name, b.Partition}, func() (err error) {
		version, err = d.inner.Write(ctx, b)
		return err
	})
	if err != nil {
		return 0, err
	}
	return version, nil
}

// Fence implements driver.Driver.
func (d *Driver) Fence(ctx context.Context, t driver.Table, partition string, f position.Fence, existing bool) (exists bool, err error) {
	err = d.fail(Call{Fence, t.Name, partition}, func() (err error) {
		exists, err = d.inner.Fence(ctx, t, partition, f, existing)
		return err
	})
	return exists && err == nil, err
}

// Damage makes rows of a driver fail their checksum while hit says so. Writes find them sound.
func Damage(d driver.Driver, hit func(table, partition string, key []byte) bool) driver.Driver {
	return &damaged{d, hit}
}

type damaged struct {
	driver.Driver
	hit func(table, partition string, key []byte) bool
}

// Get implements driver.Driver.
func (d *damaged) Get(ctx context.Context, t driver.Table, partition string, key []byte) (row driver.Row, ok bool, err error) {
	row, ok, err = d.Driver.Get(ctx, t, partition, key)
	if ok && d.hit(t.Name, partition, key) {
		return driver.Row{}, false, table.ErrCorrupt
	}
	return row, ok, err
}

// Scan implements driver.Driver.
func (d *damaged) Scan(ctx context.Context, r driver.Range) (rows []driver.Row, next []byte, err error) {
	rows, next, err = d.Driver.Scan(ctx, r)
	var sound []driver.Row
	for _, row := range rows {
		switch {
		case !d.hit(r.Table.Name, r.Partition, row.Key):
			sound = append(sound, row)
		case r.Damaged == nil:
			return nil, nil, table.ErrCorrupt
		default:
			r.Damaged(row.Key)
		}
	}
	return sound, next, err
}

// Close implements driver.Driver.
func (d *Driver) Close() error { return d.inner.Close() }
