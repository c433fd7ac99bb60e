package tabletest

import (
	"errors"
	"fmt"
	"time"

	"github.com/barrage-live/barrage/storage/table"
)

// late is by how much a row may outlive its time.
const late = 2 * time.Second

func expiry(r *rig) {
	const ttl = 10 * time.Second
	k := []byte("k")
	gone := func(when string) {
		r.Helper()
		if _, err := r.store.Get(r.Context(), shared(), "p", k); !errors.Is(err, table.ErrNoRow) {
			r.Errorf("%s: get: %v, want ErrNoRow", when, err)
		}
		for _, row := range r.all("p") {
			if string(row.Key) == "k" {
				r.Errorf("%s: the row is in a page", when)
			}
		}
	}
	v := r.write("p", table.Expiring(table.Put(k, []byte("1")), ttl), table.Put([]byte("stays"), nil))
	r.write("p", table.Expiring(table.Put([]byte("longest"), nil), 1<<63-1))
	r.row("p", "k")
	r.h.Wait(ttl + late)
	gone("after its time")
	r.reopen()
	gone("after reopen")
	for name, op := range map[string]table.Op{"put": table.PutIfVersion(k, nil, v), "delete": table.DeleteIfVersion(k, v)} {
		_, err := r.settle(r.store, table.Batch{Table: shared(), Partition: "p", Ops: []table.Op{op}})
		if !errors.Is(err, table.ErrConflict) {
			r.Errorf("the version of an expired row still holds for a %s: %v", name, err)
		}
	}
	r.write("p", table.Expiring(table.PutIfAbsent(k, []byte("2")), ttl))
	r.h.Wait(ttl / 2)
	r.write("p", table.Expiring(table.Put(k, []byte("3")), 3*ttl)) // renewed
	r.h.Wait(ttl + late)
	if row := r.row("p", "k"); string(row.Value) != "3" {
		r.Errorf("after renewal: %q", row.Value)
	}
	r.write("p", table.Put(k, []byte("4"))) // permanent
	r.h.Wait(2 * ttl)
	r.row("p", "k")
	r.row("p", "stays")
	r.row("p", "longest")
	expiredPages(r)
}

// expiredPages checks that expired rows hide none that live on.
func expiredPages(r *rig) {
	var ops []table.Op
	for i := range 100 {
		op := table.Put(fmt.Appendf(nil, "%03d", i), nil)
		if i%10 != 0 {
			op = table.Expiring(op, time.Millisecond) // which is a second
		}
		ops = append(ops, op)
	}
	r.write("q", ops...)
	r.h.Wait(time.Second + late)
	for _, reverse := range []bool{false, true} {
		rows, err := pages(r.Context(), r.store, table.Range{Table: shared(), Partition: "q", Limit: 3, Reverse: reverse})
		if err != nil || len(rows) != 10 {
			r.Errorf("reverse %v: %d rows live on, %v; want 10", reverse, len(rows), err)
		}
	}
}
