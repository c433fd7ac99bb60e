package pebbletable

import (
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/barrage-live/barrage/storage/table"
)

// TestSweep lets rows expire in many ways and looks at what is left below the rows' surface.
func TestSweep(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	reg := prometheus.NewRegistry()
	d, err := Open(Config{
		Dir: "/t", FS: vfs.NewMem(), CacheBytes: 1 << 20, SweepEvery: time.Hour, Now: func() time.Time { return now }, Metrics: NewMetrics(reg),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := table.New(d)
	write := func(ops ...table.Op) {
		t.Helper()
		if err := s.Write(t.Context(), table.Batch{Table: "t", Partition: "p", Epoch: 3, Ops: ops}); err != nil {
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

	if err := d.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := count(t, d, spaceRow); n != len(many)+4 {
		t.Errorf("a sweep before the time leaves %d rows", n)
	}
	now = now.Add(2 * time.Second)
	if err := d.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rows, reminders := count(t, d, spaceRow), count(t, d, spaceExpiry); rows != 4 || reminders != 2 {
		t.Errorf("%d rows and %d reminders are left, want 4 and 2", rows, reminders)
	}
	if n := testutil.ToFloat64(d.cfg.Metrics.swept); n != float64(len(many)) {
		t.Errorf("%v rows counted, want %d", n, len(many))
	}
	now = now.Add(2 * time.Hour)
	if err := d.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rows, reminders := count(t, d, spaceRow), count(t, d, spaceExpiry); rows != 2 || reminders != 0 {
		t.Errorf("%d rows and %d reminders are left at the end, want 2 and 0", rows, reminders)
	}
	if n := count(t, d, spaceFence); n != 1 {
		t.Errorf("%d fences are left, want 1", n)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// count counts the keys of a space.
func count(t *testing.T, d *Driver, space byte) (n int) {
	t.Helper()
	it, err := d.mu.engine.db.NewIter(&pebble.IterOptions{LowerBound: []byte{space}, UpperBound: []byte{space + 1}})
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

// TestVersionsSurviveManyLives opens and writes again and again; the ceiling must keep versions growing although it is
// written rarely.
func TestVersionsSurviveManyLives(t *testing.T) {
	fs := vfs.NewMem()
	last := uint64(0)
	for range 5 {
		d, err := Open(Config{Dir: "/t", FS: fs, CacheBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		s := table.New(d)
		for range 3 {
			if err := s.Write(t.Context(), table.Batch{Table: "t", Partition: "p", Ops: []table.Op{table.Put([]byte("k"), nil)}}); err != nil {
				t.Fatal(err)
			}
			row, err := s.Get(t.Context(), "t", "p", []byte("k"))
			if err != nil || row.Version <= last {
				t.Fatalf("version %d after %d, %v", row.Version, last, err)
			}
			last = row.Version
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
