package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/eventlog"
	"github.com/barrage-live/barrage/storage/outbox"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

var errLog = fault.New(fault.Unavailable, "away", "the log is away")

// log takes so many events, and then fails.
type log struct {
	takes  int
	events []eventlog.Event
	at     []string // topic and key of each
	calls  int
}

func (l *log) Append(_ context.Context, topic, key string, events ...eventlog.Event) error {
	l.calls++
	for _, e := range events {
		if l.takes == 0 {
			return errLog
		}
		l.takes--
		l.events, l.at = append(l.events, e), append(l.at, topic+"/"+key)
	}
	return nil
}

// owner is a partition of a table and who owns it.
type owner struct {
	tables *table.Store
	box    *outbox.Box
}

func rows() table.Table { return table.Owned("rows") }

func newOwner(tb testing.TB) *owner {
	tb.Helper()
	o := &owner{tables: pebbletest.Open(tb)}
	if err := o.tables.Fence(tb.Context(), rows(), "p", position.Fence{Epoch: 1, Activation: 1}); err != nil {
		tb.Fatal(err)
	}
	o.load(tb)
	return o
}

type failer interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func (o *owner) scan(tb failer) (reserved, others []table.Row) {
	tb.Helper()
	page, more, err := o.tables.Scan(context.Background(), table.Range{Table: rows(), Partition: "p", Limit: table.MaxLimit})
	if err != nil || more {
		tb.Fatalf("scan: %v, %v", more, err)
	}
	for _, r := range page {
		if outbox.Reserved(r.Key) {
			reserved = append(reserved, r)
		} else {
			others = append(others, r)
		}
	}
	return reserved, others
}

// load is what a new owner does.
func (o *owner) load(tb failer) {
	tb.Helper()
	reserved, _ := o.scan(tb)
	var err error
	if o.box, err = outbox.New(reserved); err != nil {
		tb.Fatal(err)
	}
}

func (o *owner) write(tb failer, batch outbox.Batch, ops ...table.Op) {
	tb.Helper()
	_, err := o.tables.Write(context.Background(), table.Batch{
		Table: rows(), Partition: "p", Fence: position.Fence{Epoch: 1, Activation: 1}, Ops: append(batch.Ops, ops...),
	})
	if err != nil {
		tb.Fatal(err)
	}
}

func event(key, payload string) outbox.Event {
	return outbox.Event{Topic: "t", Key: key, Payload: []byte(payload)}
}

