package session

import (
	"fmt"
	"testing"

	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// TestEveryLoginIsNamed lists more logins than a page holds: whoever ends all of them must not miss one.
func TestEveryLoginIsNamed(t *testing.T) {
	s := store{table: pebbletest.Open(t)}
	const logins = table.MaxLimit + 50
	var ops []table.Op
	for i := range logins {
		ops = append(ops, table.Put(fmt.Appendf(nil, "s%06d", i), nil))
		if len(ops) == 500 || i == logins-1 {
			if _, err := s.table.Write(t.Context(), table.Batch{Table: byUser(), Partition: "7", Ops: ops}); err != nil {
				t.Fatal(err)
			}
			ops = nil
		}
	}
	if names, err := s.list(t.Context(), "7", unlimited); err != nil || len(names) != logins {
		t.Errorf("%d logins are named, %v; want %d", len(names), err, logins)
	}
	if names, err := s.list(t.Context(), "7", 3); err != nil || len(names) != 3 {
		t.Errorf("%d logins are named, %v; want 3", len(names), err)
	}
}
