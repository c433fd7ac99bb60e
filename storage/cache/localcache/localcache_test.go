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

// TestBounds uses more keys than there may be and checks that the newest are kept and the others counted.
func TestBounds(t *testing.T) {
	reg := prometheus.NewRegistry()
	c := cache.New(localcache.New(localcache.Config{Rates: 1000, Metrics: localcache.NewMetrics(reg)}))
	rate := cache.Rate{Limit: 1, Window: time.Hour}
	const n = 20_000
	for i := range n {
		if ok, _, err := c.Allow(t.Context(), fmt.Sprint(i), rate); !ok || err != nil {
			t.Fatalf("key %d: %v, %v", i, ok, err)
		}
	}
	kept, newest := 0, 0
	for i := n - 1; i >= 0; i-- { // backwards, because each that is gone pushes out another
		if ok, _, _ := c.Allow(t.Context(), fmt.Sprint(i), rate); !ok {
			kept++
			if i >= n-100 {
				newest++
			}
		}
	}
	if newest != 100 || kept > 1000 {
		t.Errorf("of the newest 100 windows %d are kept, of all %d; the bound is 1000", newest, kept)
	}
	if got := evicted(t, reg); got < n-1000 {
		t.Errorf("%v evictions are counted, there were %d", got, n-1000)
	}
}

// TestExpiredWindowsAreDropped lets windows end and uses other keys.
func TestExpiredWindowsAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		c := cache.New(localcache.New(localcache.Config{Rates: 3200, Metrics: localcache.NewMetrics(reg)}))
		for round := range 10 {
			for i := range 2000 {
				if _, _, err := c.Allow(t.Context(), fmt.Sprint(round, i), cache.Rate{Limit: 1, Window: time.Second}); err != nil {
					t.Fatal(err)
				}
			}
			<-time.After(2 * time.Second)
		}
		if n := evicted(t, reg); n != 0 {
			t.Errorf("%v windows were pushed out by windows that had ended", n)
		}
	})
}

// evicted reads the only figure.
func evicted(t *testing.T, reg *prometheus.Registry) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil || len(families) != 1 {
		t.Fatal(families, err)
	}
	return families[0].GetMetric()[0].GetCounter().GetValue()
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
