package faulttable_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/driver"
	"github.com/barrage-live/barrage/storage/table/faulttable"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
	"github.com/barrage-live/barrage/storage/table/tabletest"
)

// wrapped is a harness whose drivers are wrapped.
type wrapped struct {
	*pebbletest.Mem
	script faulttable.Script
}

// Open implements tabletest.Harness.
func (w wrapped) Open() (driver.Driver, error) {
	d, err := w.Mem.Open()
	if err != nil {
		return nil, err
	}
	return faulttable.Wrap(d, w.script), nil
}

func shared() table.Table { return table.Shared("t") }

func noFault(faulttable.Call) faulttable.Fault { return faulttable.Fault{} }

func TestConformanceWithoutFaults(t *testing.T) {
	tabletest.Run(t, func(*testing.T) tabletest.Harness { return wrapped{pebbletest.NewMem(), noFault} })
}

func open(t *testing.T, script faulttable.Script) *table.Store {
	t.Helper()
	d, err := wrapped{pebbletest.NewMem(), script}.Open()
	if err != nil {
		t.Fatal(err)
	}
	s := table.New(d)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

var errDown = fault.New(fault.Unavailable, "storage_failed", "the disk failed")

// TestFaultsBeforeAndAfter fails writes by partition.
func TestFaultsBeforeAndAfter(t *testing.T) {
	s := open(t, func(c faulttable.Call) faulttable.Fault {
		switch {
		case (c.Kind == faulttable.Write || c.Kind == faulttable.Fence) && c.Partition == "before":
			return faulttable.Refused(errDown)
		case (c.Kind == faulttable.Write || c.Kind == faulttable.Fence) && c.Partition == "after":
			return faulttable.Unknown()
		case c.Kind != faulttable.Write && c.Partition == "unreadable":
			return faulttable.Refused(table.ErrCorrupt)
		}
		return faulttable.Fault{}
	})
	for i, c := range []struct {
		partition string
		want      error
	}{
		{"before", errDown}, {"fine", nil}, {"after", table.ErrUnknown}, {"fine", table.ErrConflict}, {"after", table.ErrConflict}, {"unreadable", nil},
	} {
		_, err := s.Write(t.Context(), table.Batch{Table: shared(), Partition: c.partition, Ops: []table.Op{table.PutIfAbsent([]byte("k"), []byte(c.partition))}})
		if !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
			t.Errorf("batch %d: %v, want %v", i, err, c.want)
		}
	}
	for p, want := range map[string]error{"before": errDown, "fine": nil, "after": table.ErrUnknown} {
		if err := s.Fence(t.Context(), table.Owned("o"), p, position.Fence{Epoch: 1}); !errors.Is(err, want) || (want == nil) != (err == nil) {
			t.Errorf("fence of %s: %v, want %v", p, err, want)
		}
		exists, err := s.FenceExisting(t.Context(), table.Owned("o"), p, position.Fence{Epoch: 2})
		if exists != (p == "fine") || !errors.Is(err, want) || (want == nil) != (err == nil) {
			t.Errorf("fence of existing %s: %v, %v, want %v", p, exists, err, want)
		}
	}
	for p, want := range map[string]error{"before": table.ErrNoRow, "fine": nil, "after": nil, "unreadable": table.ErrCorrupt} {
		if _, err := s.Get(t.Context(), shared(), p, []byte("k")); !errors.Is(err, want) || (want == nil) != (err == nil) {
			t.Errorf("partition %s: %v, want %v", p, err, want)
		}
	}
	if _, _, err := s.Scan(t.Context(), table.Range{Table: shared(), Partition: "unreadable"}); !errors.Is(err, table.ErrCorrupt) {
		t.Errorf("scan: %v", err)
	}
}

// dice gives faults by chance.
func dice(seed uint64, before, after float64) faulttable.Script {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 1))
	return func(c faulttable.Call) faulttable.Fault {
		mu.Lock()
		defer mu.Unlock()
		switch p := rng.Float64(); {
		case c.Kind != faulttable.Write:
			return faulttable.Fault{}
		case p < before:
			return faulttable.Refused(errDown)
		case p < before+after:
			return faulttable.Unknown()
		}
		return faulttable.Fault{}
	}
}

// TestCountingThroughUnknownOutcomes shows how to write safely: a counter row and a row that names the
// increment go into one batch, so that whoever got no answer can look whether it happened.
func TestCountingThroughUnknownOutcomes(t *testing.T) {
	s := open(t, dice(7, 0.2, 0.2))
	const writers, each = 4, 40
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				for done := false; !done; {
					var err error
					if done, err = increment(t, s, fmt.Appendf(nil, "done %d.%d", w, i)); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	row, err := s.Get(t.Context(), shared(), "p", []byte("count"))
	if err != nil || binary.BigEndian.Uint64(row.Value) != writers*each {
		t.Errorf("counted %x, %v; want %d", row.Value, err, writers*each)
	}
}

// increment adds one for a mark unless it was added; false means try again.
func increment(t *testing.T, s *table.Store, mark []byte) (bool, error) {
	_, err := s.Get(t.Context(), shared(), "p", mark)
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, table.ErrNoRow) {
		return false, err
	}
	op := table.PutIfAbsent([]byte("count"), binary.BigEndian.AppendUint64(nil, 1))
	row, err := s.Get(t.Context(), shared(), "p", []byte("count"))
	if err == nil {
		op = table.PutIfVersion([]byte("count"), binary.BigEndian.AppendUint64(nil, binary.BigEndian.Uint64(row.Value)+1), row.Version)
	} else if !errors.Is(err, table.ErrNoRow) {
		return false, err
	}
	_, err = s.Write(t.Context(), table.Batch{Table: shared(), Partition: "p", Ops: []table.Op{op, table.PutIfAbsent(mark, nil)}})
	if err == nil {
		return true, nil
	}
	if k := fault.KindOf(err); k == fault.Conflict || k == fault.Timeout || k == fault.Unavailable {
		return false, nil
	}
	return false, err
}