// Whatever is staged, lost, appended in part and taken over: what is in the log is exactly what was stored,
// in order, each under one number of its own, and in the end no row is left.
func TestEveryStoredEventIsToldAndNoOther(t *testing.T) {
	tables := newOwner(t).tables
	rapid.Check(t, func(t *rapid.T) {
		o := &owner{tables: tables}
		reserved, others := o.scan(t)
		var gone []table.Op
		for _, r := range append(reserved, others...) {
			gone = append(gone, table.Delete(r.Key))
		}
		if len(gone) > 0 {
			o.write(t, outbox.Batch{}, gone...)
		}
		o.load(t)
		l := &log{}
		var want []string
		tell := func(takes int) {
			l.takes = takes
			told, err := outbox.Append(context.Background(), l, "s", o.box.Pending())
			if err != nil && !errors.Is(err, errLog) {
				t.Fatal(err)
			}
			if told > 0 {
				o.box.Told(told)
			}
		}
		for n := range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch step := rapid.SampledFrom([]string{"change", "change", "lost change", "tell", "tidy", "new owner"}).Draw(t, "step"); step {
			case "change", "lost change":
				var events []outbox.Event
				var told []string
				for i := range rapid.IntRange(0, 3).Draw(t, "events") {
					key := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "key")
					events = append(events, event(key, fmt.Sprint(n, "/", i)))
					told = append(told, fmt.Sprint("t/", key, " ", n, "/", i))
				}
				batch, err := o.box.Stage(events...)
				if err != nil {
					t.Fatal(err)
				}
				if step == "change" {
					o.write(t, batch, table.Put([]byte("doc"), []byte(fmt.Sprint(n))))
					o.box.Stored(batch)
					want = append(want, told...)
				}
			case "tell":
				tell(rapid.IntRange(0, 4).Draw(t, "takes"))
			case "tidy":
				if batch, err := o.box.Stage(); err != nil {
					t.Fatal(err)
				} else if len(batch.Ops) > 0 {
					o.write(t, batch)
					o.box.Stored(batch)
				}
			case "new owner":
				o.load(t)
			}
		}
		tell(-1)
		if batch, err := o.box.Stage(); err != nil {
			t.Fatal(err)
		} else if len(batch.Ops) > 0 {
			o.write(t, batch)
			o.box.Stored(batch)
		}
		if reserved, _ := o.scan(t); len(reserved) > 1 || !o.box.Clean() {
			t.Fatalf("left: %v", reserved)
		}
		var got []string
		numbers, last := map[uint64]string{}, uint64(0)
		for i, e := range l.events {
			is := l.at[i] + " " + string(e.Payload)
			if was, again := numbers[e.ID.Seq]; again {
				if was != is {
					t.Fatalf("number %d is %s and %s", e.ID.Seq, was, is)
				}
				continue // appended twice
			}
			if e.ID.Seq <= last {
				t.Fatalf("number %d after %d", e.ID.Seq, last)
			}
			numbers[e.ID.Seq], last = is, e.ID.Seq
			got = append(got, is)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("told %v, stored %v", got, want)
		}
	})
}

