package tabletest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
)

// at is a fence.
func at(epoch position.Epoch, activation uint64) position.Fence {
	return position.Fence{Epoch: epoch, Activation: activation}
}

// fenceCase is a partition that was fenced, one write, its outcome.
type fenceCase struct {
	name  string
	raise []position.Fence // one after the other
	under position.Fence
	ops   []table.Op
	want  error
}

func fenceCases() []fenceCase {
	put := []table.Op{table.Put([]byte("k"), []byte("new"))}
	taken := []table.Op{table.PutIfAbsent([]byte("seen"), nil)}
	five := []position.Fence{at(5, 2)}
	return []fenceCase{
		{"never fenced", nil, at(5, 2), put, table.ErrFenced},
		{"exactly the fence", five, at(5, 2), put, nil},
		{"lower epoch", five, at(4, 2), put, table.ErrFenced},
		{"lower epoch, higher activation", five, at(4, 9), put, table.ErrFenced},
		{"lower activation", five, at(5, 1), put, table.ErrFenced},
		{"higher activation that was not raised", five, at(5, 3), put, table.ErrFenced},
		{"higher epoch that was not raised", five, at(6, 2), put, table.ErrFenced},
		{"the old owner after the new one", []position.Fence{at(5, 2), at(6, 1)}, at(5, 2), put, table.ErrFenced},
		{"the new owner", []position.Fence{at(5, 2), at(6, 1)}, at(6, 1), put, nil},
		{"the new activation of one owner", []position.Fence{at(5, 2), at(5, 3)}, at(5, 3), put, nil},
		{"the old activation of one owner", []position.Fence{at(5, 2), at(5, 3)}, at(5, 2), put, table.ErrFenced},
		{"a fence raised twice", []position.Fence{at(5, 2), at(5, 2)}, at(5, 2), put, nil},
		{"the highest fence", []position.Fence{at(1<<63-1, 1<<63-1)}, at(1<<63-1, 1<<63-1), put, nil},
		{"activation zero", []position.Fence{at(5, 0)}, at(5, 0), put, nil},
		{"a condition fails", five, at(5, 2), taken, table.ErrConflict},
		{"a condition fails under another fence: the fence answers", five, at(5, 1), taken, table.ErrFenced},
		{"a delete of the old owner", five, at(5, 1), []table.Op{table.Delete([]byte("seen"))}, table.ErrFenced},
		{"a range of the old owner", five, at(5, 1), []table.Op{table.DeleteRange(nil, nil)}, table.ErrFenced},
	}
}

// fenceTable goes through the cases, each in a partition of its own.
func fenceTable(r *rig) {
	for i, c := range fenceCases() {
		p := fmt.Sprintf("p%d", i)
		for _, f := range c.raise {
			err := r.fence(r.store, p, f)
			if err == nil {
				_, err = r.settle(r.store, table.Batch{Table: owned(), Partition: p, Fence: f, Ops: []table.Op{table.Put([]byte("seen"), []byte(fmt.Sprint(f)))}})
			}
			if err != nil {
				r.Fatalf("%s: %v", c.name, err)
			}
		}
		before := contents(r.allOf(owned(), p))
		_, err := r.settle(r.other, table.Batch{Table: owned(), Partition: p, Fence: c.under, Ops: c.ops})
		if !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
			r.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		after := contents(r.allOf(owned(), p))
		if c.want != nil && !slices.Equal(before, after) {
			r.Errorf("%s: a refused write left %q, before %q", c.name, after, before)
		}
		if c.want == nil && !slices.Contains(after, "k=new") {
			r.Errorf("%s: an accepted write left %q", c.name, after)
		}
		if n := len(c.raise); n > 0 {
			fenceIs(r, c.name, p, c.raise[n-1])
		}
	}
}

