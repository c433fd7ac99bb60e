package tabletest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/table"
)

func cancelled(r *rig) {
	r.write("p", table.Put([]byte("k"), []byte("v")))
	gone, cancel := context.WithCancel(r.Context())
	cancel()
	late, cancel := context.WithDeadline(r.Context(), time.Unix(1, 0))
	defer cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context //nolint:containedctx // a row of the table
		want fault.Kind
	}{{"cancelled", gone, fault.Unavailable}, {"deadline passed", late, fault.Timeout}} {
		_, getErr := r.store.Get(c.ctx, "t", "p", []byte("k"))
		_, scanErr := r.store.Scan(c.ctx, table.Range{Table: "t", Partition: "p"})
		writeErr := r.store.Write(c.ctx, table.Batch{Table: "t", Partition: "p", Epoch: 9, Ops: []table.Op{table.Put([]byte("j"), nil)}})
		for what, err := range map[string]error{"get": getErr, "scan": scanErr, "write": writeErr} {
			if err == nil || fault.KindOf(err) != c.want || !errors.Is(err, c.ctx.Err()) {
				r.Errorf("%s: %s: %v, want %v with its cause", c.name, what, err, c.want)
			}
		}
	}
	if rows := r.all("p"); len(rows) != 1 {
		r.Errorf("writes that were stopped before they began left %q", keys(rows))
	}
	fenceIs(r, "after stopped writes", "t", "p", 0)
}

// deadlines lets writes run into deadlines; each must have happened wholly or not at all, and none that was acknowledged
// may be missing.
func deadlines(r *rig) {
	const writers, each, rows = 8, 25, 3
	var mu sync.Mutex
	acked := map[string]bool{}
	var wg sync.WaitGroup
	for w := range writers {
		rng := rand.New(rand.NewPCG(uint64(w), 9))
		wg.Go(func() {
			for i := range each {
				tag := fmt.Sprintf("%d.%d", w, i)
				ctx, cancel := context.WithTimeout(r.Context(), time.Duration(rng.IntN(2000))*time.Microsecond)
				err := r.store.Write(ctx, taggedBatch(tag, rows))
				cancel()
				switch {
				case err == nil:
					mu.Lock()
					acked[tag] = true
					mu.Unlock()
				case fault.KindOf(err) != fault.Timeout:
					r.Errorf("a write whose deadline passed: %v, want fault.Timeout", err)
				}
			}
		})
	}
	wg.Wait()
	checkTags(r, r.all("p"), acked, nil, rows)
}

// taggedBatch writes rows that belong together into partition p.
func taggedBatch(tag string, rows int) table.Batch {
	b := table.Batch{Table: "t", Partition: "p"}
	for i := range rows {
		b.Ops = append(b.Ops, table.Put(fmt.Appendf(nil, "%s/%d", tag, i), []byte(tag)))
	}
	return b
}

// checkTags checks that every tag is there with all its rows or with none, and that those in either set are there.
func checkTags(r *rig, stored []table.Row, acked, read map[string]bool, rows int) {
	r.Helper()
	count := map[string]int{}
	for _, row := range stored {
		count[string(row.Value)]++
	}
	for tag, n := range count {
		if n != rows {
			r.Errorf("batch %s is there with %d of %d rows", tag, n, rows)
		}
	}
	for tag := range acked {
		if count[tag] == 0 {
			r.Errorf("acknowledged batch %s is gone", tag)
		}
	}
	for tag := range read {
		if count[tag] == 0 {
			r.Errorf("batch %s was read and is gone", tag)
		}
	}
}
