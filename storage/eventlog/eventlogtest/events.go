package eventlogtest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/eventlog"
)

func roundTrip(r *rig) {
	if n, err := r.log.Partitions(r.Context(), "t"); err != nil || n != partitions {
		r.Errorf("%d partitions, %v", n, err)
	}
	for i, c := range []struct {
		key     string
		payload []byte
	}{
		{"k", []byte("payload")},
		{"k", nil},
		{"\x00\xff", []byte{0, 255}},
		{strings.Repeat("k", eventlog.MaxKey), make([]byte, eventlog.MaxPayload)},
	} {
		id := eventlog.ID{Source: fmt.Sprint("source/", i), Seq: 1 << (20 * i)}
		before := time.Now()
		r.append(c.key, eventlog.Event{ID: id, Payload: c.payload})
		where, ok := r.find()[id]
		if !ok {
			r.Fatalf("%+v is not there", id)
		}
		got := r.from(r.log, where.partition, where.offset)[0]
		if got.Key != c.key || got.ID != id || string(got.Payload) != string(c.payload) {
			r.Errorf("read back %d bytes of %q, %+v", len(got.Payload), got.Key, got.ID)
		}
		if d := got.Time.Sub(before); d < -time.Second || d > time.Minute {
			r.Errorf("the event is stamped %v", got.Time)
		}
	}
	if n, err := r.log.Partitions(r.Context(), "t"); err != nil || n != partitions {
		r.Errorf("%d partitions, %v", n, err)
	}
	for _, topic := range []string{"t2", "never"} {
		if page, err := r.log.Read(r.Context(), eventlog.Request{Topic: topic}); err != nil || !reflect.DeepEqual(page, eventlog.Page{}) {
			r.Errorf("another topic holds %+v, %v", page, err)
		}
	}
}

func keyOrder(r *rig) {
	other := r.client()
	for i := range 100 {
		key := fmt.Sprint("key", i%10)
		if err := r.again([]*eventlog.Log{r.log, other}[i/10%2], key, event(key, i/10+1)); err != nil {
			r.Fatalf("append: %v", err)
		}
		if i == 50 {
			r.reopen()
			other = r.client()
		}
	}
	home := map[string]int{}
	used := map[int]bool{}
	for p := range partitions {
		next := map[string]uint64{}
		for _, rec := range distinct(r.all(r.log, p)) {
			if was, ok := home[rec.Key]; ok && was != p {
				r.Errorf("%q lies in partitions %d and %d", rec.Key, was, p)
			}
			home[rec.Key], used[p] = p, true
			if next[rec.Key]++; rec.ID.Seq != next[rec.Key] {
				r.Errorf("%q: event %d where %d was next", rec.Key, rec.ID.Seq, next[rec.Key])
			}
		}
		for key, n := range next {
			if n != 10 {
				r.Errorf("%d events of %q, want 10", n, key)
			}
		}
	}
	if len(home) != 10 || len(used) < 2 {
		r.Errorf("%d of ten keys lie in %d partitions", len(home), len(used))
	}
}

func atLeastOnce(r *rig) {
	other := r.client()
	for i := 1; i <= 30; i++ {
		r.append("k", event("s", i), event("s", 100+i))
		found := 0
		for p := range partitions {
			for _, rec := range distinct(r.all(other, p)) {
				if rec.ID.Seq == uint64(i) || rec.ID.Seq == uint64(100+i) {
					found++
				}
			}
		}
		if found == 0 {
			r.Fatalf("append %d is acknowledged and another client does not see it", i)
		}
	}
	count := func() (n int) {
		for p := range partitions {
			n += len(r.all(r.log, p))
		}
		return n
	}
	before := count()
	r.append("k", event("s", 30), event("s", 130))
	if n := count(); n < before+2 {
		r.Errorf("a repeated append has added %d events, want at least 2", n-before)
	}
}