// fenceIs checks a partition's fence from both sides without moving it.
func fenceIs(r *rig, name, p string, want position.Fence) {
	r.Helper()
	for _, lower := range []position.Fence{at(want.Epoch-1, want.Activation+1), at(want.Epoch, want.Activation-1)} {
		if lower.Compare(want) > 0 || lower.IsZero() || lower.Activation > 1<<63-1 {
			continue // zero wrapped around, or no legal fence
		}
		if err := r.fence(r.store, p, lower); !errors.Is(err, table.ErrFenced) {
			r.Errorf("%s: %v passes the fence %v: %v", name, lower, want, err)
		}
	}
	if exists, err := r.existing(r.other, p, want); err != nil || !exists {
		r.Errorf("%s: the fence %v is not there: %v, %v", name, want, exists, err)
	}
	_, err := r.settle(r.store, table.Batch{Table: owned(), Partition: p, Fence: want, Ops: []table.Op{table.Delete([]byte("none"))}})
	if err != nil {
		r.Errorf("%s: a write under the fence %v: %v", name, want, err)
	}
}

// existing is FenceExisting until the outcome is known.
func (r *rig) existing(s *table.Store, p string, f position.Fence) (bool, error) {
	for {
		exists, err := s.FenceExisting(r.Context(), owned(), p, f)
		if !errors.Is(err, table.ErrUnknown) {
			return exists, err
		}
	}
}

// raising raises fences in every order.
func raising(r *rig) {
	step := func(what string, exists, want bool, err, wantErr error) {
		r.Helper()
		if exists != want || !errors.Is(err, wantErr) || (wantErr == nil) != (err == nil) {
			r.Errorf("%s: %v, %v; want %v, %v", what, exists, err, want, wantErr)
		}
	}
	exists, err := r.existing(r.store, "p", at(9, 9))
	step("an existing fence where there is none", exists, false, err, nil)
	step("a lower one afterwards", false, false, r.fence(r.other, "p", at(3, 2)), nil)
	exists, err = r.existing(r.other, "p", at(3, 2))
	step("an existing fence, equal", exists, true, err, nil)
	_, err = r.existing(r.store, "p", at(3, 1))
	step("an existing fence, lower", false, false, err, table.ErrFenced)
	exists, err = r.existing(r.store, "p", at(3, 3))
	step("an existing fence, higher", exists, true, err, nil)
	step("a lower fence", false, false, r.fence(r.other, "p", at(3, 2)), table.ErrFenced)
	step("a higher fence", false, false, r.fence(r.other, "p", at(4, 0)), nil)
	fenceIs(r, "in the end", "p", at(4, 0))
	exists, err = r.existing(r.store, "p2", at(9, 9))
	step("another partition", exists, false, err, nil)
	if rows := r.allOf(owned(), "p"); len(rows) != 0 {
		r.Errorf("a fence shows up as rows: %q", keys(rows))
	}
}

func fencesSurvive(r *rig) {
	if err := r.fence(r.store, "p", at(7, 3)); err != nil {
		r.Fatal(err)
	}
	r.reopen()
	fenceIs(r, "after reopen", "p", at(7, 3))
	_, err := r.settle(r.store, table.Batch{Table: owned(), Partition: "p", Fence: at(7, 2), Ops: []table.Op{table.Put([]byte("k"), nil)}})
	if !errors.Is(err, table.ErrFenced) {
		r.Errorf("the old owner writes after reopen: %v", err)
	}
}

// fencesOutliveRows takes all rows of a partition away, by deletion and by their time.
func fencesOutliveRows(r *rig) {
	k := []byte("k")
	f := at(5, 5)
	write := func(p string, op table.Op) {
		r.Helper()
		if _, err := r.settle(r.store, table.Batch{Table: owned(), Partition: p, Fence: f, Ops: []table.Op{op}}); err != nil {
			r.Fatal(err)
		}
	}
	partitions := []string{"deleted", "expired", "erased", "never"}
	for _, p := range partitions {
		if err := r.fence(r.store, p, f); err != nil {
			r.Fatal(err)
		}
	}
	write("deleted", table.Put(k, []byte("v")))
	write("deleted", table.Delete(k))
	write("erased", table.Put(k, nil))
	write("erased", table.DeleteRange(nil, nil))
	write("expired", table.Expiring(table.Put(k, nil), time.Second))
	r.h.Wait(time.Second + late)
	for _, when := range []string{"at once", "after reopen"} {
		for _, p := range partitions {
			if rows := r.allOf(owned(), p); len(rows) != 0 {
				r.Errorf("%s %s: rows %q", p, when, keys(rows))
			}
			fenceIs(r, p+" "+when, p, f)
		}
		r.reopen()
	}
}

