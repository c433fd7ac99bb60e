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
	try := func(name string, want error, ops ...table.Op) {
		r.Helper()
		err := r.store.Write(r.Context(), table.Batch{Table: "t", Partition: "p", Ops: ops})
		if !errors.Is(err, want) || (want == nil) != (err == nil) {
			r.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	try("version of an absent row", table.ErrConflict, table.PutIfVersion(k, nil, 1))
	try("version zero of an absent row", table.ErrConflict, table.PutIfVersion(k, nil, 0))
	try("absent", nil, table.PutIfAbsent(k, []byte("1")))
	try("absent again", table.ErrConflict, table.PutIfAbsent(k, []byte("2")))
	v := r.row("p", "k").Version
	try("wrong version", table.ErrConflict, table.PutIfVersion(k, []byte("3"), v+1))
	try("right version", nil, table.PutIfVersion(k, []byte("4"), v))
	try("version used up", table.ErrConflict, table.PutIfVersion(k, []byte("5"), v))
	try("one of two fails", table.ErrConflict, table.Put([]byte("j"), nil), table.PutIfAbsent(k, nil))
	if rows := r.all("p"); len(rows) != 1 || string(rows[0].Value) != "4" {
		r.Errorf("refused writes left traces: %q", keys(rows))
	}
	v = r.row("p", "k").Version
	try("delete", nil, table.Delete(k))
	try("version of a deleted row", table.ErrConflict, table.PutIfVersion(k, nil, v))
	try("absent after delete", nil, table.PutIfAbsent(k, nil))
	try("version from before the delete", table.ErrConflict, table.PutIfVersion(k, nil, v))
}

// contention lets writers count in one row; each increment must count exactly once.
func contention(r *rig) {
	const writers, each = 8, 25
	ctx := r.Context()
	var firsts atomic.Int64
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			if r.store.Write(ctx, table.Batch{Table: "t", Partition: "p", Ops: []table.Op{table.PutIfAbsent([]byte("n"), make([]byte, 8))}}) == nil {
				firsts.Add(1)
			}
			for range each {
				if err := increment(ctx, r.store); err != nil {
					r.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n := firsts.Load(); n != 1 {
		r.Errorf("%d writers found the row absent, want 1", n)
	}
	if n := binary.BigEndian.Uint64(r.row("p", "n").Value); n != writers*each {
		r.Errorf("counted %d, want %d", n, writers*each)
	}
}

// increment adds one by compare-and-set, trying again when it lost.
func increment(ctx context.Context, s *table.Store) error {
	for {
		row, err := s.Get(ctx, "t", "p", []byte("n"))
		if err != nil {
			return err
		}
		next := binary.BigEndian.AppendUint64(nil, binary.BigEndian.Uint64(row.Value)+1)
		err = s.Write(ctx, table.Batch{Table: "t", Partition: "p", Ops: []table.Op{table.PutIfVersion([]byte("n"), next, row.Version)}})
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
		b := table.Batch{Table: "t", Partition: "p"}
		for i := range rows {
			b.Ops = append(b.Ops, table.Put(fmt.Appendf(nil, "%02d", i), []byte(tag)))
		}
		return b
	}
	if err := r.store.Write(ctx, batch("start")); err != nil {
		r.Fatal(err)
	}
	var wg, readers sync.WaitGroup
	stop := make(chan struct{})
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := r.store.Write(ctx, batch(fmt.Sprint(w, ".", i))); err != nil {
					r.Error(err)
				}
			}
		})
	}
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				got, err := r.store.Scan(ctx, table.Range{Table: "t", Partition: "p"})
				if err != nil || len(got) != rows {
					r.Errorf("%d rows, %v", len(got), err)
					return
				}
				for _, row := range got {
					if string(row.Value) != string(got[0].Value) {
						r.Errorf("half a batch: %q beside %q", row.Value, got[0].Value)
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

func writeAll(r *rig) {
	k := []byte("k")
	put := func(p string, ops ...table.Op) table.Batch { return table.Batch{Table: "t", Partition: p, Ops: ops} }
	errs := r.store.WriteAll(r.Context(), []table.Batch{
		put("a", table.PutIfAbsent(k, []byte("first"))),
		put("a", table.PutIfAbsent(k, []byte("second"))),
		put("b", table.Put(k, []byte("b"))),
		put("b"),
		put("a", table.Put(k, []byte("third"))),
		put("b", table.Delete(k)),
	})
	for i, want := range []error{nil, table.ErrConflict, nil, errInvalidBatch(r), nil, nil} {
		if !errors.Is(errs[i], want) || (want == nil) != (errs[i] == nil) {
			r.Errorf("batch %d: %v, want %v", i, errs[i], want)
		}
	}
	if got := string(r.row("a", "k").Value); got != "third" {
		r.Errorf("the last batch of partition a left %q", got)
	}
	if rows := r.all("b"); len(rows) != 0 {
		r.Errorf("partition b kept %q", keys(rows))
	}
	if errs := r.store.WriteAll(r.Context(), nil); len(errs) != 0 {
		r.Errorf("no batches gave %v", errs)
	}
}

// errInvalidBatch is the refusal of an empty batch.
func errInvalidBatch(r *rig) error {
	return r.store.Write(r.Context(), table.Batch{Table: "t", Partition: "p"})
}
