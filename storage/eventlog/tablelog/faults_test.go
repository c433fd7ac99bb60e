package tablelog_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/eventlog"
	"github.com/barrage-live/barrage/storage/eventlog/tablelog"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/faulttable"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// TestOnceThroughUnknownOutcomes sends every event until it is acknowledged, while writes fail before and after their
// effect: each must be there exactly once, in order, without a gap.
func TestOnceThroughUnknownOutcomes(t *testing.T) {
	d, err := pebbletest.NewMem().Open()
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(11, 1))
	s := table.New(faulttable.Wrap(d, func(c faulttable.Call) faulttable.Fault {
		mu.Lock()
		defer mu.Unlock()
		switch p := rng.Float64(); {
		case p < 0.1:
			return faulttable.Refused(fault.New(fault.Unavailable, "storage_failed", "the disk failed"))
		case p < 0.3 && c.Kind == faulttable.Write:
			return faulttable.Unknown()
		}
		return faulttable.Fault{}
	}))
	l, err := tablelog.New(tablelog.Config{Tables: s, Partitions: 2})
	if err != nil {
		t.Fatal(err)
	}
	log := eventlog.New(l)
	const writers, each = 4, 50
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				for {
					_, err := log.Append(t.Context(), "t", eventlog.Entry{Key: fmt.Sprint(w), ID: fmt.Sprintf("%d.%d", w, i)})
					if err == nil {
						break
					}
					if k := fault.KindOf(err); k != fault.Unavailable && k != fault.Timeout {
						t.Errorf("append: %v", err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	next := make([]int, writers)
	for p := range 2 {
		for from := uint64(0); ; from++ {
			events, err := log.Read(t.Context(), eventlog.Request{Topic: "t", Partition: p, From: from, Max: 1})
			if fault.KindOf(err) == fault.Unavailable && err != nil {
				from--
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(events) == 0 {
				break
			}
			var w, i int
			if _, err := fmt.Sscanf(events[0].ID, "%d.%d", &w, &i); err != nil || events[0].Offset != from || next[w] != i {
				t.Fatalf("partition %d offset %d holds %+v, next of its writer is %d", p, from, events[0], next[w])
			}
			next[w]++
		}
	}
	for w, n := range next {
		if n != each {
			t.Errorf("writer %d: %d events, want %d", w, n, each)
		}
	}
	if err := log.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
