package eventlogtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/eventlog"
)

func roundTrip(r *rig) {
	for _, e := range []eventlog.Entry{
		{Key: "k", ID: "a", Payload: []byte("payload")},
		{Key: "k", Payload: nil},
		{Key: "\x00\xff", ID: "\x00", Payload: []byte{0, 255}},
		{Key: strings.Repeat("k", eventlog.MaxKey), ID: strings.Repeat("i", eventlog.MaxID), Payload: make([]byte, eventlog.MaxPayload)},
	} {
		before := time.Now()
		p := r.append(e)[0]
		events := r.all(p.Partition)
		got := events[len(events)-1]
		if got.Offset != p.Offset || got.Key != e.Key || got.ID != e.ID || string(got.Payload) != string(e.Payload) || p.Duplicate {
			r.Errorf("read back %d bytes of %q at %+v", len(got.Payload), got.Key, p)
		}
		if d := got.Time.Sub(before); d < -time.Second || d > time.Minute {
			r.Errorf("the event is stamped %v", got.Time)
		}
	}
	if n, err := r.log.Partitions(r.Context(), "t"); err != nil || n != partitions {
		r.Errorf("%d partitions, %v", n, err)
	}
}

func keyOrder(r *rig) {
	home := map[string]int{}
	for i := range 100 {
		key := fmt.Sprint("key", i%10)
		p := r.append(eventlog.Entry{Key: key, Payload: fmt.Appendf(nil, "%04d", i)})[0].Partition
		if was, ok := home[key]; ok && was != p {
			r.Fatalf("%q moved from partition %d to %d", key, was, p)
		}
		home[key] = p
		if i == 50 {
			r.reopen()
		}
	}
	used := map[int]bool{}
	for key, p := range home {
		used[p] = true
		last := ""
		for _, e := range r.all(p) {
			if e.Key == key {
				if string(e.Payload) <= last {
					r.Errorf("%q: %q after %q", key, e.Payload, last)
				}
				last = string(e.Payload)
			}
		}
	}
	if len(used) < 2 {
		r.Errorf("ten keys lie in %d partitions", len(used))
	}
}

func ids(r *rig) {
	first := r.append(eventlog.Entry{Key: "k", ID: "a", Payload: []byte("1")})[0]
	again := func(when string) {
		r.Helper()
		p := r.append(eventlog.Entry{Key: "k", ID: "a", Payload: []byte("2")}, eventlog.Entry{Key: "k", ID: when})
		if p[0].Offset != first.Offset || !p[0].Duplicate || p[1].Duplicate {
			r.Errorf("%s: %+v, want the place %+v", when, p, first)
		}
	}
	again("at once")
	r.reopen()
	again("after reopening")
	if events := r.all(first.Partition); string(events[first.Offset].Payload) != "1" || len(events) != 3 {
		r.Errorf("%d events, the first says %q", len(events), events[first.Offset].Payload)
	}
	var wg sync.WaitGroup
	var fresh atomic.Int64
	for range 20 {
		wg.Go(func() {
			places, err := r.log.Append(r.Context(), "t", eventlog.Entry{Key: "k", ID: "raced"})
			if err != nil {
				r.Error(err)
			} else if !places[0].Duplicate {
				fresh.Add(1)
			}
		})
	}
	wg.Wait()
	if fresh.Load() != 1 {
		r.Errorf("%d of the racing appends were the first", fresh.Load())
	}
}

func reading(r *rig) {
	var p int
	for i := range 30 {
		p = r.append(eventlog.Entry{Key: "k", Payload: []byte{byte(i)}})[0].Partition
	}
	for _, c := range []struct {
		from uint64
		most int
		want int
	}{{0, 10, 10}, {0, 30, 30}, {0, 0, 30}, {5, 1, 1}, {25, 10, 5}, {30, 10, 0}, {1 << 40, 10, 0}} {
		events, err := r.log.Read(r.Context(), eventlog.Request{Topic: "t", Partition: p, From: c.from, Max: c.most})
		if err != nil || len(events) != c.want {
			r.Errorf("%d from %d: %d events, %v; want %d", c.most, c.from, len(events), err, c.want)
			continue
		}
		for i, e := range events {
			if e.Offset != c.from+uint64(i) || e.Payload[0] != byte(c.from)+byte(i) {
				r.Errorf("from %d: event %d is %d at %d", c.from, i, e.Payload[0], e.Offset)
			}
		}
	}
	for _, topic := range []string{"t2", "never"} {
		if events, err := r.log.Read(r.Context(), eventlog.Request{Topic: topic}); err != nil || len(events) != 0 {
			r.Errorf("another topic holds %d events, %v", len(events), err)
		}
	}
}

func waiting(r *rig) {
	p := r.append(eventlog.Entry{Key: "k"})[0].Partition
	request := eventlog.Request{Topic: "t", Partition: p, From: 1, MaxWait: 10 * time.Millisecond}
	if events, err := r.log.Read(r.Context(), request); err != nil || len(events) != 0 {
		r.Errorf("nothing came: %d events, %v", len(events), err)
	}
	request.MaxWait = eventlog.MaxWait
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if events, err := r.log.Read(r.Context(), request); err != nil || len(events) != 1 || events[0].Offset != 1 {
				r.Errorf("a waiting read got %d events, %v", len(events), err)
			}
		})
	}
	r.append(eventlog.Entry{Key: "k"})
	wg.Wait()
	request.From = 2
	ctx, cancel := context.WithCancel(r.Context())
	wg.Go(func() {
		if _, err := r.log.Read(ctx, request); !errors.Is(err, context.Canceled) {
			r.Errorf("a cancelled wait: %v", err)
		}
	})
	cancel()
	wg.Wait()
	old := r.log
	wg.Go(func() {
		if _, err := old.Read(r.Context(), request); err == nil || fault.KindOf(err) != fault.Unavailable {
			r.Errorf("a wait on a log that closes: %v", err)
		}
	})
	r.reopen()
	wg.Wait()
}

