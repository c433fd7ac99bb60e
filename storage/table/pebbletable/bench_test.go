package pebbletable_test

import (
	"testing"

	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
	"github.com/barrage-live/barrage/storage/table/tabletest"
)

func TestConformanceOnDisk(t *testing.T) {
	tabletest.Run(t, func(t *testing.T) tabletest.Harness { return pebbletest.NewDisk(t.TempDir()) })
}

func BenchmarkOnDisk(b *testing.B) {
	tabletest.Bench(b, func(b *testing.B) tabletest.Harness { return pebbletest.NewDisk(b.TempDir()) })
}

// TestAllocations holds the write path to a budget; it takes 14 allocations, in all goroutines together.
func TestAllocations(t *testing.T) {
	s := pebbletest.Open(t)
	owner := position.Fence{Epoch: 1, Activation: 1}
	b := table.Batch{Table: table.Owned("log"), Partition: "room", Fence: owner, Ops: []table.Op{table.Put([]byte("key"), make([]byte, 160))}}
	if err := s.Fence(t.Context(), b.Table, b.Partition, owner); err != nil {
		t.Fatal(err)
	}
	write := func() {
		if _, err := s.Write(t.Context(), b); err != nil {
			t.Error(err)
		}
	}
	if got := testing.AllocsPerRun(500, write); got > 20 {
		t.Errorf("a write takes %v allocations", got)
	}
}
