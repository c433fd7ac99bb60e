package pebbletable

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
)

// swept is a store whose time and sweeps the test decides.
type swept struct {
	*testing.T
	d     *Driver
	store *table.Store
	now   time.Time
}

func openSwept(t *testing.T) *swept {
	t.Helper()
	x := &swept{T: t, now: time.UnixMilli(1_000_000)}
	d, err := Open(Config{
		Dir: "/t", FS: vfs.NewMem(), CacheBytes: 1 << 20, SweepEvery: time.Hour, Now: func() time.Time { return x.now },
		Metrics: NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		t.Fatal(err)
	}
	x.d, x.store = d, table.New(d)
	t.Cleanup(func() {
		if err := x.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

func (x *swept) pass(d time.Duration) {
	x.Helper()
	x.now = x.now.Add(d)
	if err := x.d.Sweep(x.Context()); err != nil {
		x.Fatal(err)
	}
}

// TestSweep lets rows expire in many ways and looks at what is left below the rows' surface.
func TestSweep(t *testing.T) {
	x := openSwept(t)
	write := func(ops ...table.Op) {
		t.Helper()
		if _, err := x.store.Write(t.Context(), table.Batch{Table: table.Shared("t"), Partition: "p", Ops: ops}); err != nil {
			t.Fatal(err)
		}
	}
	var many []table.Op
	for i := range 3*sweepRows + 10 {
		many = append(many, table.Expiring(table.Put(fmt.Appendf(nil, "many%04d", i), nil), time.Second))
	}
	write(many...)
	brief := func(key string) table.Op { return table.Expiring(table.Put([]byte(key), nil), time.Second) }
	write(brief("renewed"), brief("made permanent"), brief("deleted"), brief("made anew"), table.Put([]byte("permanent"), nil))
	write(table.Expiring(table.Put([]byte("renewed"), nil), time.Hour), table.Put([]byte("made permanent"), nil),
		table.Delete([]byte("deleted")), table.Delete([]byte("made anew")))
	write(table.Expiring(table.Put([]byte("made anew"), nil), time.Hour))

	x.pass(0)
	if n := count(t, x.d, spaceRow); n != len(many)+4 {
		t.Errorf("a sweep before the time leaves %d rows", n)
	}
	x.pass(2 * time.Second)
	if rows, reminders := count(t, x.d, spaceRow), count(t, x.d, spaceExpiry); rows != 4 || reminders != 2 {
		t.Errorf("%d rows and %d reminders are left, want 4 and 2", rows, reminders)
	}
	if n := testutil.ToFloat64(x.d.cfg.Metrics.swept); n != float64(len(many)) {
		t.Errorf("%v rows counted, want %d", n, len(many))
	}
	x.pass(2 * time.Hour)
	if rows, reminders := count(t, x.d, spaceRow), count(t, x.d, spaceExpiry); rows != 2 || reminders != 0 {
		t.Errorf("%d rows and %d reminders are left at the end, want 2 and 0", rows, reminders)
	}
}

// TestFencesEnd lets partitions become empty: their fences live a day longer, those of others for ever, and
// each has one reminder.
func TestFencesEnd(t *testing.T) {
	x := openSwept(t)
	owner := position.Fence{Epoch: 3, Activation: 1}
	write := func(partition string, op table.Op) error {
		_, err := x.store.Write(t.Context(), table.Batch{Table: table.Owned("t"), Partition: partition, Fence: owner, Ops: []table.Op{op}})
		return err
	}
	const sessions = 600
	for i := range sessions {
		p := fmt.Sprint("login", i)
		if err := errors.Join(
			x.store.Fence(t.Context(), table.Owned("t"), p, owner),
			write(p, table.Expiring(table.Put([]byte("doc"), nil), 14*24*time.Hour)),
		); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []string{"stays", "late", "unused"} {
		if err := x.store.Fence(t.Context(), table.Owned("t"), p, owner); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(write("stays", table.Put([]byte("doc"), nil)), write("late", table.Put([]byte("doc"), nil)), write("late", table.Delete([]byte("doc")))); err != nil {
		t.Fatal(err)
	}
	expect := func(when string, fences int) {
		t.Helper()
		if n, reminders := count(t, x.d, spaceFence), count(t, x.d, spaceExpiry)-count(t, x.d, spaceRow)+1; n != fences || reminders != fences {
			t.Errorf("%s: %d fences and %d reminders of fences, want %d", when, n, reminders, fences)
		}
	}
	day := 24 * time.Hour
	x.pass(day - time.Minute)
	expect("before the first look", sessions+3)
	x.pass(2 * time.Minute) // two partitions are found empty
	x.pass(day - time.Minute)
	expect("almost a day after they were found empty", sessions+3)
	if err := write("late", table.Put([]byte("doc"), nil)); err != nil {
		t.Errorf("a write of the owner within the day: %v", err)
	}
	if err := write("late", table.Delete([]byte("doc"))); err != nil {
		t.Error(err)
	}
	x.pass(2 * time.Minute)
	expect("a day after one was found empty and the other was written to", sessions+2)
	if err := write("unused", table.Put([]byte("doc"), nil)); !errors.Is(err, table.ErrFenced) {
		t.Errorf("a write under a fence that has ended: %v", err)
	}
	for range 40 { // until the sessions have ended, their partitions were found empty, and another day
		x.pass(day)
	}
	expect("in the end", 1)
	if err := write("stays", table.Put([]byte("doc"), nil)); err != nil {
		t.Errorf("the fence of rows that stay: %v", err)
	}
	if exists, err := x.store.FenceExisting(t.Context(), table.Owned("t"), "login0", position.Fence{Epoch: 1}); err != nil || exists {
		t.Errorf("a fence that has ended is there: %v, %v", exists, err)
	}
}

// TestSweepOfABacklog holds the sweeper to walking over each reminder a few times, however many are due.
func TestSweepOfABacklog(t *testing.T) {
	x := openSwept(t)
	const batches, rows = 40, 500
	for i := range batches {
		var ops []table.Op
		for j := range rows {
			ops = append(ops, table.Expiring(table.Put(fmt.Appendf(nil, "%d.%d", i, j), nil), time.Second))
		}
		if _, err := x.store.Write(t.Context(), table.Batch{Table: table.Plain("t"), Partition: "p", Ops: ops}); err != nil {
			t.Fatal(err)
		}
	}
	x.pass(time.Minute)
	if n := testutil.ToFloat64(x.d.cfg.Metrics.swept); n != batches*rows {
		t.Errorf("%v rows swept, want %d", n, batches*rows)
	}
	if n := testutil.ToFloat64(x.d.cfg.Metrics.walked); n > 4*batches*rows {
		t.Errorf("the sweeper walked over %v keys for %d rows", n, batches*rows)
	}
}

// TestScanIsBounded reads one row that lives on beyond many that have expired and were not swept yet.
func TestScanIsBounded(t *testing.T) {
	x := openSwept(t)
	const rows = walkRows + 1000
	for i := 0; i < rows; i += 1000 {
		var ops []table.Op
		for j := range 1000 {
			ops = append(ops, table.Expiring(table.Put(fmt.Appendf(nil, "%08d", i+j), nil), time.Second))
		}
		if _, err := x.store.Write(t.Context(), table.Batch{Table: table.Plain("t"), Partition: "p", Ops: ops}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := x.store.Write(t.Context(), table.Batch{Table: table.Plain("t"), Partition: "p", Ops: []table.Op{table.Put([]byte("last"), nil)}}); err != nil {
		t.Fatal(err)
	}
	x.now = x.now.Add(time.Minute)
	got, next, err := x.d.Scan(t.Context(), table.Range{Table: table.Plain("t"), Partition: "p", Limit: 10, Bytes: 1 << 20})
	if err != nil || len(got) != 0 || next == nil {
		t.Errorf("one go of the engine gave %d rows, next %q, %v; want none yet", len(got), next, err)
	}
	for _, reverse := range []bool{false, true} {
		got, more, err := x.store.Scan(t.Context(), table.Range{Table: table.Plain("t"), Partition: "p", Limit: 10, Reverse: reverse})
		if err != nil || len(got) != 1 || string(got[0].Key) != "last" || more && !reverse {
			t.Errorf("reverse %v: %d rows, more %v, %v", reverse, len(got), more, err)
		}
	}
}

// TestTimeNeverGoesBack sets the clock back, within a life of the engine and between two.
func TestTimeNeverGoesBack(t *testing.T) {
	fs := vfs.NewMem()
	now := time.UnixMilli(1_000_000_000)
	open := func() (*Driver, *table.Store) {
		t.Helper()
		d, err := Open(Config{Dir: "/t", FS: fs, CacheBytes: 1 << 20, SweepEvery: time.Hour, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		return d, table.New(d)
	}
	write := func(s *table.Store, op table.Op) {
		t.Helper()
		if _, err := s.Write(t.Context(), table.Batch{Table: table.Plain("t"), Partition: "p", Ops: []table.Op{op}}); err != nil {
			t.Fatal(err)
		}
	}
	gone := func(when string, s *table.Store) {
		t.Helper()
		if _, err := s.Get(t.Context(), table.Plain("t"), "p", []byte("k")); !errors.Is(err, table.ErrNoRow) {
			t.Errorf("%s: %v, want no row", when, err)
		}
	}
	d, s := open()
	write(s, table.Expiring(table.Put([]byte("k"), nil), time.Minute))
	now = now.Add(2 * time.Minute)
	gone("after its time", s)
	now = now.Add(-90 * time.Second)
	gone("when the clock was set back", s)
	write(s, table.Expiring(table.Put([]byte("later"), nil), time.Minute))
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	now = now.Add(-time.Hour)
	d, s = open()
	gone("after a restart with the clock set back", s)
	if _, err := s.Get(t.Context(), table.Plain("t"), "p", []byte("later")); err != nil {
		t.Errorf("a row that was written after the clock was set back: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// TestTimeGoesOn checks that a clock that was set back does not stand still.
func TestTimeGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ahead := time.Hour
		c := newClock(func() time.Time { return time.Now().Add(ahead) }, time.Time{})
		first := c.now()
		ahead = 0
		time.Sleep(time.Minute)
		if got := c.now().Sub(first); got != time.Minute {
			t.Errorf("a minute after the clock was set back %v have passed", got)
		}
		ahead = 2 * time.Hour
		if got := c.now().Sub(first); got != time.Minute+time.Hour {
			t.Errorf("after the clock was set forward %v have passed", got)
		}
		if marked := newClock(time.Now, first.Add(time.Hour)).now(); marked.Before(first.Add(time.Hour)) {
			t.Errorf("a clock begins at %v, before its mark", marked)
		}
	})
}

// count counts the keys of a space.
func count(t *testing.T, d *Driver, space byte) (n int) {
	t.Helper()
	it, err := d.db.NewIter(&pebble.IterOptions{LowerBound: []byte{space}, UpperBound: []byte{space + 1}})
	if err != nil {
		t.Fatal(err)
	}
	for ok := it.First(); ok; ok = it.Next() {
		n++
	}
	if err := it.Close(); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestVersionsSurviveManyLives opens and writes again and again; the ceiling must keep versions from being
// given twice although it is written rarely.
func TestVersionsSurviveManyLives(t *testing.T) {
	fs := vfs.NewMem()
	last := table.Version(0)
	for range 5 {
		d, err := Open(Config{Dir: "/t", FS: fs, CacheBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		s := table.New(d)
		for range 3 {
			v, err := s.Write(t.Context(), table.Batch{Table: table.Plain("t"), Partition: "p", Ops: []table.Op{table.Put([]byte("k"), nil)}})
			if err != nil || v <= last {
				t.Fatalf("version %d after %d, %v", v, last, err)
			}
			last = v
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
