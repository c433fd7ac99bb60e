package tabletest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/barrage-live/barrage/storage/table"
)

// Bench measures a driver: durable writes with growing concurrency, and reads.
func Bench(b *testing.B, open func(b *testing.B) Harness) {
	for _, writers := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("write/writers=%d", writers), func(b *testing.B) {
			s := benchStore(b, open)
			benchWrite(b, s, writers)
		})
	}
	b.Run("read", func(b *testing.B) { benchRead(b, benchStore(b, open)) })
}

func benchStore(b *testing.B, open func(b *testing.B) Harness) *table.Store {
	b.Helper()
	h := open(b)
	d, err := h.Open()
	if err != nil {
		b.Fatal(err)
	}
	s := table.New(d)
	for w := range 256 {
		if err := s.Fence(b.Context(), owned(), fmt.Sprint("room", w), at(1, 1)); err != nil {
			b.Fatal(err)
		}
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
		if err := h.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

// post is a row as a room writes it.
func post(partition string, n int) table.Batch {
	return table.Batch{Table: owned(), Partition: partition, Fence: at(1, 1), Ops: []table.Op{table.Put(fmt.Appendf(nil, "%016x", n), make([]byte, 160))}}
}

// benchWrite lets each writer wait for its own batch of one row.
func benchWrite(b *testing.B, s *table.Store, writers int) {
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for w := range writers {
		wg.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if _, err := s.Write(context.Background(), post(fmt.Sprint("room", w), int(n))); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "batches/s")
}

func benchRead(b *testing.B, s *table.Store) {
	const rows = 10_000
	for n := 0; n < rows; n += 100 {
		batch := post("room0", n)
		for i := 1; i < 100; i++ {
			batch.Ops = append(batch.Ops, post("room0", n+i).Ops...)
		}
		if _, err := s.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("get", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := s.Get(b.Context(), owned(), "room0", fmt.Appendf(nil, "%016x", i%rows)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("last100", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if got, _, err := s.Scan(b.Context(), table.Range{Table: owned(), Partition: "room0", Reverse: true, Limit: 100}); err != nil || len(got) != 100 {
				b.Fatal(len(got), err)
			}
		}
	})
}
