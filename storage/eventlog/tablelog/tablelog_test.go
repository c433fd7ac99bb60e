package tablelog_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/eventlog"
	"github.com/barrage-live/barrage/storage/eventlog/driver"
	"github.com/barrage-live/barrage/storage/eventlog/eventlogtest"
	"github.com/barrage-live/barrage/storage/eventlog/tablelog"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/faulttable"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

const retention = time.Hour

// memory is a harness over tables in memory that can lose power, and lose answers.
type memory struct {
	tables *pebbletest.Mem
	loss   float64
}

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
	s := table.New(faulttable.Wrap(d, lossy(m.loss)))
	l, err := tablelog.New(tablelog.Config{Tables: s, Partitions: 4, Retention: retention, Now: m.tables.Now})
	return log{l, s}, err
}

// lossy loses a share of the writes, and of the answers to writes.
func lossy(share float64) faulttable.Script {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(3, 4))
	return func(c faulttable.Call) faulttable.Fault {
		mu.Lock()
		defer mu.Unlock()
		switch dice := rng.Float64(); {
		case c.Kind != faulttable.Write || dice >= share:
			return faulttable.Fault{}
		case dice < share/2:
			return faulttable.Refused(table.ErrUnknown)
		}
		return faulttable.Unknown()
	}
}

// Close implements eventlogtest.Harness.
func (m memory) Close() error { return m.tables.Close() }

// Crash implements eventlogtest.Crasher.
func (m memory) Crash(rng *rand.Rand) { m.tables.Crash(rng) }

// Age implements eventlogtest.Ager.
func (m memory) Age() { m.tables.Advance(retention * 18 / 16) }

func TestConformance(t *testing.T) {
	eventlogtest.Run(t, func(*testing.T) eventlogtest.Harness { return memory{pebbletest.NewMem(), 0} })
}

// TestConformanceWithLostAnswers runs the suite where any write of the tables may have an unknown outcome.
func TestConformanceWithLostAnswers(t *testing.T) {
	eventlogtest.Run(t, func(*testing.T) eventlogtest.Harness { return memory{pebbletest.NewMem(), 0.2} })
}

func open(tb testing.TB, cfg tablelog.Config) *eventlog.Log {
	tb.Helper()
	d, err := tablelog.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	l := eventlog.New(d)
	tb.Cleanup(func() {
		if err := l.Close(); err != nil {
			tb.Error(err)
		}
	})
	return l
}

func event(source string, seq int, size int) eventlog.Event {
	return eventlog.Event{ID: eventlog.ID{Source: source, Seq: uint64(seq)}, Payload: make([]byte, size)}
}

