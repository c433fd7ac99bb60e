package worldtest

import (
	"sync"
	"testing"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/faulttable"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// Fault is what happens to calls of the store.
type Fault uint8

// The faults.
const (
	// None: everything works.
	None Fault = iota
	// Lost: writes do not happen, and are refused Unavailable.
	Lost
	// Unsure: writes happen, and their outcome is said to be unknown.
	Unsure
	// Superseded: writes do not happen, because a newer owner has written.
	Superseded
	// Away: neither reads nor writes happen.
	Away
	// UnsureAway: writes happen, their outcome is said to be unknown, and it cannot be read either.
	UnsureAway
	// Stalled: writes wait until the fault is another.
	Stalled
)

var errDisk = fault.New(fault.Unavailable, "disk", "the disk is away")

// Flaky makes calls of the embedded engine in memory fail as told.
type Flaky struct {
	mu    sync.Mutex
	ended *sync.Cond // the end of a stall
	table string
	fault Fault
	spare int // calls before it begins
}

// NewFlaky gives a store that works, and the switch.
func NewFlaky(tb testing.TB) (*table.Store, *Flaky) {
	tb.Helper()
	d, err := pebbletest.NewMem().Open()
	if err != nil {
		tb.Fatal(err)
	}
	f := &Flaky{}
	f.ended = sync.NewCond(&f.mu)
	s := table.New(faulttable.Wrap(d, f.script))
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return s, f
}

// NewDamaged gives a store whose rows fail their checksum while hit says so.
func NewDamaged(tb testing.TB, hit func(table, partition string, key []byte) bool) *table.Store {
	tb.Helper()
	d, err := pebbletest.NewMem().Open()
	if err != nil {
		tb.Fatal(err)
	}
	s := table.New(faulttable.Damage(d, hit))
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return s
}

// Fail makes calls for a table fail, or for every table if it is empty, until None.
func (f *Flaky) Fail(table string, how Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.table, f.fault, f.spare = table, how, 0
	f.ended.Broadcast()
}

// FailFrom is Fail from the n-th call for the table on.
func (f *Flaky) FailFrom(table string, n int, how Fault) {
	f.Fail(table, how)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.spare = n - 1
}

func (f *Flaky) script(c faulttable.Call) faulttable.Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	writes := c.Kind == faulttable.Write || c.Kind == faulttable.Fence
	meant := func() bool { return f.table == "" || f.table == c.Table }
	if meant() && f.spare > 0 {
		f.spare--
		return faulttable.Fault{}
	}
	for writes && f.fault == Stalled && meant() {
		f.ended.Wait()
	}
	switch {
	case !meant():
	case f.fault == Away, f.fault == UnsureAway && !writes, f.fault == Lost && writes:
		return faulttable.Refused(errDisk)
	case !writes:
	case f.fault == Unsure, f.fault == UnsureAway:
		return faulttable.Unknown()
	case f.fault == Superseded:
		return faulttable.Refused(table.ErrFenced)
	}
	return faulttable.Fault{}
}
