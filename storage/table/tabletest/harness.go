package tabletest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/driver"
)

// Harness gives a driver over one storage that outlives it.
type Harness interface {
	// Open opens the storage, the second time with what is in it. At most one driver is open at a time. Expiry is judged
	// by now.
	Open(now func() time.Time) (driver.Driver, error)
	// Close frees the storage; the driver is closed already.
	Close() error
}

// Crasher is a Harness that can take the machine's power away.
type Crasher interface {
	// Crash makes the storage what a machine finds after losing power now: all that was synced, and of the rest what
	// rng decides. Drivers that are open go on with a storage that nobody will see again.
	Crash(rng *rand.Rand)
}

// Damager is a Harness that can damage what is stored.
type Damager interface {
	// Damage starts from what was stored before the first Damage since Heal, and flips, zeroes or cuts bytes of one of the
	// files. It says what it did, and whether it cut. No driver is open.
	Damage(rng *rand.Rand) (what string, cut bool, err error)
	// Heal takes the last damage back.
	Heal()
}

// Clock is a clock that moves only by hand. It is safe for concurrent use.
type Clock struct {
	mu struct {
		sync.Mutex
		now time.Time
	}
}

// NewClock starts a clock.
func NewClock() *Clock {
	c := &Clock{}
	c.mu.now = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	return c
}

// Now is the time on the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.now
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.now = c.mu.now.Add(d)
}

// rig is a harness with an open store in a test.
type rig struct {
	*testing.T
	h     Harness
	clock *Clock
	store *table.Store
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
		{2, "versions grow", versionsGrow},
		{3, "order", order},
		{4, "paging", paging},
		{5, "odd keys and names", oddKeys},
		{6, "limits", limits},
		{7, "conditions", conditions},
		{7, "one winner", contention},
		{8, "whole batches", wholeBatches},
		{9, "write all", writeAll},
		{10, "fence table", fenceTable},
		{10, "fences in one call", fencesInOneCall},
		{10, "fences survive", fencesSurvive},
		{10, "fences outlive rows", fencesOutliveRows},
		{10, "racing owners", racingOwners},
		{11, "expiry", expiry},
		{12, "cancelled contexts", cancelled},
		{12, "deadlines under load", deadlines},
		{13, "reopen", reopen},
		{14, "crash", crash},
		{15, "damage after close", damageAfterClose},
		{15, "damage after crash", damageAfterCrash},
	}
}

// Run proves all promises for the driver behind the harnesses that make gives.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	for _, p := range promises() {
		t.Run(fmt.Sprintf("P%02d %s", p.number, p.name), func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			r := &rig{T: t, h: open(t), clock: NewClock()}
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
	d, err := r.h.Open(r.clock.Now)
	if err != nil {
		r.Fatalf("open: %v", err)
	}
	r.store = table.New(d)
}

func (r *rig) close() {
	r.Helper()
	if err := r.store.Close(); err != nil {
		r.Fatalf("close: %v", err)
	}
}

func (r *rig) reopen() {
	r.Helper()
	r.close()
	r.open()
}

// write writes ops into table t, partition p, and must succeed.
func (r *rig) write(p string, ops ...table.Op) {
	r.Helper()
	if err := r.store.Write(r.Context(), table.Batch{Table: "t", Partition: p, Ops: ops}); err != nil {
		r.Fatalf("write %q: %v", p, err)
	}
}

// row reads a row that must exist.
func (r *rig) row(p, key string) table.Row {
	r.Helper()
	row, err := r.store.Get(r.Context(), "t", p, []byte(key))
	if err != nil {
		r.Fatalf("get %q %q: %v", p, key, err)
	}
	return row
}

// all reads a whole partition in pages.
func (r *rig) all(p string) []table.Row {
	r.Helper()
	rows, err := pages(r.Context(), r.store, table.Range{Table: "t", Partition: p, Limit: 100})
	if err != nil {
		r.Fatalf("scan %q: %v", p, err)
	}
	return rows
}

// pages follows a range to its end.
func pages(ctx context.Context, s *table.Store, rg table.Range) (all []table.Row, err error) {
	for {
		page, err := s.Scan(ctx, rg)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < rg.Limit {
			return all, nil
		}
		if last := page[len(page)-1].Key; rg.Reverse {
			rg.To = last
		} else {
			rg.From = table.After(last)
		}
	}
}

// keys names the rows.
func keys(rows []table.Row) []string {
	out := make([]string, len(rows))
	for i, row := range rows {
		out[i] = string(row.Key)
	}
	return out
}
