package tabletest

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
)

// fenceTable is the table of cases: a partition that has seen some epochs, one more write, its outcome.
func fenceTable(r *rig) {
	put := []table.Op{table.Put([]byte("k"), []byte("new"))}
	for i, c := range []struct {
		name   string
		seen   []position.Epoch
		epoch  position.Epoch
		ops    []table.Op
		want   error
		leaves position.Epoch // the fence afterwards
	}{
		{"first fenced write", nil, 5, put, nil, 5},
		{"equal epoch", []position.Epoch{5}, 5, put, nil, 5},
		{"higher epoch", []position.Epoch{5}, 6, put, nil, 6},
		{"lower epoch", []position.Epoch{5}, 4, put, table.ErrFenced, 5},
		{"far higher epoch", []position.Epoch{5}, 1<<63 + 5, put, nil, 1<<63 + 5},
		{"late: the old owner after the new one wrote", []position.Epoch{5, 6}, 5, put, table.ErrFenced, 6},
		{"retried: the same write of the same owner again", []position.Epoch{6, 6}, 6, put, nil, 6},
		{"retried after the takeover", []position.Epoch{6, 6, 7}, 6, put, table.ErrFenced, 7},
		{"reordered: a skipped epoch arrives behind its successor", []position.Epoch{5, 7}, 6, put, table.ErrFenced, 7},
		{"unfenced on an unfenced partition", nil, 0, put, nil, 0},
		{"unfenced on a fenced partition", []position.Epoch{5}, 0, put, table.ErrFenced, 5},
		{"fenced after unfenced", []position.Epoch{0, 0}, 1, put, nil, 1},
		{"fence only", []position.Epoch{5}, 9, nil, nil, 9},
		{"fence only, equal", []position.Epoch{9}, 9, nil, nil, 9},
		{"fence only, lower", []position.Epoch{9}, 8, nil, table.ErrFenced, 9},
		{"condition fails: the fence stays", []position.Epoch{5}, 6, []table.Op{table.PutIfAbsent([]byte("seen"), nil)}, table.ErrConflict, 5},
		{"delete of a lower epoch", []position.Epoch{5}, 4, []table.Op{table.Delete([]byte("seen"))}, table.ErrFenced, 5},
	} {
		p := fmt.Sprintf("p%d", i)
		for _, e := range c.seen {
			if err := r.store.Write(r.Context(), table.Batch{Table: "t", Partition: p, Epoch: e, Ops: []table.Op{table.Put([]byte("seen"), []byte("old"))}}); err != nil {
				r.Fatalf("%s: %v", c.name, err)
			}
		}
		before := keys(r.all(p))
		err := r.store.Write(r.Context(), table.Batch{Table: "t", Partition: p, Epoch: c.epoch, Ops: c.ops})
		if !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
			r.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if after := keys(r.all(p)); c.want != nil && !slices.Equal(before, after) {
			r.Errorf("%s: a refused write left %q, before %q", c.name, after, before)
		}
		fenceIs(r, c.name, "t", p, c.leaves)
	}
}

// fenceIs checks a partition's fence from both sides without moving it.
func fenceIs(r *rig, name, tab, p string, want position.Epoch) {
	r.Helper()
	if want == 0 {
		if err := r.store.Write(r.Context(), table.Batch{Table: tab, Partition: p, Ops: []table.Op{table.Delete([]byte("none"))}}); err != nil {
			r.Errorf("%s: an unfenced write is refused: %v", name, err)
		}
		return
	}
	if err := r.store.Fence(r.Context(), tab, p, want-1); want > 1 && !errors.Is(err, table.ErrFenced) {
		r.Errorf("%s: epoch %d passes the fence: %v", name, want-1, err)
	}
	if err := r.store.Fence(r.Context(), tab, p, want); err != nil {
		r.Errorf("%s: epoch %d does not pass the fence: %v", name, want, err)
	}
}

func fencesSurvive(r *rig) {
	if err := r.store.Fence(r.Context(), "t", "p", 7); err != nil {
		r.Fatal(err)
	}
	r.reopen()
	fenceIs(r, "after reopen", "t", "p", 7)
	fenceIs(r, "another partition", "t", "p2", 0)
	fenceIs(r, "the same partition of another table", "t2", "p", 0)
	if err := r.store.Write(r.Context(), table.Batch{Table: "t", Partition: "p", Epoch: 6, Ops: []table.Op{table.Put([]byte("k"), nil)}}); !errors.Is(err, table.ErrFenced) {
		r.Errorf("the old owner writes after reopen: %v", err)
	}
	if rows := r.all("p"); len(rows) != 0 {
		r.Errorf("a fence shows up as rows: %q", keys(rows))
	}
}

// racingOwners lets owners of growing epochs write into one partition at once; what they wrote must never step back.
func racingOwners(r *rig) {
	const owners, each = 6, 20
	ctx := r.Context()
	var wg sync.WaitGroup
	var mu sync.Mutex
	highest := position.Epoch(0) // of all acknowledged writes
	for owner := range owners {
		epoch := position.Epoch(owner + 1)
		wg.Go(func() {
			for i := range each {
				mu.Lock()
				seen := highest
				mu.Unlock()
				key := fmt.Appendf(nil, "%d-%d", epoch, i)
				err := r.store.Write(ctx, table.Batch{Table: "t", Partition: "p", Epoch: epoch, Ops: []table.Op{table.Put(key, nil)}})
				switch {
				case errors.Is(err, table.ErrFenced):
					return
				case err != nil:
					r.Error(err)
					return
				case epoch < seen:
					r.Errorf("epoch %d was accepted after epoch %d", epoch, seen)
				}
				mu.Lock()
				highest = max(highest, epoch)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	fenceIs(r, "after the race", "t", "p", owners)
}