func concurrent(r *rig) {
	const writers, each = 8, 30
	var wg sync.WaitGroup
	var mu sync.Mutex
	at := map[string]eventlog.Place{}
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				a, b := fmt.Sprintf("%d.%d.a", w, i), fmt.Sprintf("%d.%d.b", w, i)
				key := fmt.Sprint("k", w%3)
				places, err := r.log.Append(r.Context(), "t", eventlog.Entry{Key: key, Payload: []byte(a)}, eventlog.Entry{Key: key, Payload: []byte(b)})
				if err != nil {
					r.Errorf("append: %v", err)
					return
				}
				if places[1].Offset != places[0].Offset+1 || places[1].Partition != places[0].Partition {
					r.Errorf("appended together, lie at %+v", places)
				}
				mu.Lock()
				at[a], at[b] = places[0], places[1]
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	total := 0
	for p := range partitions {
		for _, e := range r.all(p) {
			total++
			if place, ok := at[string(e.Payload)]; !ok || place.Partition != p || place.Offset != e.Offset {
				r.Errorf("%q lies at %d of %d, its place was %+v", e.Payload, e.Offset, p, place)
			}
		}
	}
	if total != 2*writers*each || len(at) != total {
		r.Errorf("%d events, %d places; want %d", total, len(at), 2*writers*each)
	}
}

func limits(r *rig) {
	ctx := r.Context()
	ok := eventlog.Entry{Key: "k"}
	many := slices.Repeat([]eventlog.Entry{ok}, eventlog.MaxAppend+1)
	big := slices.Repeat([]eventlog.Entry{{Key: "k", Payload: make([]byte, eventlog.MaxPayload)}}, eventlog.MaxBytes/eventlog.MaxPayload)
	for name, c := range map[string]struct {
		topic   string
		entries []eventlog.Entry
	}{
		"no topic":     {"", []eventlog.Entry{ok}},
		"bad topic":    {"A b", []eventlog.Entry{ok}},
		"zero topic":   {"a\x00b", []eventlog.Entry{ok}},
		"long topic":   {strings.Repeat("t", eventlog.MaxName+1), []eventlog.Entry{ok}},
		"no entries":   {"t", nil},
		"many entries": {"t", many},
		"big entries":  {"t", big},
		"no key":       {"t", []eventlog.Entry{{}}},
		"long key":     {"t", []eventlog.Entry{{Key: strings.Repeat("k", eventlog.MaxKey+1)}}},
		"long id":      {"t", []eventlog.Entry{{Key: "k", ID: strings.Repeat("k", eventlog.MaxID+1)}}},
		"big payload":  {"t", []eventlog.Entry{{Key: "k", Payload: make([]byte, eventlog.MaxPayload+1)}}},
		"id twice":     {"t", []eventlog.Entry{{Key: "k", ID: "a"}, {Key: "j", ID: "a"}}},
	} {
		if _, err := r.log.Append(ctx, c.topic, c.entries...); err == nil || fault.KindOf(err) != fault.Invalid {
			r.Errorf("%s: %v, want fault.Invalid", name, err)
		}
	}
	for p := range partitions {
		if events := r.all(p); len(events) != 0 {
			r.Errorf("refused appends left %d events", len(events))
		}
	}
	for _, q := range []eventlog.Request{
		{Topic: ""},
		{Topic: "t", Partition: -1},
		{Topic: "t", Partition: partitions},
		{Topic: "t", Max: -1},
		{Topic: "t", Max: eventlog.MaxRead + 1},
		{Topic: "t", MaxWait: -1},
		{Topic: "t", MaxWait: eventlog.MaxWait + 1},
	} {
		if _, err := r.log.Read(ctx, q); err == nil || fault.KindOf(err) != fault.Invalid {
			r.Errorf("read %+v: %v, want fault.Invalid", q, err)
		}
	}
	for _, c := range []eventlog.Cursor{{Topic: "t"}, {Group: "g"}, {Group: "G", Topic: "t"}, {Group: "g", Topic: "t", Partition: 99}} {
		_, err := r.log.Committed(ctx, c)
		if cerr := r.log.Commit(ctx, c, 1, 1); err == nil || cerr == nil || fault.KindOf(err) != fault.Invalid || fault.KindOf(cerr) != fault.Invalid {
			r.Errorf("cursor %+v: %v and %v, want fault.Invalid", c, err, cerr)
		}
	}
	r.append(many[:eventlog.MaxAppend]...)
	r.append(big[:len(big)-1]...)
}

func cancelled(r *rig) {
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	c := eventlog.Cursor{Group: "g", Topic: "t"}
	_, appendErr := r.log.Append(ctx, "t", eventlog.Entry{Key: "k"})
	_, readErr := r.log.Read(ctx, eventlog.Request{Topic: "t"})
	_, committedErr := r.log.Committed(ctx, c)
	for what, err := range map[string]error{"append": appendErr, "read": readErr, "committed": committedErr, "commit": r.log.Commit(ctx, c, 1, 1)} {
		if !errors.Is(err, context.Canceled) {
			r.Errorf("%s: %v", what, err)
		}
	}
	for p := range partitions {
		if events := r.all(p); len(events) != 0 {
			r.Errorf("a cancelled append left %d events", len(events))
		}
	}
}
