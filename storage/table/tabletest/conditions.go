package tabletest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/barrage-live/barrage/storage/table"
)

func conditions(r *rig) {
	k := []byte("k")
	try := func(name string, want error, ops ...table.Op) table.Version {
		r.Helper()
		v, err := r.settle(r.store, table.Batch{Table: shared(), Partition: "p", Ops: ops})
		if !errors.Is(err, want) || (want == nil) != (err == nil) {
			r.Errorf("%s: %v, want %v", name, err, want)
		}
		return v
	}
	elsewhere := r.write("q", table.Put(k, nil))
	try("version of an absent row", table.ErrConflict, table.PutIfVersion(k, nil, elsewhere))
	try("version zero of an absent row", table.ErrConflict, table.PutIfVersion(k, nil, 0))
	try("deleting a version of an absent row", table.ErrConflict, table.DeleteIfVersion(k, elsewhere))
	one := try("absent", nil, table.PutIfAbsent(k, []byte("1")))
	try("absent again", table.ErrConflict, table.PutIfAbsent(k, []byte("2")))
	try("version of another row", table.ErrConflict, table.PutIfVersion(k, []byte("3"), elsewhere))
	four := try("right version", nil, table.PutIfVersion(k, []byte("4"), one))
	try("version used up", table.ErrConflict, table.PutIfVersion(k, []byte("5"), one))
	try("one of two fails", table.ErrConflict, table.Put([]byte("j"), nil), table.PutIfAbsent(k, nil))
	try("a check fails", table.ErrConflict, table.Put([]byte("j"), nil), table.Check(k, one))
	try("a check of absence fails", table.ErrConflict, table.Put([]byte("j"), nil), table.Check(k, 0))
	if rows := contents(r.all("p")); len(rows) != 1 || rows[0] != "k=4" {
		r.Errorf("refused writes left traces: %q", rows)
	}
	try("a check holds", nil, table.Put([]byte("j"), []byte("6")), table.Check(k, four))
	try("a check of absence holds", nil, table.Put([]byte("j"), []byte("7")), table.Check([]byte("none"), 0))
	if v := r.row("p", "k").Version; v != four {
		r.Errorf("a check changed the version from %d to %d", four, v)
	}
	try("deleting another version", table.ErrConflict, table.DeleteIfVersion(k, one))
	try("deleting the right version", nil, table.DeleteIfVersion(k, four))
	try("version of a deleted row", table.ErrConflict, table.PutIfVersion(k, nil, four))
	try("absent after delete", nil, table.PutIfAbsent(k, []byte("8")))
	try("version from before the delete", table.ErrConflict, table.PutIfVersion(k, nil, four))
}

