package room

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/actors/actortest"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/pebbletable"
)

// BenchmarkAcknowledgement is how long authors wait in a room of 5,000 posts/s: without a broadcast, and with
// one, whose danmaku are indexed by media time besides. Authors are to notice nothing of that.
func BenchmarkAcknowledgement(b *testing.B) {
	for _, broadcast := range []id.Broadcast{"", "b"} {
		b.Run(fmt.Sprintf("indexed=%v", broadcast != ""), func(b *testing.B) { benchAcknowledgement(b, broadcast) })
	}
}

func benchAcknowledgement(b *testing.B, broadcast id.Broadcast) {
	const authors, each = 100, 20 * time.Millisecond // 5,000 a second
	d, err := pebbletable.Open(pebbletable.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	store := table.New(d)
	defer func() { _ = store.Close() }()
	n, end := actortest.Run(b, store, Kind(Deps{
		Store: store, Fanout: nowhere{}, Metrics: NewMetrics(prometheus.NewRegistry()), Config: Config{PostRate: 1 << 29, PostBurst: 1 << 29},
	}))
	defer end()
	c, ctx := NewClient(n), context.Background()
	if err := c.Create(ctx, "1", "8", "1"); err != nil {
		b.Fatal(err)
	}
	if broadcast != "" {
		if _, err := c.SetLive(ctx, "1", position.Fence{Epoch: 1, Activation: 1}, broadcast, time.Now()); err != nil {
			b.Fatal(err)
		}
	}
	var mu sync.Mutex
	var waits []time.Duration
	var wg sync.WaitGroup
	begin := time.Now()
	b.ResetTimer()
	for a := range authors {
		wg.Go(func() {
			me := Author{id.User(fmt.Sprint(a)), "Nick", nil}
			beat := time.NewTicker(each)
			defer beat.Stop()
			for i := a; i < b.N; i += authors {
				<-beat.C
				at := time.Now()
				if _, _, err := c.Post(ctx, "1", me, Draft{Key: fmt.Sprint(i), Text: "hello, world", MediaTime: at.Sub(begin)}); err != nil {
					b.Error(err)
					return
				}
				mu.Lock()
				waits = append(waits, time.Since(at))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.Sort(waits)
	for _, p := range []int{50, 99} {
		b.ReportMetric(float64(waits[len(waits)*p/100].Microseconds())/1000, fmt.Sprintf("p%d-ms", p))
	}
}
