package table_test

import (
	"fmt"
	"testing"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// TestWriteAll: every batch is done but those that fail, of which the first is told.
func TestWriteAll(t *testing.T) {
	s, of := pebbletest.Open(t), table.Plain("lists")
	for _, broken := range []int{-1, 0, 150} {
		all := make([]table.Batch, 300)
		for i := range all {
			all[i] = table.Batch{Table: of, Partition: fmt.Sprint(broken, "-", i), Ops: []table.Op{table.Put([]byte("k"), []byte("v"))}}
		}
		if broken >= 0 {
			all[broken].Ops = nil
			all[299].Partition = ""
		}
		err := s.WriteAll(t.Context(), all)
		if want := map[bool]fault.Kind{true: fault.Invalid}[broken >= 0]; broken >= 0 && fault.KindOf(err) != want || broken < 0 && err != nil {
			t.Errorf("batch %d fails: %v", broken, err)
		}
		for i := range 299 {
			_, err := s.Get(t.Context(), of, fmt.Sprint(broken, "-", i), []byte("k"))
			if there := err == nil; there != (i != broken) {
				t.Errorf("batch %d fails: is %d there: %v", broken, i, err)
			}
		}
	}
	if err := s.WriteAll(t.Context(), nil); err != nil {
		t.Error(err)
	}
}
