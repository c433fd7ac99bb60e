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
		_, getErr := r.store.Get(c.ctx, shared(), "p", []byte("k"))
		_, _, scanErr := r.store.Scan(c.ctx, table.Range{Table: shared(), Partition: "p"})
		_, _, walkErr := r.store.Walk(c.ctx, shared(), "", 0)
		_, writeErr := r.store.Write(c.ctx, table.Batch{Table: shared(), Partition: "p", Ops: []table.Op{table.Put([]byte("j"), nil)}})
		fenceErr := r.store.Fence(c.ctx, owned(), "p", at(9, 1))
		for what, err := range map[string]error{"get": getErr, "scan": scanErr, "walk": walkErr, "write": writeErr, "fence": fenceErr} {
			if err == nil || fault.KindOf(err) != c.want || !errors.Is(err, c.ctx.Err()) {
				r.Errorf("%s: %s: %v, want %v with its cause", c.name, what, err, c.want)
			}
		}
	}
	if rows := r.all("p"); len(rows) != 1 {
		r.Errorf("writes that were stopped before they began left %q", keys(rows))
	}
	if exists, err := r.store.FenceExisting(r.Context(), owned(), "p", at(1, 1)); err != nil || exists {
		r.Errorf("a stopped fence was raised: %v, %v", exists, err)
	}
}

// deadlines lets writes run into deadlines; each must have happened wholly or not at all, and none that was
// acknowledged may be missing.
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
				_, err := r.store.Write(ctx, taggedBatch(tag, rows))
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
	b := table.Batch{Table: shared(), Partition: "p"}
	for i := range rows {
		b.Ops = append(b.Ops, table.Put(fmt.Appendf(nil, "%s/%d", tag, i), []byte(tag)))
	}
	return b
}

// checkTags checks that every tag is there with all its rows or with none, and that those in either set are
// there.
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

// reusedBytes changes the bytes of a batch as soon as its write has returned, many with an unknown outcome.
func reusedBytes(r *rig) {
	const rounds, size = 300, 256 << 10
	key, value := []byte("k"), make([]byte, size)
	unsure := 0
	for i := range rounds {
		letter := byte('a' + i%26)
		for j := range value {
			value[j] = letter
		}
		copy(key, "k")
		ctx, cancel := context.WithTimeout(r.Context(), time.Duration(20+i*7%600)*time.Microsecond)
		_, err := r.store.Write(ctx, table.Batch{Table: shared(), Partition: "p", Ops: []table.Op{table.Put(key, value)}})
		cancel()
		clear(value)
		copy(key, "x")
		if errors.Is(err, table.ErrUnknown) {
			unsure++
		}
		row, err := r.store.Get(r.Context(), shared(), "p", []byte("k"))
		if errors.Is(err, table.ErrNoRow) {
			continue
		}
		if err != nil {
			r.Fatalf("round %d: %v", i, err)
		}
		for _, b := range row.Value {
			if b != row.Value[0] || b == 0 {
				r.Fatalf("round %d: the row holds bytes that were changed after the write had returned", i)
			}
		}
	}
	if rows := r.all("p"); len(rows) > 1 {
		r.Errorf("a key that was changed after the write had returned: %q", keys(rows))
	}
	r.Logf("%d of %d writes had an unknown outcome", unsure, rounds)
}
