package localstore

import (
	"context"
	"encoding/binary"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/cluster/coordination"
	"github.com/barrage-live/barrage/cluster/coordination/coordinationtest"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/faulttable"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

func open(tb testing.TB, cfg Config) *Store {
	tb.Helper()
	cfg.Fresh = true
	s, err := Open(tb.Context(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

func TestConformance(t *testing.T) {
	for _, ttl := range []time.Duration{0, 10 * time.Second} {
		t.Run("ttl="+ttl.String(), func(t *testing.T) {
			coordinationtest.Run(t, func(t *testing.T) coordinationtest.Harness {
				t.Helper()
				cfg := Config{Tables: pebbletest.Open(t), TTL: ttl}
				s := open(t, cfg)
				return coordinationtest.Harness{
					Store: s, TTL: ttl,
					Pass: func(d time.Duration) { s.pass(d) },
					Reopen: func() coordination.Store {
						_ = s.Close()
						s = open(t, cfg)
						return s
					},
				}
			})
		})
	}
}

// pass ages every lease, as if d had gone by.
func (s *Store) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.mu.leases {
		l.ends = l.ends.Add(-d)
	}
}

func TestLeaseEndsByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, Config{Tables: pebbletest.Open(t), TTL: 10 * time.Second})
		l, err := s.Join(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10*time.Second - 1)
		if err := s.Renew(t.Context(), l); err != nil {
			t.Errorf("just before its end: %v", err)
		}
		time.Sleep(10 * time.Second)
		if err := s.Renew(t.Context(), l); fault.CodeOf(err) != "lease_lost" {
			t.Errorf("at its end: %v, want lease_lost", err)
		}
	})
}

// TestEpochRow holds the row to what the package documentation says of it.
func TestEpochRow(t *testing.T) {
	tables := pebbletest.Open(t)
	s := open(t, Config{Tables: tables})
	for want := byte(1); want <= 3; want++ {
		if _, err := s.Join(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		row, err := tables.Get(t.Context(), table.Shared("coordination"), "local", []byte("epoch"))
		if err != nil || string(row.Value) != string([]byte{0, 0, 0, 0, 0, 0, 0, want}) {
			t.Errorf("stored %x, %v; want epoch %d", row.Value, err, want)
		}
		s = open(t, Config{Tables: tables})
	}
}

// TestNoEpochBesideData opens tables that lost their epoch: going on from 1 would shut everybody out of
// what is stored.
func TestNoEpochBesideData(t *testing.T) {
	tables := pebbletest.Open(t)
	if _, err := Open(t.Context(), Config{Tables: tables}); fault.CodeOf(err) != "epoch_missing" {
		t.Errorf("no epoch where there should be one: %v", err)
	}
	s := open(t, Config{Tables: tables})
	if _, err := s.Join(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Config{Tables: tables})
	if err != nil {
		t.Fatalf("an epoch where there should be one: %v", err)
	}
	if l, err := s.Join(t.Context(), "a"); err != nil || l.Epoch != 2 {
		t.Errorf("joined with %+v, %v; want epoch 2", l, err)
	}
	_, err = tables.Write(t.Context(), table.Batch{Table: tableOf(), Partition: partition, Ops: []table.Op{table.Put(rowKey(), []byte("41"))}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Config{Tables: tables, Fresh: true}); fault.CodeOf(err) != "epoch_damaged" {
		t.Errorf("a damaged epoch: %v", err)
	}
}

func TestEpochIsDurableBeforeItIsGiven(t *testing.T) {
	tables := pebbletest.Open(t)
	s := open(t, Config{Tables: tables})
	l, err := s.Join(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	stored := func() position.Epoch {
		row, err := tables.Get(t.Context(), tableOf(), partition, rowKey())
		if err != nil {
			t.Fatal(err)
		}
		return position.Epoch(binary.BigEndian.Uint64(row.Value))
	}
	if stored() < l.Epoch {
		t.Errorf("lease %d given, %d stored", l.Epoch, stored())
	}
	for range 3 {
		g, err := s.Claim(t.Context(), l, 1)
		if err != nil || stored() < g.Epoch {
			t.Errorf("grant %d given (%v), %d stored", g.Epoch, err, stored())
		}
		if err := s.Release(t.Context(), l, 1); err != nil {
			t.Error(err)
		}
	}
}

// TestTroubledTables refuses writes, and loses answers of writes that happened and that did not: no epoch
// is given twice.
func TestTroubledTables(t *testing.T) {
	d, err := pebbletest.NewMem().Open()
	if err != nil {
		t.Fatal(err)
	}
	var faults []faulttable.Fault // of the next writes
	var writes atomic.Int64
	tables := table.New(faulttable.Wrap(d, func(c faulttable.Call) faulttable.Fault {
		if c.Kind != faulttable.Write || len(faults) == 0 {
			return faulttable.Fault{}
		}
		writes.Add(1)
		f := faults[0]
		faults = faults[1:]
		return f
	}))
	s := open(t, Config{Tables: tables})
	full := faulttable.Refused(fault.New(fault.Unavailable, "storage_full", "the disk is full"))
	lost, happened := faulttable.Refused(table.ErrUnknown), faulttable.Unknown()
	given := map[position.Epoch]bool{}
	for name, c := range map[string]struct {
		faults []faulttable.Fault
		want   string
	}{
		"refused":                   {[]faulttable.Fault{full}, "storage_full"},
		"lost once":                 {[]faulttable.Fault{lost}, ""},
		"happened unseen":           {[]faulttable.Fault{happened}, ""},
		"happened unseen, then not": {[]faulttable.Fault{happened, lost}, ""},
		"never an answer":           {[]faulttable.Fault{happened, lost, happened}, "outcome_unknown"},
	} {
		faults = c.faults
		l, err := s.Join(t.Context(), "a")
		if fault.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		faults = nil
		if err != nil {
			continue
		}
		if given[l.Epoch] {
			t.Errorf("%s: epoch %d is given again", name, l.Epoch)
		}
		given[l.Epoch] = true
		if err := s.Release(t.Context(), l); err != nil {
			t.Error(err)
		}
	}
	if writes.Load() < 8 {
		t.Errorf("%d writes were troubled", writes.Load())
	}
	if err := tables.Close(); err != nil {
		t.Error(err)
	}
}

// TestTwoStoresOnOneTables has two stores of one process give epochs.
func TestTwoStoresOnOneTables(t *testing.T) {
	tables := pebbletest.Open(t)
	first, second := open(t, Config{Tables: tables}), open(t, Config{Tables: tables})
	if _, err := second.Join(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Join(t.Context(), "a"); fault.CodeOf(err) != "epoch_moved" {
		t.Errorf("the other store: %v, want epoch_moved", err)
	}
}

func TestClosedStoreRefuses(t *testing.T) {
	s := open(t, Config{Tables: pebbletest.Open(t)})
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	if _, err := s.Join(t.Context(), "a"); fault.CodeOf(err) != "coordination_closed" {
		t.Errorf("Join: %v, want coordination_closed", err)
	}
}

// What does a change of ownership cost? One durable write; the first claim of a shard in a run costs none.
func BenchmarkClaim(b *testing.B) {
	ctx := context.Background()
	s := open(b, Config{Tables: pebbletest.Open(b)})
	l, err := s.Join(ctx, "a")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Claim(ctx, l, 1); err != nil {
			b.Fatal(err)
		}
		if err := s.Release(ctx, l, 1); err != nil {
			b.Fatal(err)
		}
	}
}