// takeOver lets an owner of one client be followed by one of another, again and again, while it writes. An
// owner writes few rows many times: rows without end would make each scan longer than the one before, and a
// longer scan lets more be written.
func takeOver(r *rig) {
	const owners, each = 12, 50
	var wg sync.WaitGroup
	for n := range owners {
		s := []*table.Store{r.store, r.other}[n%2]
		f := at(position.Epoch(n/3+1), uint64(n%3+1))
		if err := r.fence(s, "p", f); err != nil {
			r.Fatalf("owner %d: %v", n, err)
		}
		// From here on nothing of the former owner may appear.
		before, err := pages(r.Context(), s, table.Range{Table: owned(), Partition: "p"})
		if err != nil {
			r.Fatal(err)
		}
		wrote := make(chan struct{})
		wg.Go(func() {
			var once sync.Once
			for i := 0; ; i++ {
				op := table.Put(fmt.Appendf(nil, "%02d %02d", n, i%each), strconv.AppendInt(nil, int64(i), 10))
				_, err := s.Write(r.Context(), table.Batch{Table: owned(), Partition: "p", Fence: f, Ops: []table.Op{op}})
				once.Do(func() { close(wrote) })
				if err != nil && !errors.Is(err, table.ErrUnknown) {
					if !errors.Is(err, table.ErrFenced) {
						r.Errorf("owner %d: %v", n, err)
					}
					return
				}
			}
		})
		<-wrote
		after, err := pages(r.Context(), s, table.Range{Table: owned(), Partition: "p", To: fmt.Appendf(nil, "%02d ", n)})
		if err != nil || !slices.Equal(contents(before), contents(after)) {
			r.Errorf("owner %d read %d rows of its predecessors, then %d, %v", n, len(before), len(after), err)
		}
	}
	if err := r.fence(r.store, "p", at(1000, 1)); err != nil {
		r.Error(err)
	}
	wg.Wait()
}

// racingOwners lets owners of growing fences write into one partition at once; what they wrote must never
// step back.
func racingOwners(r *rig) {
	const owners, each = 6, 20
	ctx := r.Context()
	var wg sync.WaitGroup
	var mu sync.Mutex
	var highest position.Fence // of all acknowledged calls of Fence
	for owner := range owners {
		s := []*table.Store{r.store, r.other}[owner%2]
		f := at(1, uint64(owner+1))
		wg.Go(func() {
			if err := r.fence(s, "p", f); errors.Is(err, table.ErrFenced) {
				return
			} else if err != nil {
				r.Error(err)
			}
			mu.Lock()
			if f.Compare(highest) > 0 {
				highest = f
			}
			mu.Unlock()
			for i := range each {
				mu.Lock()
				seen := highest
				mu.Unlock()
				_, err := s.Write(ctx, table.Batch{Table: owned(), Partition: "p", Fence: f, Ops: []table.Op{table.Put(fmt.Appendf(nil, "%d-%d", owner, i), nil)}})
				switch {
				case errors.Is(err, table.ErrUnknown):
				case errors.Is(err, table.ErrFenced):
					return
				case err != nil:
					r.Error(err)
					return
				case f.Compare(seen) < 0:
					r.Errorf("%v was accepted after %v", f, seen)
				}
			}
		})
	}
	wg.Wait()
	fenceIs(r, "after the race", "p", at(1, owners))
}
