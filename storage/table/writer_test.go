package table_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/driver"
	"github.com/barrage-live/barrage/storage/table/tabletest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func put(p, k string) table.Batch {
	return table.Batch{Table: "t", Partition: p, Ops: []table.Op{table.PutIfAbsent([]byte(k), []byte(k))}}
}

func TestWriterAnswersInOrder(t *testing.T) {
	s := tabletest.OpenMem(t)
	w := table.NewWriter(s, table.WriterConfig{Group: 7})
	const partitions, each = 20, 50
	var wg sync.WaitGroup
	got := make([][]int, partitions) // each appended to by the writer's goroutine only
	for p := range partitions {
		wg.Go(func() {
			for i := range each {
				err := w.Append(t.Context(), put(fmt.Sprint(p), fmt.Sprintf("%03d", i)), func(err error) {
					if err != nil {
						t.Errorf("partition %d write %d: %v", p, i, err)
					}
					got[p] = append(got[p], i)
				})
				if err != nil {
					t.Errorf("append: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for p := range partitions {
		rows, err := s.Scan(t.Context(), table.Range{Table: "t", Partition: fmt.Sprint(p)})
		if err != nil || len(rows) != each || len(got[p]) != each {
			t.Fatalf("partition %d: %d rows, %d answers, %v; want %d", p, len(rows), len(got[p]), err, each)
		}
		for i, n := range got[p] {
			if n != i {
				t.Fatalf("partition %d: answers came as %v", p, got[p])
			}
		}
	}
	if err := w.Append(t.Context(), put("p", "k"), nil); !errors.Is(err, table.ErrWriterClosed) {
		t.Errorf("append after close: %v", err)
	}
}

// gate is a driver whose Apply waits until it is opened.
type gate struct {
	driver.Driver
	entered chan int
	open    chan struct{}
}

func (g *gate) Apply(ctx context.Context, batches []driver.Batch) []error {
	g.entered <- len(batches)
	<-g.open
	return g.Driver.Apply(ctx, batches)
}

func TestWriterRefusesWhenFullAndGroupsWhatWaits(t *testing.T) {
	d, err := tabletest.NewMem().Open(tabletest.NewClock().Now)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{Driver: d, entered: make(chan int, 10), open: make(chan struct{})}
	s := table.New(g)
	w := table.NewWriter(s, table.WriterConfig{Queue: 4})
	answers := make(chan error, 10)
	add := func(ctx context.Context, k string) error {
		return w.Append(ctx, put("p", k), func(err error) { answers <- err })
	}
	if err := add(t.Context(), "first"); err != nil {
		t.Fatal(err)
	}
	if n := <-g.entered; n != 1 {
		t.Errorf("the first group has %d batches", n)
	}
	dropped, cancel := context.WithCancel(t.Context())
	for i, ctx := range []context.Context{t.Context(), dropped, t.Context(), t.Context()} {
		if err := add(ctx, fmt.Sprint(i%3)); err != nil { // the fourth repeats the first's key
			t.Fatal(err)
		}
	}
	if err := add(t.Context(), "one too many"); !errors.Is(err, table.ErrWriterFull) {
		t.Errorf("the full queue answers %v", err)
	}
	cancel()
	short, stop := context.WithCancel(t.Context())
	stop()
	if err := w.Close(short); !errors.Is(err, context.Canceled) {
		t.Errorf("close with an ended context: %v", err)
	}
	close(g.open)
	if n := <-g.entered; n != 3 {
		t.Errorf("the second group has %d batches, want the three whose callers still wait", n)
	}
	for i, want := range []error{nil, nil, context.Canceled, nil, table.ErrConflict} {
		if err := <-answers; !errors.Is(err, want) || (want == nil) != (err == nil) {
			t.Errorf("answer %d: %v, want %v", i, err, want)
		}
	}
	if err := w.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