func TestAnOutboxIsBounded(t *testing.T) {
	o := newOwner(t)
	for n := range outbox.MaxStaged {
		batch, err := o.box.Stage(event("k", fmt.Sprint(n)))
		if err != nil {
			t.Fatal(err)
		}
		o.write(t, batch)
		o.box.Stored(batch)
	}
	_, err := o.box.Stage(event("k", "one more"))
	if fault.KindOf(err) != fault.Exhausted || fault.From(err).RetryAfter <= 0 {
		t.Errorf("one more: %v", err)
	}
	if _, err := o.box.Stage(); err != nil {
		t.Errorf("a change without an event: %v", err)
	}
	l := &log{takes: -1}
	told, err := outbox.Append(t.Context(), l, "s", o.box.Pending())
	if err != nil || len(l.events) != outbox.MaxStaged || l.calls != 1 {
		t.Errorf("appended %d in %d calls, %v", len(l.events), l.calls, err)
	}
	o.box.Told(told)
	big := strings.Repeat("x", 200<<10)
	if _, err := o.box.Stage(event("k", big), event("k", big)); err != nil {
		t.Errorf("two large ones: %v", err)
	}
	if _, err := o.box.Stage(event("k", big), event("k", big), event("k", big)); fault.KindOf(err) != fault.Exhausted {
		t.Errorf("three large ones: %v", err)
	}
	for name, e := range map[string]outbox.Event{
		"no topic": {"", "k", nil}, "no key": {"t", "", nil}, "a long topic": {strings.Repeat("t", 65), "k", nil},
		"a long key": {"t", strings.Repeat("k", 513), nil}, "a long payload": {"t", "k", make([]byte, eventlog.MaxPayload+1)},
	} {
		if _, err := o.box.Stage(e); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRowsOfAnotherForm(t *testing.T) {
	for name, r := range map[string]table.Row{
		"a short number":   {Key: []byte{0}, Value: []byte{1, 0}},
		"another version":  {Key: []byte{0}, Value: []byte{2, 0, 0, 0, 0, 0, 0, 0, 1}},
		"a short key":      {Key: []byte{0, 1}, Value: []byte{1, 1, 't', 0, 1, 'k'}},
		"nothing":          {Key: []byte{0, 0, 0, 0, 0, 0, 0, 0, 1}},
		"a topic too long": {Key: []byte{0, 0, 0, 0, 0, 0, 0, 0, 1}, Value: []byte{1, 255, 't', 0, 1, 'k'}},
		"a key too long":   {Key: []byte{0, 0, 0, 0, 0, 0, 0, 0, 1}, Value: []byte{1, 1, 't', 9, 9, 'k'}},
		"no key":           {Key: []byte{0, 0, 0, 0, 0, 0, 0, 0, 1}, Value: []byte{1, 1, 't', 0}},
	} {
		if _, err := outbox.New([]table.Row{r}); fault.CodeOf(err) != "outbox_unreadable" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTheBytesOfAStagedEvent are part of what is stored.
func TestTheBytesOfAStagedEvent(t *testing.T) {
	box, err := outbox.New([]table.Row{{Key: []byte{0}, Value: []byte{1, 0, 0, 0, 0, 0, 0, 0, 6}}})
	if err != nil {
		t.Fatal(err)
	}
	batch, err := box.Stage(outbox.Event{Topic: "account", Key: "42", Payload: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%x=%x %x=%x", batch.Ops[0].Key, batch.Ops[0].Value, batch.Ops[1].Key, batch.Ops[1].Value)
	if want := "000000000000000007=01076163636f756e7400023432" + "7b7d 00=010000000000000007"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// everyone is all who are marked.
func everyone(t *testing.T, m outbox.Marks) (all []outbox.Owner, err error) {
	t.Helper()
	for at, first := table.Cursor(""), true; err == nil && (first || at != ""); first = false {
		var some []outbox.Owner
		some, at, err = m.All(t.Context(), at)
		all = append(all, some...)
	}
	return all, err
}

func TestMarks(t *testing.T) {
	m := outbox.Marks{Tables: pebbletest.Open(t)}
	place := func(activation, n uint64) outbox.Place {
		return outbox.Place{Fence: position.Fence{Epoch: 3, Activation: activation}, N: n}
	}
	a, ab, other := outbox.Owner{Kind: "k", Key: "a"}, outbox.Owner{Kind: "k", Key: "ab"}, outbox.Owner{Kind: "kk", Key: "a"}
	put := func(o outbox.Owner, p outbox.Place) {
		t.Helper()
		if err := m.Put(t.Context(), 7, o, p); err != nil {
			t.Fatal(err)
		}
	}
	remove := func(o outbox.Owner, p outbox.Place) {
		t.Helper()
		if err := m.Remove(t.Context(), 7, o, outbox.Place{}, p); err != nil {
			t.Fatal(err)
		}
	}
	want := func(when string, want ...outbox.Owner) {
		t.Helper()
		if got, err := everyone(t, m); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v", when, got, err)
		}
	}
	want("at first")
	put(a, place(1, 1))
	put(a, place(1, 1))
	put(ab, place(1, 1))
	put(other, place(1, 1))
	want("each once", a, ab, other)
	put(a, place(2, 1))
	remove(a, place(1, 9))
	want("a former owner removes its own", a, ab, other)
	put(a, place(2, 2))
	if err := m.Remove(t.Context(), 7, a, place(3, 0), place(3, 9)); err != nil {
		t.Fatal(err)
	}
	remove(a, place(2, 1))
	want("a removal does not take down what was put up after it began", a, ab, other)
	remove(a, place(2, 2))
	want("nor that of others", ab, other)
	if err := m.Put(t.Context(), 4095, a, place(1, 1)); err != nil {
		t.Fatal(err)
	}
	all, err := everyone(t, m)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 3 || !slices.Contains(all, a) {
		t.Errorf("all: %v", all)
	}
	for _, bad := range []outbox.Owner{{"", "a"}, {"k", ""}, {"k\x00", "a"}, {"k", "a\x00b"}} {
		if err := m.Put(t.Context(), 7, bad, place(1, 1)); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
		if err := m.Remove(t.Context(), 7, bad, place(1, 1), place(1, 1)); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
