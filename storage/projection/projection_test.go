package projection_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/eventlog"
	"github.com/barrage-live/barrage/storage/eventlog/tablelog"
	"github.com/barrage-live/barrage/storage/projection"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

func sums() table.Table { return table.Owned("sums") }

// world is a log of one partition, and a partition of rows.
type world struct {
	*testing.T
	tables *table.Store
	log    *eventlog.Log
	clock  *pebbletest.Mem
	said   map[string]uint64 // the last number of each source
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, clock: pebbletest.NewMem(), said: map[string]uint64{}}
	d, err := w.clock.Open()
	if err != nil {
		t.Fatal(err)
	}
	w.tables = table.New(d)
	l, err := tablelog.New(tablelog.Config{Tables: w.tables, Partitions: 1, Retention: time.Hour, Now: w.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	w.log = eventlog.New(l)
	t.Cleanup(func() {
		if err := errors.Join(w.log.Close(), w.tables.Close()); err != nil {
			t.Error(err)
		}
	})
	return w
}

// tell appends the next event of a source, which adds n to its sum.
func (w *world) tell(source string, n byte) eventlog.Event {
	w.Helper()
	w.said[source]++
	e := eventlog.Event{ID: eventlog.ID{Source: source, Seq: w.said[source]}, Payload: []byte{n}}
	w.again(e)
	return e
}

// again appends an event that may be there already.
func (w *world) again(e eventlog.Event) {
	w.Helper()
	if err := w.log.Append(w.Context(), "t", "k", e); err != nil {
		w.Fatal(err)
	}
}

// fence raises the fence of the rows and gives what a projection under it needs.
func (w *world) fence(activation uint64) projection.Config {
	w.Helper()
	f := position.Fence{Epoch: 1, Activation: activation}
	if err := w.tables.Fence(w.Context(), sums(), "p", f); err != nil {
		w.Fatal(err)
	}
	return projection.Config{Log: w.log, Tables: w.tables, Topic: "t", Table: sums(), Partition: "p", Fence: f}
}

// sum adds what an event says to the row of its source: applied twice, it would show.
func sum(ctx context.Context, r eventlog.Record, rows *projection.Rows) error {
	old, ok, err := rows.Get(ctx, []byte(r.ID.Source))
	if err != nil {
		return err
	}
	total := uint64(r.Payload[0])
	if ok {
		total += binary.BigEndian.Uint64(old)
	}
	rows.Put([]byte(r.ID.Source), binary.BigEndian.AppendUint64(nil, total))
	return nil
}

// has checks the sum of a source.
func (w *world) has(source string, want uint64) {
	w.Helper()
	row, err := w.tables.Get(w.Context(), sums(), "p", []byte(source))
	switch {
	case errors.Is(err, table.ErrNoRow) && want == 0:
	case err != nil || binary.BigEndian.Uint64(row.Value) != want:
		w.Errorf("the sum of %s is %v, %v; want %d", source, row.Value, err, want)
	}
}

// unreliable is tables whose writes may be refused, or have an unknown outcome: not done, done, or done
// later, when it is too late to matter or just early enough to hurt.
type unreliable struct {
	*table.Store
	rng  *rand.Rand
	late []table.Batch
}

// Write implements projection.Tables.
func (u *unreliable) Write(ctx context.Context, b table.Batch) (table.Version, error) {
	u.arrive(ctx)
	switch u.rng.IntN(8) {
	case 0:
		return 0, fault.New(fault.Unavailable, "storage_failed", "the disk failed")
	case 1:
		return 0, table.ErrUnknown
	case 2:
		_, _ = u.Store.Write(ctx, b)
		return 0, table.ErrUnknown
	case 3, 4:
		u.late = append(u.late, b)
		return 0, table.ErrUnknown
	}
	version, err := u.Store.Write(ctx, b)
	u.arrive(ctx)
	return version, err
}

// arrive lets some of the late writes arrive.
func (u *unreliable) arrive(ctx context.Context) {
	for len(u.late) > 0 && u.rng.IntN(2) == 0 {
		_, _ = u.Store.Write(ctx, u.late[0])
		u.late = u.late[1:]
	}
}

// TestEachEventHasItsEffectOnce lets sources tell events, and repeat some of them late, while projections
// read them over tables that fail, and are replaced now and then. A replaced one goes on for a while, as a
// paused node does.
func TestEachEventHasItsEffectOnce(t *testing.T) {
	for seed := range uint64(20) {
		w := newWorld(t)
		rng := rand.New(rand.NewPCG(seed, 1))
		tables := &unreliable{Store: w.tables, rng: rng}
		want := map[string]uint64{}
		var told []eventlog.Event
		activation := uint64(1)
		open := func() *projection.Projection {
			cfg := w.fence(activation)
			cfg.Tables = tables
			activation++
			return projection.New(cfg)
		}
		p, former := open(), (*projection.Projection)(nil)
		for range 300 {
			switch rng.IntN(6) {
			case 0, 1:
				source, n := fmt.Sprint("s", rng.IntN(4)), byte(rng.IntN(200))
				told = append(told, w.tell(source, n))
				want[source] += uint64(n)
			case 2:
				if len(told) > 0 {
					w.again(told[rng.IntN(len(told))])
				}
			case 3:
				if rng.IntN(10) == 0 {
					former, p = p, open()
				}
				if former != nil {
					if progress, err := former.Step(t.Context(), 0, sum); err == nil && progress.Events > 0 {
						t.Errorf("seed %d: a former owner has applied %d events", seed, progress.Events)
					}
				}
			default:
				if _, err := p.Step(t.Context(), 0, sum); err != nil && fault.KindOf(err) != fault.Timeout && fault.KindOf(err) != fault.Unavailable &&
					!errors.Is(err, table.ErrConflict) {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}
		}
		deadline := time.Now().Add(10 * time.Second)
		for done := false; !done; {
			progress, err := p.Step(t.Context(), 0, sum)
			done = err == nil && progress == projection.Progress{}
			if time.Now().After(deadline) {
				t.Fatalf("seed %d: no end: %+v, %v", seed, progress, err)
			}
		}
		for _, b := range tables.late {
			if _, err := w.tables.Write(t.Context(), b); err == nil {
				t.Errorf("seed %d: a write took effect after newer ones", seed)
			}
		}
		for source, n := range want {
			w.has(source, n)
		}
	}
}

func TestFormerOwnerIsFenced(t *testing.T) {
	w := newWorld(t)
	former := projection.New(w.fence(1))
	w.tell("a", 1)
	if _, err := former.Step(t.Context(), 0, sum); err != nil {
		t.Fatal(err)
	}
	w.fence(2)
	w.tell("a", 1)
	if _, err := former.Step(t.Context(), 0, sum); !errors.Is(err, table.ErrFenced) {
		t.Errorf("a step under an old fence: %v, want ErrFenced", err)
	}
	w.has("a", 1)
}

func TestLostEventsStopTheProjection(t *testing.T) {
	w := newWorld(t)
	p := projection.New(w.fence(1))
	w.tell("a", 1)
	if _, err := p.Step(t.Context(), 0, sum); err != nil {
		t.Fatal(err)
	}
	w.tell("a", 2)
	w.clock.Advance(2 * time.Hour)
	w.tell("a", 3) // marks what is old
	w.clock.Advance(2 * time.Hour)
	w.tell("a", 4) // removes it
	for range 2 {
		if _, err := p.Step(t.Context(), 0, sum); !errors.Is(err, projection.ErrLost) {
			t.Fatalf("a step over removed events: %v, want ErrLost", err)
		}
	}
	w.has("a", 1)
	page, err := w.log.Read(t.Context(), eventlog.Request{Topic: "t", Max: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Restart(t.Context(), page.End); err != nil {
		t.Fatal(err)
	}
	w.tell("a", 5)
	for activation := range uint64(2) {
		if _, err := p.Step(t.Context(), 0, sum); err != nil {
			t.Errorf("after the restart: %v", err)
		}
		w.has("a", 6)
		p = projection.New(w.fence(2 + activation))
	}
}

// TestLogThatWasPutBack reads beyond the end, as after a restore of the log alone.
func TestLogThatWasPutBack(t *testing.T) {
	w := newWorld(t)
	p := projection.New(w.fence(1))
	if err := p.Restart(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	w.tell("a", 1)
	if _, err := p.Step(t.Context(), 0, sum); !errors.Is(err, eventlog.ErrAhead) {
		t.Errorf("a step beyond the end: %v, want ErrAhead", err)
	}
}

// TestLargeEffectsTakeSeveralSteps applies events of which a page makes more rows than a batch takes.
func TestLargeEffectsTakeSeveralSteps(t *testing.T) {
	for what, size := range map[string]struct{ rows, bytes int }{"rows": {500, 10}, "bytes": {3, 100 << 10}} {
		w := newWorld(t)
		p := projection.New(w.fence(1))
		const events = 30
		for range events {
			w.tell("a", 1)
		}
		applied, steps := 0, 0
		for {
			progress, err := p.Step(t.Context(), 0, func(_ context.Context, r eventlog.Record, rows *projection.Rows) error {
				for i := range size.rows {
					rows.Put(fmt.Append(nil, "row/", r.ID.Seq, "/", i), make([]byte, size.bytes))
				}
				return nil
			})
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if applied += progress.Events; progress.Behind != uint64(events-applied) {
				t.Errorf("%s: %d applied, behind by %d", what, applied, progress.Behind)
			}
			if progress.Events == 0 {
				break
			}
			steps++
		}
		if applied != events || steps < 3 {
			t.Errorf("%s: %d events applied in %d steps", what, applied, steps)
		}
	}
}

func TestRows(t *testing.T) {
	w := newWorld(t)
	p := projection.New(w.fence(1))
	w.tell("a", 1)
	key := []byte("row")
	steps := []func(ctx context.Context, rows *projection.Rows) error{
		func(ctx context.Context, rows *projection.Rows) error {
			if _, ok, err := rows.Get(ctx, key); ok || err != nil {
				t.Errorf("nothing was written: %v, %v", ok, err)
			}
			value := []byte("one")
			rows.Put(key, value)
			value[0] = 'x'
			rows.Put([]byte("empty"), nil)
			if v, ok, err := rows.Get(ctx, key); string(v) != "one" || !ok || err != nil {
				t.Errorf("what was put in the step is %q, %v, %v", v, ok, err)
			}
			return nil
		},
		func(ctx context.Context, rows *projection.Rows) error {
			if v, ok, err := rows.Get(ctx, []byte("empty")); len(v) != 0 || !ok || err != nil {
				t.Errorf("an empty row is %q, %v, %v", v, ok, err)
			}
			rows.Delete(key)
			if _, ok, err := rows.Get(ctx, key); ok || err != nil {
				t.Errorf("what was deleted in the step is there: %v, %v", ok, err)
			}
			rows.Put(key, []byte("two"))
			rows.Delete([]byte("empty"))
			return nil
		},
		func(ctx context.Context, rows *projection.Rows) error {
			if v, ok, err := rows.Get(ctx, key); string(v) != "two" || !ok || err != nil {
				t.Errorf("the row is %q, %v, %v", v, ok, err)
			}
			if _, ok, err := rows.Get(ctx, []byte("empty")); ok || err != nil {
				t.Errorf("a deleted row is there: %v, %v", ok, err)
			}
			return nil
		},
	}
	for _, step := range steps {
		if _, err := p.Step(t.Context(), 0, func(ctx context.Context, _ eventlog.Record, rows *projection.Rows) error { return step(ctx, rows) }); err != nil {
			t.Fatal(err)
		}
		w.tell("a", 1)
	}
	broken := errors.New("broken")
	for what, apply := range map[string]projection.Apply{
		"a failing apply": func(_ context.Context, _ eventlog.Record, rows *projection.Rows) error {
			rows.Put(key, []byte("three"))
			return broken
		},
		"a key of the projection's": func(_ context.Context, _ eventlog.Record, rows *projection.Rows) error {
			rows.Put(key, []byte("three"))
			rows.Put([]byte{1, 'c'}, nil)
			return nil
		},
		"no key": func(_ context.Context, _ eventlog.Record, rows *projection.Rows) error {
			rows.Delete(nil)
			return nil
		},
	} {
		if _, err := p.Step(t.Context(), 0, apply); !errors.Is(err, broken) && fault.CodeOf(err) != "bad_projected_row" {
			t.Errorf("%s: %v", what, err)
		}
	}
	if row, err := w.tables.Get(t.Context(), sums(), "p", key); err != nil || string(row.Value) != "two" {
		t.Errorf("after the failed steps the row is %q, %v", row.Value, err)
	}
}

// TestStorage compares the rows with the package comment.
func TestStorage(t *testing.T) {
	w := newWorld(t)
	p := projection.New(w.fence(1))
	w.tell("room/7", 1)
	w.tell("room/7", 1)
	if _, err := p.Step(t.Context(), 0, sum); err != nil {
		t.Fatal(err)
	}
	rows, _, err := w.tables.Scan(t.Context(), table.Range{Table: sums(), Partition: "p", To: []byte{2}})
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, row := range rows {
		fmt.Fprintf(&got, "%q %x\n", row.Key, row.Value)
	}
	want := `"\x01ct/0" 010000000000000002` + "\n" + `"\x01st/0/room/7" 010000000000000002` + "\n"
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
	if err := p.Restart(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := w.tables.Write(t.Context(), table.Batch{
		Table: sums(), Partition: "p", Fence: position.Fence{Epoch: 1, Activation: 1},
		Ops: []table.Op{table.Put([]byte("\x01ct/0"), bytes.Repeat([]byte{2}, 9))},
	}); err != nil {
		t.Fatal(err)
	}
	p = projection.New(w.fence(1))
	if _, err := p.Step(t.Context(), 0, sum); !errors.Is(err, projection.ErrLost) {
		t.Errorf("a cursor of another version: %v, want ErrLost", err)
	}
	if err := p.Restart(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	w.tell("room/7", 1)
	if got, err := p.Step(t.Context(), 0, sum); err != nil || got.Events != 1 || got.Repeated != 1 {
		t.Errorf("after the restart: %+v, %v", got, err)
	}
}
