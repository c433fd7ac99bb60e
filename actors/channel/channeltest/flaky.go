package channeltest

import (
	"context"
	"sync"
	"testing"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/driver"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// Fault is what happens to writes.
type Fault uint8

// The faults.
const (
	// None: writes work.
	None Fault = iota
	// Lost: the write does not happen, and is refused Unavailable.
	Lost
	// Unsure: the write happens, and is refused Unavailable all the same.
	Unsure
	// Superseded: the write does not happen, because a newer owner has written.
	Superseded
)

// Flaky is the embedded engine in memory whose writes to one table fail as told.
type Flaky struct {
	driver.Driver
	mu    sync.Mutex
	table string
	fault Fault
}

// NewFlaky gives a store that works, and the switch.
func NewFlaky(tb testing.TB) (*table.Store, *Flaky) {
	tb.Helper()
	d, err := pebbletest.NewMem().Open()
	if err != nil {
		tb.Fatal(err)
	}
	f := &Flaky{Driver: d}
	s := table.New(f)
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return s, f
}

// Fail makes every write to the table fail, until None.
func (f *Flaky) Fail(table string, how Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.table, f.fault = table, how
}

// Write implements driver.Driver.
func (f *Flaky) Write(ctx context.Context, b driver.Batch) (driver.Version, error) {
	f.mu.Lock()
	name, how := f.table, f.fault
	f.mu.Unlock()
	if how == None || b.Table.Name != name {
		return f.Driver.Write(ctx, b)
	}
	switch how {
	case Unsure:
		if v, err := f.Driver.Write(ctx, b); err != nil {
			return v, err
		}
	case Superseded:
		return 0, table.ErrFenced
	case None, Lost:
	}
	return 0, fault.New(fault.Unavailable, "disk", "the disk is away")
}
