package tablelog_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/barrage-live/barrage/storage/eventlog"
	"github.com/barrage-live/barrage/storage/eventlog/driver"
	"github.com/barrage-live/barrage/storage/eventlog/eventlogtest"
	"github.com/barrage-live/barrage/storage/eventlog/tablelog"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// memory is a harness over tables in memory that can lose power.
type memory struct{ tables *pebbletest.Mem }

// log closes its tables with it, which in the product is the composition's work.
type log struct {
	*tablelog.Driver
	tables *table.Store
}

// Close ends the log and its tables.
func (l log) Close() error { return errors.Join(l.Driver.Close(), l.tables.Close()) }

// Open implements eventlogtest.Harness.
func (m memory) Open() (driver.Driver, error) {
	d, err := m.tables.Open()
	if err != nil {
		return nil, err
	}
	s := table.New(d)
	l, err := tablelog.New(tablelog.Config{Tables: s, Partitions: 4})
	return log{l, s}, err
}

// Close implements eventlogtest.Harness.
func (m memory) Close() error { return m.tables.Close() }

// Crash implements eventlogtest.Crasher.
func (m memory) Crash(rng *rand.Rand) { m.tables.Crash(rng) }

func TestConformance(t *testing.T) {
	eventlogtest.Run(t, func(*testing.T) eventlogtest.Harness { return memory{pebbletest.NewMem()} })
}

// TestRetention lets events and IDs grow old.
func TestRetention(t *testing.T) {
	clock := pebbletest.NewMem()
	d, err := clock.Open()
	if err != nil {
		t.Fatal(err)
	}
	s := table.New(d)
	l, err := tablelog.New(tablelog.Config{Tables: s, Retention: time.Hour, Remember: time.Minute, Partitions: 1, Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	add := func(id string) driver.Place {
		places, err := l.Append(t.Context(), "t", []driver.Entry{{Key: "k", ID: id}})
		if err != nil {
			t.Fatal(err)
		}
		return places[0]
	}
	add("a")
	clock.Advance(time.Minute + time.Second)
	if p := add("a"); p.Duplicate || p.Offset != 1 {
		t.Errorf("an id that is no longer remembered: %+v", p)
	}
	clock.Advance(time.Hour - time.Minute)
	events, err := l.Read(t.Context(), driver.Request{Topic: "t", Max: 10})
	if err != nil || len(events) != 1 || events[0].Offset != 1 {
		t.Errorf("after the retention of the first event: %v, %v", events, err)
	}
	clock.Advance(time.Hour)
	if p := add("b"); p.Offset != 2 {
		t.Errorf("offsets begin anew when all events are gone: %+v", p)
	}
	if err := errors.Join(l.Close(), s.Close()); err != nil {
		t.Error(err)
	}
}

// TestTwoProcesses lets two logs append to one table store, as two nodes of a cluster do.
func TestTwoProcesses(t *testing.T) {
	s := pebbletest.Open(t)
	var logs []*eventlog.Log
	for range 2 {
		d, err := tablelog.New(tablelog.Config{Tables: s, Partitions: 1})
		if err != nil {
			t.Fatal(err)
		}
		logs = append(logs, eventlog.New(d))
	}
	const each = 100
	var wg sync.WaitGroup
	for n, l := range logs {
		wg.Go(func() {
			for i := range each {
				// Both send every event: each must be there once.
				if _, err := l.Append(t.Context(), "t", eventlog.Entry{Key: "k", ID: fmt.Sprint(i)}); err != nil {
					t.Errorf("log %d: %v", n, err)
					return
				}
			}
		})
	}
	wg.Wait()
	events, err := logs[0].Read(t.Context(), eventlog.Request{Topic: "t", Max: 1000})
	if err != nil || len(events) != each {
		t.Errorf("%d events, %v; want %d", len(events), err, each)
	}
	seen := map[string]bool{}
	for i, e := range events {
		if e.Offset != uint64(i) || seen[e.ID] {
			t.Errorf("event %d: offset %d, id %s again: %v", i, e.Offset, e.ID, seen[e.ID])
		}
		seen[e.ID] = true
	}
	for _, l := range logs {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	s := pebbletest.Open(b)
	d, err := tablelog.New(tablelog.Config{Tables: s})
	if err != nil {
		b.Fatal(err)
	}
	l := eventlog.New(d)
	b.SetParallelism(64)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := l.Append(b.Context(), "t", eventlog.Entry{Key: fmt.Sprint(rand.Int()), Payload: make([]byte, 200)}); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	if err := l.Close(); err != nil {
		b.Error(err)
	}
}
