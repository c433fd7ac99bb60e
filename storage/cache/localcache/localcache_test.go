package localcache_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/storage/cache"
	"github.com/barrage-live/barrage/storage/cache/cachetest"
	"github.com/barrage-live/barrage/storage/cache/driver"
	"github.com/barrage-live/barrage/storage/cache/localcache"
)

// bubble is a harness with fake time.
type bubble struct{}

// Bubble implements cachetest.Harness.
func (bubble) Bubble(t *testing.T, proof func(t *testing.T)) { synctest.Test(t, proof) }

// Open implements cachetest.Harness.
func (bubble) Open() (driver.Driver, error) { return localcache.New(localcache.Config{}), nil }

// Wait implements cachetest.Harness.
func (bubble) Wait(d time.Duration) { <-time.After(d) }

func TestConformance(t *testing.T) { cachetest.Run(t, bubble{}) }

// TestBounds floods each space and checks that it stays within its bound, keeps the newest and leaves the others alone.
func TestBounds(t *testing.T) {
	reg := prometheus.NewRegistry()
	c := cache.New(localcache.New(localcache.Config{ValueBytes: 1 << 20, Counters: 1000, Rates: 1000, Metrics: localcache.NewMetrics(reg)}))
	ctx := t.Context()
	rate := cache.Rate{Limit: 1, Window: time.Hour}
	const n = 20_000
	for i := range n {
		key := fmt.Sprint(i)
		if err := c.Set(ctx, key, make([]byte, 100), time.Hour); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Add(ctx, key, 1, time.Hour); err != nil {
			t.Fatal(err)
		}
		if err := c.Limit(ctx, key, rate); err != nil {
			t.Fatal(err)
		}
	}
	kept, counted, limited := 0, 0, 0
	for i := range n {
		key := fmt.Sprint(i)
		if _, ok, _ := c.Get(ctx, key); ok {
			kept++
		}
		if ok, _, _ := c.Allow(ctx, key, rate); !ok {
			limited++
		}
		if i >= n-100 {
			if sum, _ := c.Add(ctx, key, 1, time.Hour); sum == 2 {
				counted++
			}
		}
	}
	if kept < 1000 || kept > 1<<20/228 {
		t.Errorf("%d values of 228 bytes fit into 1 MiB", kept)
	}
	if counted != 100 || limited > 1000 {
		t.Errorf("of the newest 100 counters %d are kept; %d rates are kept, the bound is 1000", counted, limited)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "barrage_localcache_evicted_total" && m.GetCounter().GetValue() < 1000 {
				t.Errorf("evictions are not counted: %v", m)
			}
		}
	}
}

func BenchmarkAllow(b *testing.B) {
	c := cache.New(localcache.New(localcache.Config{}))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		rate := cache.Rate{Limit: 10, Window: time.Second}
		keys := make([]string, 1024)
		for i := range keys {
			keys[i] = fmt.Sprint("user", i)
		}
		for i := 0; pb.Next(); i++ {
			if _, _, err := c.Allow(b.Context(), keys[i%1024], rate); err != nil {
				b.Fatal(err)
			}
		}
	})
}
