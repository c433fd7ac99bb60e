package pebbletable_test

import (
	"testing"
	"time"

	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/driver"
	"github.com/barrage-live/barrage/storage/table/pebbletable"
	"github.com/barrage-live/barrage/storage/table/tabletest"
)

// disk is a harness on the real disk, in a directory of the test.
type disk struct{ dir string }

// Open implements tabletest.Harness.
func (d disk) Open(now func() time.Time) (driver.Driver, error) {
	return pebbletable.Open(pebbletable.Config{Dir: d.dir, Now: now, SweepEvery: 50 * time.Millisecond})
}

// Close implements tabletest.Harness.
func (d disk) Close() error { return nil }

func TestConformanceOnDisk(t *testing.T) {
	tabletest.Run(t, func(t *testing.T) tabletest.Harness { return disk{t.TempDir()} })
}

func BenchmarkOnDisk(b *testing.B) {
	tabletest.Bench(b, func(b *testing.B) tabletest.Harness { return disk{b.TempDir()} })
}

// TestAllocations holds the write path to a budget; it takes 13 allocations, in all goroutines together.
func TestAllocations(t *testing.T) {
	s := tabletest.OpenMem(t)
	b := table.Batch{Table: "log", Partition: "room", Epoch: 1, Ops: []table.Op{table.Put([]byte("key"), make([]byte, 160))}}
	write := func() {
		if err := s.Write(t.Context(), b); err != nil {
			t.Error(err)
		}
	}
	if got := testing.AllocsPerRun(500, write); got > 20 {
		t.Errorf("a write takes %v allocations", got)
	}
}