func reading(r *rig) {
	for i := range 30 {
		r.append("k", event("s", i+1))
	}
	p := r.home("s")
	all := r.all(r.log, p)
	end := all[len(all)-1].Offset + 1
	for _, c := range []struct {
		from uint64
		most int
	}{{all[0].Offset, 10}, {0, len(all)}, {0, 0}, {all[5].Offset, 1}, {all[25].Offset, 10}, {end, 10}} {
		page, err := r.log.Read(r.Context(), eventlog.Request{Topic: "t", Partition: p, From: c.from, Max: c.most})
		var want []eventlog.Record
		for _, rec := range all {
			if rec.Offset >= c.from && (c.most == 0 || len(want) < c.most) {
				want = append(want, rec)
			}
		}
		if err != nil || page.Lost || !reflect.DeepEqual(page.Records, want) || page.End < end {
			r.Errorf("%d from %d: %d events to %d, %v; want %d", c.most, c.from, len(page.Records), page.End, err, len(want))
		}
	}
	page, err := r.log.Read(r.Context(), eventlog.Request{Topic: "t", Partition: p, From: end})
	if err != nil || len(page.Records) != 0 || page.Next < end {
		r.Fatalf("at the end: %+v, %v", page, err)
	}
	for _, ahead := range []uint64{page.End + 1, 1 << 40, 1<<64 - 1} {
		if _, err := r.log.Read(r.Context(), eventlog.Request{Topic: "t", Partition: p, From: ahead, MaxWait: time.Second}); !errors.Is(err, eventlog.ErrAhead) {
			r.Errorf("from %d, the end is %d: %v, want ErrAhead", ahead, page.End, err)
		}
	}
	readingBytes(r)
}

// readingBytes reads large events under a bound in bytes.
func readingBytes(r *rig) {
	const size = 100 << 10
	for i := range 10 {
		e := event("big", i+1)
		e.Payload = make([]byte, size)
		r.append("k", e)
	}
	p := r.home("big")
	all := r.all(r.log, p)
	from := all[0].Offset
	for _, bound := range []int{1, size / 2, 3*size + size/2} {
		var got []eventlog.Record
		for next := from; ; {
			page, err := r.log.Read(r.Context(), eventlog.Request{Topic: "t", Partition: p, From: next, Bytes: bound, Max: 1000})
			if err != nil {
				r.Fatal(err)
			}
			if len(page.Records) == 0 {
				break
			}
			weight := 0
			for _, rec := range page.Records {
				weight += len(rec.Payload)
			}
			if len(page.Records) > 1 && weight > bound {
				r.Errorf("a page of %d bytes, the bound is %d", weight, bound)
			}
			got, next = append(got, page.Records...), page.Next
		}
		if !reflect.DeepEqual(got, all) {
			r.Errorf("in pages of %d bytes: %d events, want %d", bound, len(got), len(all))
		}
	}
}

