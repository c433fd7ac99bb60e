package eventlogtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/promisetest"
	"github.com/barrage-live/barrage/storage/eventlog"
	"github.com/barrage-live/barrage/storage/eventlog/driver"
)

// retention lets events outlive it, a few at a time, with a reader that has come to the end and one that
// has not begun.
func retention(r *rig) {
	ager, ok := r.h.(Ager)
	if !ok {
		return
	}
	r.append("k", event("s", 1))
	p := r.home("s")
	read := func(from uint64, wait time.Duration) eventlog.Page {
		r.Helper()
		page, err := r.log.Read(r.Context(), eventlog.Request{Topic: "t", Partition: p, From: from, MaxWait: wait})
		if err != nil {
			r.Fatalf("read: %v", err)
		}
		return page
	}
	end := uint64(0)
	for round := range 5 {
		for i := range 3 {
			r.append("k", event("s", 10*round+i+2))
		}
		before := read(end, 0)
		ager.Age()
		r.append("k", event("s", 10*round+9))
		// The log may notice when it is used, so look until it has.
		var lost eventlog.Page
		for range 100 {
			if lost = read(0, 0); lost.First >= before.End {
				break
			}
			ager.Age()
			r.append("k", event("s", 10*round+9))
		}
		if !lost.Lost || lost.First < before.End || lost.Next < lost.First || len(lost.Records) > 0 && lost.Records[0].Offset < lost.First {
			r.Fatalf("round %d: after the retention of all below %d: lost %v, first %d, next %d, %d events",
				round, before.End, lost.Lost, lost.First, lost.Next, len(lost.Records))
		}
		if p := read(lost.First, 0); p.Lost {
			r.Errorf("round %d: reading from the first that is kept says that something is lost", round)
		}
		if p := read(before.End-1, time.Second); !p.Lost {
			r.Errorf("round %d: reading from below the first, with a wait, does not say that something is lost", round)
		}
		if lost.End < before.End {
			r.Errorf("round %d: offsets have gone back from %d to %d", round, before.End, lost.End)
		}
		end = lost.First
	}
	r.reopen()
	if page := read(0, 0); !page.Lost || page.First < end {
		r.Errorf("after reopening: lost %v, first %d, was %d", page.Lost, page.First, end)
	}
}

// crash takes the power while events are appended and read, again and again.
func crash(r *rig) {
	c, ok := r.h.(Crasher)
	if !ok {
		return
	}
	acked := map[eventlog.ID]bool{}
	for round := range 8 {
		rng := rand.New(rand.NewPCG(uint64(round), 21))
		var mu sync.Mutex
		now := map[eventlog.ID]bool{}
		var read map[eventlog.ID]place
		promisetest.Storm(5, 10+rng.IntN(60), func(w, turn int) bool {
			e := event(fmt.Sprintf("r%d/w%d", round, w), turn+1)
			if err := r.again(r.log, fmt.Sprint(w), e); err != nil {
				r.Errorf("append: %v", err)
				return false
			}
			mu.Lock()
			defer mu.Unlock()
			now[e.ID] = true
			return true
		}, func() {
			read = r.find()
			mu.Lock()
			maps.Copy(acked, now)
			mu.Unlock()
			c.Crash(rng)
		})
		for _, log := range r.logs {
			_ = log.Close()
		}
		r.logs = nil
		r.log = r.client()
		found := r.find()
		for id := range acked {
			if _, ok := found[id]; !ok {
				r.Errorf("round %d: %+v was acknowledged and is gone", round, id)
			}
		}
		for id, where := range read {
			if found[id] != where {
				r.Errorf("round %d: %+v was read at %+v and lies at %+v", round, id, where, found[id])
			}
		}
	}
}

// errDown is what a call is answered that fails by chance before its effect.
var errDown = fault.New(fault.Unavailable, "storage_failed", "the disk failed")

// faulty fails calls of another driver, some before their effect and some after it. One goroutine uses it.
type faulty struct {
	driver.Driver
	rng *rand.Rand
}

// Append implements driver.Driver.
func (f faulty) Append(ctx context.Context, topic, key string, events []driver.Event) error {
	before, after := f.rng.IntN(5) == 0, f.rng.IntN(5) == 0
	if before {
		return errDown
	}
	if err := f.Driver.Append(ctx, topic, key, events); err != nil || !after {
		return err
	}
	return eventlog.ErrUnknown
}

// faults is the life of an outbox: every event is appended until that is acknowledged, and only then the
// next.
func faults(r *rig) {
	d, err := r.h.Open()
	if err != nil {
		r.Fatal(err)
	}
	log := eventlog.New(faulty{d, rand.New(rand.NewPCG(5, 6))})
	r.logs = append(r.logs, eventlog.New(d))
	const sources, each = 7, 40
	for i := range each {
		for s := range sources {
			e := event(fmt.Sprint("s", s), i+1)
			err := log.Append(r.Context(), "t", fmt.Sprint(s%5), e)
			for errors.Is(err, errDown) || errors.Is(err, eventlog.ErrUnknown) {
				err = log.Append(r.Context(), "t", fmt.Sprint(s%5), e)
			}
			if err != nil {
				r.Fatalf("append: %v", err)
			}
		}
	}
	total := 0
	for p := range partitions {
		next := map[string]uint64{}
		for _, rec := range distinct(r.all(r.log, p)) {
			total++
			if next[rec.ID.Source]++; rec.ID.Seq != next[rec.ID.Source] {
				r.Errorf("%+v where %d was next", rec.ID, next[rec.ID.Source])
			}
		}
	}
	if total != sources*each {
		r.Errorf("%d events without repetitions, want %d", total, sources*each)
	}
}