// TestIdlePartitionsAgeWhenTheyAreRead appends and then only reads.
func TestIdlePartitionsAgeWhenTheyAreRead(t *testing.T) {
	mem := pebbletest.NewMem()
	d, err := mem.Open()
	if err != nil {
		t.Fatal(err)
	}
	s := table.New(d)
	l := open(t, tablelog.Config{Tables: s, Partitions: 1, Retention: time.Hour, Now: mem.Now})
	t.Cleanup(func() {
		if err := errors.Join(l.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	})
	for i := range 3 {
		if err := l.Append(t.Context(), "t", "k", event("s", i+1, 1)); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		page, err := l.Read(t.Context(), eventlog.Request{Topic: "t", From: 3, MaxWait: 10 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		if page.First == 3 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the first that is kept is %d", page.First)
		}
		mem.Advance(10 * time.Minute)
	}
	if rows, _, err := s.Scan(t.Context(), table.Range{Table: table.Shared("eventlog"), Partition: "t/0", From: []byte("e"), To: []byte("f")}); err != nil || len(rows) != 0 {
		t.Errorf("%d rows are left, %v", len(rows), err)
	}
}

// TestLateWriter holds up the write of a process until another has appended: it is refused, done again and
// comes later.
func TestLateWriter(t *testing.T) {
	mem := pebbletest.NewMem()
	d, err := mem.Open()
	if err != nil {
		t.Fatal(err)
	}
	held, free := make(chan struct{}), make(chan struct{})
	var hold atomic.Bool
	slow := table.New(faulttable.Wrap(d, func(c faulttable.Call) faulttable.Fault {
		if c.Kind == faulttable.Write && c.Table == "eventlog" && hold.CompareAndSwap(true, false) {
			close(held)
			<-free
		}
		return faulttable.Fault{}
	}))
	d2, err := mem.Open()
	if err != nil {
		t.Fatal(err)
	}
	fast := table.New(d2)
	late, other := open(t, tablelog.Config{Tables: slow, Partitions: 1}), open(t, tablelog.Config{Tables: fast, Partitions: 1})
	t.Cleanup(func() {
		if err := errors.Join(late.Close(), other.Close(), slow.Close(), fast.Close()); err != nil {
			t.Error(err)
		}
	})
	if err := late.Append(t.Context(), "t", "k", event("late", 1, 1)); err != nil {
		t.Fatal(err)
	}
	hold.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	outcome := make(chan error)
	go func() { outcome <- late.Append(ctx, "t", "k", event("late", 2, 1)) }()
	<-held
	cancel()
	if err := <-outcome; !errors.Is(err, eventlog.ErrUnknown) {
		t.Errorf("an append whose caller has left: %v, want ErrUnknown", err)
	}
	for i := range 3 {
		if err := other.Append(t.Context(), "t", "k", event("other", i+1, 1)); err != nil {
			t.Fatal(err)
		}
	}
	read := func() string {
		page, err := other.Read(t.Context(), eventlog.Request{Topic: "t"})
		if err != nil {
			t.Fatal(err)
		}
		s := ""
		for _, rec := range page.Records {
			s += fmt.Sprintf("%d:%s#%d ", rec.Offset, rec.ID.Source, rec.ID.Seq)
		}
		return s
	}
	before := read()
	close(free)
	if _, err := late.Read(t.Context(), eventlog.Request{Topic: "t", From: 4, MaxWait: 10 * time.Second}); err != nil {
		t.Error(err)
	}
	if got, want := read(), before+"4:late#2 "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestQueueIsBoundedInBytes lets appends wait for a write that hangs.
func TestQueueIsBoundedInBytes(t *testing.T) {
	d, err := pebbletest.NewMem().Open()
	if err != nil {
		t.Fatal(err)
	}
	free, hanging := make(chan struct{}), atomic.Bool{}
	s := table.New(faulttable.Wrap(d, func(c faulttable.Call) faulttable.Fault {
		if c.Kind == faulttable.Write && hanging.Load() {
			<-free
		}
		return faulttable.Fault{}
	}))
	l := open(t, tablelog.Config{Tables: s, Partitions: 1})
	t.Cleanup(func() {
		if err := errors.Join(l.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	})
	if _, err := l.Partitions(t.Context(), "t"); err != nil {
		t.Fatal(err)
	}
	hanging.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	var waiting, unknown atomic.Int64
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			switch err := l.Append(ctx, "t", "k", event("s", i+1, 200<<10)); {
			case errors.Is(err, eventlog.ErrUnknown):
				unknown.Add(1)
			case errors.Is(err, context.DeadlineExceeded): // not even queued
				waiting.Add(1)
			default:
				t.Errorf("an append while the storage hangs: %v", err)
			}
		})
	}
	wg.Wait()
	if n := unknown.Load(); n > 20 || n == 0 {
		t.Errorf("%d appends of 200 KiB were queued, %d waited for room; the bound is 4 MiB", n, waiting.Load())
	}
	close(free)
}

// TestCloseRefusesWhatWaits closes a log whose storage hangs.
func TestCloseRefusesWhatWaits(t *testing.T) {
	l := open(t, tablelog.Config{Tables: pebbletest.Open(t), Partitions: 1})
	if err := l.Append(t.Context(), "t", "k", event("s", 1, 1)); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for w := range 20 {
		wg.Go(func() {
			for i := 0; ; i++ {
				if err := l.Append(t.Context(), "t", "k", event(fmt.Sprint(w), i+1, 200<<10)); err != nil {
					if fault.CodeOf(err) != "storage_closed" {
						t.Errorf("an append while the log closes: %v", err)
					}
					return
				}
			}
		})
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
}

func BenchmarkAppend(b *testing.B) {
	l := open(b, tablelog.Config{Tables: pebbletest.Open(b)})
	b.SetParallelism(64)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		source := fmt.Sprint("s", rand.Int())
		for i := 1; pb.Next(); i++ {
			if err := l.Append(b.Context(), "t", fmt.Sprint(rand.Int()), event(source, i, 200)); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
