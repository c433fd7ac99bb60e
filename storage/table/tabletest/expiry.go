package tabletest

import (
	"errors"
	"fmt"
	"time"

	"github.com/barrage-live/barrage/storage/table"
)

func expiry(r *rig) {
	k := []byte("k")
	gone := func(when string) {
		r.Helper()
		if _, err := r.store.Get(r.Context(), "t", "p", k); !errors.Is(err, table.ErrNoRow) {
			r.Errorf("%s: get: %v, want ErrNoRow", when, err)
		}
		for _, row := range r.all("p") {
			if string(row.Key) == "k" {
				r.Errorf("%s: the row is in a page", when)
			}
		}
	}
	r.write("p", table.Expiring(table.Put(k, []byte("1")), time.Minute), table.Put([]byte("stays"), nil))
	v := r.row("p", "k").Version
	r.clock.Advance(59 * time.Second)
	r.row("p", "k")
	r.clock.Advance(time.Second)
	gone("after its time")
	r.reopen()
	gone("after reopen")
	err := r.store.Write(r.Context(), table.Batch{Table: "t", Partition: "p", Ops: []table.Op{table.PutIfVersion(k, nil, v)}})
	if !errors.Is(err, table.ErrConflict) {
		r.Errorf("the version of an expired row still holds: %v", err)
	}
	r.write("p", table.Expiring(table.PutIfAbsent(k, []byte("2")), time.Minute))
	r.clock.Advance(30 * time.Second)
	r.write("p", table.Expiring(table.Put(k, []byte("3")), time.Minute)) // renewed
	r.clock.Advance(45 * time.Second)
	if row := r.row("p", "k"); string(row.Value) != "3" || row.Version <= v {
		r.Errorf("after renewal: %q version %d", row.Value, row.Version)
	}
	r.write("p", table.Put(k, []byte("4"))) // permanent
	r.clock.Advance(1000 * time.Hour)
	r.row("p", "k")
	r.row("p", "stays")
	expiredPages(r)
}

// expiredPages checks that expired rows do not make pages short.
func expiredPages(r *rig) {
	var ops []table.Op
	for i := range 100 {
		op := table.Put(fmt.Appendf(nil, "%03d", i), nil)
		if i%10 != 0 {
			op = table.Expiring(op, time.Second)
		}
		ops = append(ops, op)
	}
	r.write("q", ops...)
	r.clock.Advance(time.Second)
	for _, reverse := range []bool{false, true} {
		rows, err := pages(r.Context(), r.store, table.Range{Table: "t", Partition: "q", Limit: 3, Reverse: reverse})
		if err != nil || len(rows) != 10 {
			r.Errorf("reverse %v: %d rows live on, %v; want 10", reverse, len(rows), err)
		}
	}
}
