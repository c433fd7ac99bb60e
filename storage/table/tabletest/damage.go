package tabletest

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
)

// damages is how many times the storage is damaged in one run.
const damages = 60

// handful is how many of the last writes may vanish without a word after a crash: nothing written later
// vouches for them.
const handful = 5

// fencedAt is the row before which the fence of partition "owned" is raised for the last time, to lastFence.
const (
	fencedAt  = 300
	lastFence = 9
)

func damageAfterClose(r *rig) {
	d, ok := r.h.(Damager)
	if !ok {
		return
	}
	written := fill(r)
	r.close()
	detected := 0
	for seed := range uint64(damages) {
		what, _, err := d.Damage(rand.New(rand.NewPCG(seed, 13)))
		if err != nil {
			r.Fatal(err)
		}
		got, open := inspect(r, what, written)
		if open {
			r.Errorf("%s: the fence is gone without a word", what)
		}
		if got < 0 {
			detected++
		} else if got < len(written) {
			r.Errorf("%s: %d of %d rows are gone without a word", what, len(written)-got, len(written))
		}
	}
	r.Logf("%d damages, %d detected, the rest hit nothing that is read", damages, detected)
	d.Heal()
	r.open()
}

func damageAfterCrash(r *rig) {
	d, damager := r.h.(Damager)
	c, crasher := r.h.(Crasher)
	if !damager || !crasher {
		return
	}
	written := fill(r)
	c.Crash(rand.New(rand.NewPCG(1, 2)))
	r.abandon()
	detected, last := 0, 0
	for seed := range uint64(damages) {
		what, cut, err := d.Damage(rand.New(rand.NewPCG(seed, 14)))
		if err != nil {
			r.Fatal(err)
		}
		switch got, open := inspect(r, what, written); {
		case got < 0:
			detected++
		case open && got > fencedAt:
			r.Errorf("%s: the fence is gone without a word, and rows that came later are there", what)
		case got < len(written)-handful && !cut:
			r.Errorf("%s: %d of %d rows are gone without a word", what, len(written)-got, len(written))
		case got < len(written):
			last++
		}
	}
	r.Logf("%d damages, %d detected, %d took the end, the rest hit nothing that is read", damages, detected, last)
	d.Heal()
	r.open()
}

// fill writes rows one after the other, some into files of their own because the storage is reopened in
// between, and raises a fence in each life of the storage.
func fill(r *rig) map[string]string {
	written := map[string]string{}
	for i := range 400 {
		if i == 100 || i == fencedAt {
			if err := r.fence(r.store, "owned", at(position.Epoch(lastFence*i/fencedAt), 1)); err != nil {
				r.Fatal(err)
			}
		}
		k, v := fmt.Sprintf("%04d", i), fmt.Sprintf("value %d of many", i*i)
		written[k] = v
		r.write("p", table.Put([]byte(k), []byte(v)))
		if i == 200 {
			r.reopen()
		}
	}
	return written
}

// inspect opens a damaged storage and gives the number of rows it serves, or -1 if it reports the damage,
// and whether an old owner gets through.
func inspect(r *rig, what string, written map[string]string) (rows int, open bool) {
	r.Helper()
	drv, err := r.h.Open()
	if err != nil {
		if !errors.Is(err, table.ErrCorrupt) {
			r.Errorf("%s: open: %v, want ErrCorrupt", what, err)
		}
		return -1, false
	}
	s := table.New(drv)
	defer func() { _ = s.Close() }()
	rows = inspectRows(r, s, what, written)
	switch err := s.Fence(r.Context(), owned(), "owned", at(lastFence-1, 1)); {
	case err == nil:
		open = true
	case errors.Is(err, table.ErrCorrupt):
		rows = -1
	case !errors.Is(err, table.ErrFenced):
		r.Errorf("%s: fence: %v", what, err)
	}
	return rows, open
}

// inspectRows is inspect for the rows alone.
func inspectRows(r *rig, s *table.Store, what string, written map[string]string) int {
	r.Helper()
	detected := false
	for k, v := range written {
		if detected {
			break
		}
		row, err := s.Get(r.Context(), shared(), "p", []byte(k))
		switch {
		case err == nil && string(row.Value) != v:
			r.Errorf("%s: %q is served as %q", what, k, row.Value)
		case errors.Is(err, table.ErrCorrupt):
			detected = true
		case err != nil && !errors.Is(err, table.ErrNoRow):
			r.Errorf("%s: get: %v", what, err)
		}
	}
	rows, err := pages(r.Context(), s, table.Range{Table: shared(), Partition: "p", Limit: 50})
	switch {
	case errors.Is(err, table.ErrCorrupt):
		detected = true
	case err != nil:
		r.Errorf("%s: scan: %v", what, err)
	}
	for _, row := range rows {
		if written[string(row.Key)] != string(row.Value) {
			r.Errorf("%s: %q is served as %q", what, row.Key, row.Value)
		}
	}
	if detected {
		return -1
	}
	return len(rows)
}
