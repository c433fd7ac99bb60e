package tabletest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/driver"
)

// Harness gives clients of one storage that outlives them.
type Harness interface {
	// Open opens a client. Two may be open at a time; when none is, the storage may be put away, and the next one finds what is
	// in it.
	Open() (driver.Driver, error)
	// Wait returns when d has passed for everything that expires.
	Wait(d time.Duration)
	// Close frees the storage; all clients are closed already.
	Close() error
}

// Crasher is a Harness that can take the machine's power away.
type Crasher interface {
	// Crash makes the storage what a machine finds after losing power now: all that was synced, and of the rest what
	// rng decides. Clients that are open go on with a storage that nobody will see again.
	Crash(rng *rand.Rand)
}

// Damager is a Harness that can damage what is stored.
type Damager interface {
	// Damage starts from what was stored before the first Damage since Heal, and flips, zeroes or cuts bytes of one of the
	// files. It says what it did, and whether it cut. No client is open.
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

// promise is one numbered promise and its proof.
type promise struct {
	number int
	name   string
	prove  func(r *rig)
}

func promises() []promise {
	return []promise{
		{1, "round trip", roundTrip},
		{2, "versions", versions},
		{3, "order", order},
		{4, "paging", paging},
		{4, "pages of bytes", pagesOfBytes},
		{5, "odd keys and names", oddKeys},
		{6, "limits", limits},
		{6, "classes", classes},
		{7, "conditions", conditions},
		{7, "one winner", contention},
		{8, "whole batches", wholeBatches},
		{9, "ranges", ranges},
		{10, "fence table", fenceTable},
		{10, "raising", raising},
		{10, "fences survive", fencesSurvive},
		{10, "fences outlive rows", fencesOutliveRows},
		{10, "two clients", takeOver},
		{10, "racing owners", racingOwners},
		{11, "expiry", expiry},
		{12, "cancelled contexts", cancelled},
		{12, "deadlines under load", deadlines},
		{13, "reopen", reopen},
		{14, "crash", crash},
		{15, "damage after close", damageAfterClose},
		{15, "damage after crash", damageAfterCrash},
		{17, "walk", walk},
		{18, "bytes", reusedBytes},
	}
}

// Run proves all promises for the driver behind the harnesses that make gives.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	for _, p := range promises() {
		t.Run(fmt.Sprintf("P%02d %s", p.number, p.name), func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			r := &rig{T: t, h: open(t)}
			r.open()
			p.prove(r)
			r.close()
			if err := r.h.Close(); err != nil {
				t.Errorf("closing the storage: %v", err)
			}
			goleak.VerifyNone(t, before) // P16
		})
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

// settle writes a batch until its outcome is known. What a batch of unknown outcome puts must be told from what was there.
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
