package tabletest

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/promisetest"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/driver"
)

//go:embed doc.go
var list string

// Harness gives clients of one storage that outlives them.
type Harness interface {
	// Open opens a client. Two may be open at a time; when none is, the storage may be put away, and the next
	// one finds what is in it.
	Open() (driver.Driver, error)
	// Wait returns when d has passed for everything that expires.
	Wait(d time.Duration)
	// Close frees the storage; all clients are closed already.
	Close() error
}

// Crasher is a Harness that can take the machine's power away.
type Crasher interface {
	// Crash makes the storage what a machine finds after losing power now: all that was synced, and of the
	// rest what rng decides. Clients that are open go on with a storage that nobody will see again.
	Crash(rng *rand.Rand)
}

// Damager is a Harness that can damage what is stored.
type Damager interface {
	// Damage starts from what was stored before the first Damage since Heal, and flips, zeroes or cuts bytes
	// of one of the files. It says what it did, and whether it cut. No client is open.
	Damage(rng *rand.Rand) (what string, cut bool, err error)
	// Heal takes the last damage back.
	Heal()
}

// The tables of the suite.
func owned() table.Table  { return table.Owned("suite_owned") }
func shared() table.Table { return table.Shared("suite_shared") }
func plain() table.Table  { return table.Plain("suite_plain") }

// rig is a harness with two open clients in a test.
type rig struct {
	*testing.T
	h     Harness
	store *table.Store
	other *table.Store // another client of the same storage
}

// Run proves all promises for the driver behind the harnesses that open gives.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	promisetest.Run(t, promisetest.Suite[*rig]{
		Letter: "P", List: list, Promises: promises(), Always: []int{16},
		Open: func(t *testing.T) *rig {
			t.Helper()
			r := &rig{T: t, h: open(t)}
			r.open()
			return r
		},
		Close: func(r *rig) {
			r.close()
			if err := r.h.Close(); err != nil {
				r.Errorf("closing the storage: %v", err)
			}
		},
	})
}

func promises() []promisetest.Promise[*rig] {
	return []promisetest.Promise[*rig]{
		{Number: 1, Name: "round trip", Prove: roundTrip},
		{Number: 2, Name: "versions", Prove: versions},
		{Number: 3, Name: "order", Prove: order},
		{Number: 4, Name: "paging", Prove: paging},
		{Number: 4, Name: "pages of bytes", Prove: pagesOfBytes},
		{Number: 5, Name: "odd keys and names", Prove: oddKeys},
		{Number: 6, Name: "limits", Prove: limits},
		{Number: 6, Name: "classes", Prove: classes},
		{Number: 7, Name: "conditions", Prove: conditions},
		{Number: 7, Name: "one winner", Prove: contention},
		{Number: 8, Name: "whole batches", Prove: wholeBatches},
		{Number: 9, Name: "ranges", Prove: ranges},
		{Number: 10, Name: "fence table", Prove: fenceTable},
		{Number: 10, Name: "raising", Prove: raising},
		{Number: 10, Name: "fences survive", Prove: fencesSurvive},
		{Number: 10, Name: "fences outlive rows", Prove: fencesOutliveRows},
		{Number: 10, Name: "two clients", Prove: takeOver},
		{Number: 10, Name: "racing owners", Prove: racingOwners},
		{Number: 11, Name: "expiry", Prove: expiry},
		{Number: 12, Name: "cancelled contexts", Prove: cancelled},
		{Number: 12, Name: "deadlines under load", Prove: deadlines},
		{Number: 13, Name: "reopen", Prove: reopen},
		{Number: 14, Name: "crash", Prove: crash},
		{Number: 15, Name: "damage after close", Prove: damageAfterClose},
		{Number: 15, Name: "damage after crash", Prove: damageAfterCrash},
		{Number: 17, Name: "walk", Prove: walk},
		{Number: 18, Name: "bytes", Prove: reusedBytes},
	}
}