func waiting(r *rig) {
	r.append("k", event("s", 1))
	p := r.home("s")
	page, err := r.log.Read(r.Context(), eventlog.Request{Topic: "t", Partition: p})
	if err != nil {
		r.Fatal(err)
	}
	request := eventlog.Request{Topic: "t", Partition: p, From: page.Next, MaxWait: 10 * time.Millisecond}
	if page, err := r.log.Read(r.Context(), request); err != nil || len(page.Records) != 0 || page.Next != request.From {
		r.Errorf("nothing came: %+v, %v", page, err)
	}
	request.MaxWait = eventlog.MaxWait
	var wg sync.WaitGroup
	for _, log := range []*eventlog.Log{r.log, r.log, r.client(), r.client()} {
		wg.Go(func() {
			if page, err := log.Read(r.Context(), request); err != nil || len(page.Records) == 0 || page.Records[0].ID.Seq != 2 {
				r.Errorf("a waiting read got %+v, %v", page, err)
			}
		})
	}
	r.append("k", event("s", 2))
	wg.Wait()
	end := r.all(r.log, p)
	request.From = end[len(end)-1].Offset + 1
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

// concurrent lets clients append while others follow.
func concurrent(r *rig) {
	const writers, each = 8, 30
	logs := []*eventlog.Log{r.log, r.client()}
	if _, err := r.log.Partitions(r.Context(), "t"); err != nil {
		r.Fatal(err)
	}
	var done atomic.Bool
	followed := make([][]eventlog.Record, partitions)
	var followers, wg sync.WaitGroup
	for p := range partitions {
		followers.Go(func() {
			next := uint64(0)
			for {
				last := done.Load() // before the read: what was appended until then is in it
				page, err := logs[p%2].Read(r.Context(), eventlog.Request{Topic: "t", Partition: p, From: next, Max: 7})
				if err != nil {
					r.Errorf("follow: %v", err)
					return
				}
				followed[p], next = append(followed[p], page.Records...), page.Next
				if last && len(page.Records) == 0 {
					return
				}
			}
		})
	}
	for w := range writers {
		wg.Go(func() {
			source := fmt.Sprint("w", w)
			for i := range each {
				if err := r.again(logs[w%2], fmt.Sprint("k", w%5), event(source, 2*i+1), event(source, 2*i+2)); err != nil {
					r.Errorf("append: %v", err)
				}
			}
		})
	}
	wg.Wait()
	done.Store(true)
	followers.Wait()
	total := 0
	for p := range partitions {
		all := r.all(r.log, p)
		if !reflect.DeepEqual(followed[p], all) {
			r.Errorf("partition %d: who followed saw %d events, who reads sees %d", p, len(followed[p]), len(all))
		}
		next := map[string]uint64{}
		for _, rec := range distinct(all) {
			total++
			if next[rec.ID.Source]++; rec.ID.Seq != next[rec.ID.Source] {
				r.Errorf("event %+v where %d was next", rec.ID, next[rec.ID.Source])
			}
		}
	}
	if total != 2*writers*each {
		r.Errorf("%d events, want %d", total, 2*writers*each)
	}
}

func limits(r *rig) {
	ctx := r.Context()
	ok := event("s", 1)
	many := slices.Repeat([]eventlog.Event{ok}, eventlog.MaxEvents+1)
	payload := make([]byte, eventlog.MaxPayload)
	big := slices.Repeat([]eventlog.Event{{ID: ok.ID, Payload: payload}}, 1+eventlog.MaxBytes/eventlog.MaxPayload)
	for name, c := range map[string]struct {
		topic, key string
		events     []eventlog.Event
	}{
		"no topic":    {"", "k", []eventlog.Event{ok}},
		"bad topic":   {"A b", "k", []eventlog.Event{ok}},
		"slash topic": {"a/b", "k", []eventlog.Event{ok}},
		"long topic":  {strings.Repeat("t", eventlog.MaxTopic+1), "k", []eventlog.Event{ok}},
		"no events":   {"t", "k", nil},
		"many events": {"t", "k", many},
		"big events":  {"t", "k", big},
		"no key":      {"t", "", []eventlog.Event{ok}},
		"long key":    {"t", strings.Repeat("k", eventlog.MaxKey+1), []eventlog.Event{ok}},
		"no source":   {"t", "k", []eventlog.Event{{ID: eventlog.ID{Seq: 1}}}},
		"no number":   {"t", "k", []eventlog.Event{{ID: eventlog.ID{Source: "s"}}}},
		"long source": {"t", "k", []eventlog.Event{event(strings.Repeat("s", eventlog.MaxSource+1), 1)}},
		"big payload": {"t", "k", []eventlog.Event{{ID: ok.ID, Payload: append(payload, 0)}}},
	} {
		if err := r.log.Append(ctx, c.topic, c.key, c.events...); err == nil || fault.KindOf(err) != fault.Invalid {
			r.Errorf("%s: %v, want fault.Invalid", name, err)
		}
	}
	if found := r.find(); len(found) != 0 {
		r.Errorf("refused appends left %d events", len(found))
	}
	for _, q := range []eventlog.Request{
		{Topic: ""},
		{Topic: "t", Partition: -1},
		{Topic: "t", Partition: partitions},
		{Topic: "t", Max: -1},
		{Topic: "t", Max: eventlog.MaxRead + 1},
		{Topic: "t", Bytes: -1},
		{Topic: "t", Bytes: eventlog.MaxPage + 1},
		{Topic: "t", MaxWait: -1},
		{Topic: "t", MaxWait: eventlog.MaxWait + 1},
	} {
		if _, err := r.log.Read(ctx, q); err == nil || fault.KindOf(err) != fault.Invalid {
			r.Errorf("read %+v: %v, want fault.Invalid", q, err)
		}
	}
	r.append(strings.Repeat("k", eventlog.MaxKey), many[:eventlog.MaxEvents]...)
	r.append("k", big[:len(big)-1]...)
	r.append("k", event(strings.Repeat("s", eventlog.MaxSource), 1))
}

func cancelled(r *rig) {
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	_, partitionsErr := r.log.Partitions(ctx, "t")
	_, readErr := r.log.Read(ctx, eventlog.Request{Topic: "t"})
	for what, err := range map[string]error{"append": r.log.Append(ctx, "t", "k", event("s", 1)), "read": readErr, "partitions": partitionsErr} {
		if !errors.Is(err, context.Canceled) {
			r.Errorf("%s: %v", what, err)
		}
	}
	if found := r.find(); len(found) != 0 {
		r.Errorf("a cancelled append left %d events", len(found))
	}
}

func closed(r *rig) {
	r.append("k", event("s", 1))
	old := r.log
	r.close()
	_, readErr := old.Read(r.Context(), eventlog.Request{Topic: "t"})
	for what, err := range map[string]error{"append": old.Append(r.Context(), "t", "k", event("s", 2)), "read": readErr, "close": old.Close()} {
		if (err == nil) != (what == "close") || err != nil && fault.KindOf(err) != fault.Unavailable {
			r.Errorf("%s after close: %v", what, err)
		}
	}
	r.log = r.client()
	if found := r.find(); len(found) != 1 {
		r.Errorf("%d events are there, want 1", len(found))
	}
}