// contention lets writers of two clients count in one row; each increment must count exactly once.
func contention(r *rig) {
	const writers, each = 8, 25
	ctx := r.Context()
	var firsts, unsure atomic.Int64
	var wg sync.WaitGroup
	for w := range writers {
		s := []*table.Store{r.store, r.other}[w%2]
		wg.Go(func() {
			switch _, err := s.Write(ctx, table.Batch{Table: shared(), Partition: "p", Ops: []table.Op{table.PutIfAbsent([]byte("n"), make([]byte, 8))}}); {
			case err == nil:
				firsts.Add(1)
			case errors.Is(err, table.ErrUnknown):
				unsure.Add(1)
			case !errors.Is(err, table.ErrConflict):
				r.Error(err)
			}
			for i := range each {
				if err := increment(ctx, s, fmt.Appendf(nil, "mark %d.%d", w, i)); err != nil {
					r.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n := firsts.Load(); n > 1 || n+unsure.Load() < 1 {
		r.Errorf("%d writers found the row absent, %d do not know; want 1", n, unsure.Load())
	}
	if n := binary.BigEndian.Uint64(r.row("p", "n").Value); n != writers*each {
		r.Errorf("counted %d, want %d", n, writers*each)
	}
}

// increment adds one by compare-and-set, trying again when it lost. A mark in the same batch tells whether
// one of unknown outcome happened.
func increment(ctx context.Context, s *table.Store, mark []byte) error {
	for {
		row, err := s.Get(ctx, shared(), "p", []byte("n"))
		if errors.Is(err, table.ErrNoRow) { // every writer was unsure and none has happened
			row.Value, err = make([]byte, 8), nil
		}
		if err != nil {
			return err
		}
		next := binary.BigEndian.AppendUint64(nil, binary.BigEndian.Uint64(row.Value)+1)
		op := table.PutIfVersion([]byte("n"), next, row.Version)
		if row.Version == 0 {
			op = table.PutIfAbsent([]byte("n"), next)
		}
		_, err = s.Write(ctx, table.Batch{Table: shared(), Partition: "p", Ops: []table.Op{op, table.PutIfAbsent(mark, nil)}})
		if errors.Is(err, table.ErrUnknown) {
			if _, err = s.Get(ctx, shared(), "p", mark); errors.Is(err, table.ErrNoRow) {
				continue
			}
		}
		if !errors.Is(err, table.ErrConflict) {
			return err
		}
	}
}

// wholeBatches rewrites all rows of a partition with one value per batch, while readers look for a mixture.
func wholeBatches(r *rig) {
	const rows, writers, each = 16, 4, 30
	ctx := r.Context()
	batch := func(tag string) table.Batch {
		b := table.Batch{Table: shared(), Partition: "p"}
		for i := range rows {
			b.Ops = append(b.Ops, table.Put(fmt.Appendf(nil, "%02d", i), []byte(tag)))
		}
		return b
	}
	r.write("p", batch("start").Ops...)
	var wg, readers sync.WaitGroup
	stop := make(chan struct{})
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if _, err := r.store.Write(ctx, batch(fmt.Sprint(w, ".", i))); err != nil && !errors.Is(err, table.ErrUnknown) {
					r.Error(err)
				}
			}
		})
	}
	for _, s := range []*table.Store{r.store, r.other} {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				got, _, err := s.Scan(ctx, table.Range{Table: shared(), Partition: "p"})
				if err != nil || len(got) != rows {
					r.Errorf("%d rows, %v", len(got), err)
					return
				}
				for _, row := range got {
					if string(row.Value) != string(got[0].Value) || row.Version != got[0].Version {
						r.Errorf("half a batch: %q %d beside %q %d", row.Value, row.Version, got[0].Value, got[0].Version)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	close(stop)
	readers.Wait()
}

// ranges deletes ranges of few and of many rows.
func ranges(r *rig) {
	for _, n := range []int{1, 10, 1000} {
		p := fmt.Sprint("p", n)
		var ops []table.Op
		for i := range n + 2 {
			ops = append(ops, table.Put(fmt.Appendf(nil, "%05d", i), []byte("v")))
		}
		r.write(p, ops...)
		r.write(p+"x", table.Put([]byte("00001"), nil))
		last := fmt.Appendf(nil, "%05d", n+1)
		r.write(p, table.DeleteRange([]byte("00001"), last), table.Put([]byte("new"), nil), table.Delete([]byte("none")))
		if got := keys(r.all(p)); len(got) != 3 || got[0] != "00000" || got[1] != string(last) || got[2] != "new" {
			r.Errorf("a range of %d rows was deleted, left are %q", n, got)
		}
		r.write(p, table.Put([]byte("00001"), nil))
		if got := keys(r.all(p)); len(got) != 4 || got[1] != "00001" {
			r.Errorf("a row of a deleted range was written again: %q", got)
		}
		_, err := r.settle(r.store, table.Batch{Table: shared(), Partition: p, Ops: []table.Op{
			table.DeleteRange(nil, []byte("n")), table.PutIfAbsent([]byte("new"), nil),
		}})
		if got := keys(r.all(p)); !errors.Is(err, table.ErrConflict) || len(got) != 4 {
			r.Errorf("a refused deletion of a range: %v, left are %q", err, got)
		}
		r.write(p, table.DeleteRange(nil, nil))
		if got := keys(r.all(p)); len(got) != 0 {
			r.Errorf("a whole partition was deleted, left are %q", got)
		}
		if got := r.all(p + "x"); len(got) != 1 {
			r.Errorf("a deletion of %q hit %q", p, p+"x")
		}
	}
}