func (r *rig) open() {
	r.Helper()
	for _, s := range []**table.Store{&r.store, &r.other} {
		d, err := r.h.Open()
		if err != nil {
			r.Fatalf("open: %v", err)
		}
		*s = table.New(d)
	}
}

func (r *rig) close() {
	r.Helper()
	if err := errors.Join(r.store.Close(), r.other.Close()); err != nil {
		r.Fatalf("close: %v", err)
	}
}

func (r *rig) reopen() {
	r.Helper()
	r.close()
	r.open()
}

// abandon closes the clients of a storage that is no more.
func (r *rig) abandon() { _, _ = r.store.Close(), r.other.Close() }

// settle writes a batch until its outcome is known. What a batch of unknown outcome puts must be told from
// what was there.
func (r *rig) settle(s *table.Store, b table.Batch) (table.Version, error) {
	for {
		v, err := s.Write(r.Context(), b)
		if !errors.Is(err, table.ErrUnknown) {
			return v, err
		}
		if v, done := r.happened(s, b); done {
			return v, nil
		}
	}
}

// happened reports whether the first change of a batch is in the table, and with which version.
func (r *rig) happened(s *table.Store, b table.Batch) (table.Version, bool) {
	r.Helper()
	for _, op := range b.Ops {
		if op.Do == driver.Check || op.Do == driver.DeleteRange {
			continue
		}
		row, err := s.Get(r.Context(), b.Table, b.Partition, op.Key)
		if err != nil && !errors.Is(err, table.ErrNoRow) {
			r.Errorf("get: %v", err)
			return 0, false
		}
		if op.Do == driver.Delete {
			return 0, err != nil
		}
		return row.Version, err == nil && bytes.Equal(row.Value, op.Value)
	}
	return 0, false // a range can be deleted again
}

// fence raises a fence until its outcome is known.
func (r *rig) fence(s *table.Store, p string, f position.Fence) error {
	for {
		if err := s.Fence(r.Context(), owned(), p, f); !errors.Is(err, table.ErrUnknown) {
			return err
		}
	}
}

// write writes ops into the shared table and must succeed.
func (r *rig) write(p string, ops ...table.Op) table.Version {
	r.Helper()
	v, err := r.settle(r.store, table.Batch{Table: shared(), Partition: p, Ops: ops})
	if err != nil {
		r.Fatalf("write %q: %v", p, err)
	}
	return v
}

// row reads a row of the shared table that must exist.
func (r *rig) row(p, key string) table.Row {
	r.Helper()
	row, err := r.store.Get(r.Context(), shared(), p, []byte(key))
	if err != nil {
		r.Fatalf("get %q %q: %v", p, key, err)
	}
	return row
}

// all reads a whole partition of the shared table in pages.
func (r *rig) all(p string) []table.Row {
	r.Helper()
	return r.allOf(shared(), p)
}

func (r *rig) allOf(t table.Table, p string) []table.Row {
	r.Helper()
	rows, err := pages(r.Context(), r.store, table.Range{Table: t, Partition: p})
	if err != nil {
		r.Fatalf("scan %q: %v", p, err)
	}
	return rows
}

// pages follows a range to its end.
func pages(ctx context.Context, s *table.Store, rg table.Range) (all []table.Row, err error) {
	for more := true; more; {
		var page []table.Row
		if page, more, err = s.Scan(ctx, rg); err != nil {
			return nil, err
		}
		if more && len(page) == 0 {
			return nil, errors.New("an empty page that is not the last")
		}
		all, rg = append(all, page...), table.Rest(rg, page)
	}
	return all, nil
}

// keys names the rows.
func keys(rows []table.Row) []string {
	out := make([]string, len(rows))
	for i, row := range rows {
		out[i] = string(row.Key)
	}
	return out
}

// contents names the rows with their values.
func contents(rows []table.Row) []string {
	out := make([]string, len(rows))
	for i, row := range rows {
		out[i] = string(row.Key) + "=" + string(row.Value)
	}
	return out
}
