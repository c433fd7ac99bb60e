package tabletest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
)

// fenceCase is a partition that has seen some epochs, one more write, its outcome.
type fenceCase struct {
	name   string
	seen   []position.Epoch
	epoch  position.Epoch
	ops    []table.Op
	want   error
	leaves position.Epoch // the fence afterwards
}

func fenceCases() []fenceCase {
	put := []table.Op{table.Put([]byte("k"), []byte("new"))}
	taken := []table.Op{table.PutIfAbsent([]byte("seen"), nil)}
	return []fenceCase{
		{"first fenced write", nil, 5, put, nil, 5},
		{"equal epoch", []position.Epoch{5}, 5, put, nil, 5},
		{"equal epoch over a row", []position.Epoch{5}, 5, []table.Op{table.Put([]byte("seen"), []byte("new"))}, nil, 5},
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
		{"condition fails: the fence stays", []position.Epoch{5}, 6, taken, table.ErrConflict, 5},
		{"condition fails at an equal epoch", []position.Epoch{5}, 5, taken, table.ErrConflict, 5},
		{"condition fails at a lower epoch: the fence answers", []position.Epoch{5}, 4, taken, table.ErrFenced, 5},
		{"delete of a lower epoch", []position.Epoch{5}, 4, []table.Op{table.Delete([]byte("seen"))}, table.ErrFenced, 5},
	}
}

// fenceTable goes through the cases, each in a partition of its own.
func fenceTable(r *rig) {
	for i, c := range fenceCases() {
		p := fmt.Sprintf("p%d", i)
		for _, e := range c.seen {
			if err := r.store.Write(r.Context(), table.Batch{Table: "t", Partition: p, Epoch: e, Ops: []table.Op{table.Put([]byte("seen"), []byte("old"))}}); err != nil {
				r.Fatalf("%s: %v", c.name, err)
			}
		}
		before := contents(r.all(p))
		err := r.store.Write(r.Context(), table.Batch{Table: "t", Partition: p, Epoch: c.epoch, Ops: c.ops})
		if !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
			r.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if after := contents(r.all(p)); c.want != nil && !slices.Equal(before, after) {
			r.Errorf("%s: a refused write left %q, before %q", c.name, after, before)
		}
		if c.want == nil && c.ops != nil {
			if row := r.row(p, string(c.ops[0].Key)); string(row.Value) != "new" {
				r.Errorf("%s: an accepted write left %q", c.name, row.Value)
			}
		}
		fenceIs(r, c.name, "t", p, c.leaves)
	}
}

// contents names the rows with their values.
func contents(rows []table.Row) []string {
	out := make([]string, len(rows))
	for i, row := range rows {
		out[i] = string(row.Key) + "=" + string(row.Value)
	}
	return out
}

// fencesInOneCall puts owners of one partition into one call: each batch sees the fence that those before it left.
func fencesInOneCall(r *rig) {
	batch := func(p string, epoch position.Epoch, ops ...table.Op) table.Batch {
		return table.Batch{Table: "t", Partition: p, Epoch: epoch, Ops: ops}
	}
	put := func(key string) table.Op { return table.Put([]byte(key), []byte("new")) }
	errs := r.store.WriteAll(r.Context(), []table.Batch{
		batch("p", 6, put("a")),
		batch("p", 5, put("b")), // behind a higher one
		batch("q", 5, put("a")), // another partition
		batch("p", 6, put("c")),
		batch("p", 0, put("d")),
		batch("p", 9, table.PutIfAbsent([]byte("a"), nil)), // raises nothing
		batch("p", 7),
		batch("p", 6, put("e")),
		batch("p", 8, put("f")),
	})
	for i, want := range []error{nil, table.ErrFenced, nil, nil, table.ErrFenced, table.ErrConflict, nil, table.ErrFenced, nil} {
		if !errors.Is(errs[i], want) || (want == nil) != (errs[i] == nil) {
			r.Errorf("batch %d: %v, want %v", i, errs[i], want)
		}
	}
	if got := contents(r.all("p")); !slices.Equal(got, []string{"a=new", "c=new", "f=new"}) {
		r.Errorf("the partition holds %q", got)
	}
	fenceIs(r, "the partition of many owners", "t", "p", 8)
	fenceIs(r, "the other partition", "t", "q", 5)
}

// fencesOutliveRows takes all rows of a partition away, by deletion and by their time.
func fencesOutliveRows(r *rig) {
	k := []byte("k")
	write := func(p string, op table.Op) {
		r.Helper()
		if err := r.store.Write(r.Context(), table.Batch{Table: "t", Partition: p, Epoch: 5, Ops: []table.Op{op}}); err != nil {
			r.Fatal(err)
		}
	}
	write("deleted", table.Put(k, nil))
	write("deleted", table.Delete(k))
	write("expired", table.Expiring(table.Put(k, nil), time.Minute))
	r.clock.Advance(time.Minute)
	check := func(when string) {
		r.Helper()
		for _, p := range []string{"deleted", "expired"} {
			if rows := r.all(p); len(rows) != 0 {
				r.Errorf("%s %s: rows %q", p, when, keys(rows))
			}
			fenceIs(r, p+" "+when, "t", p, 5)
		}
	}
	check("at once")
	r.reopen()
	check("after reopen")
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
