package cachetest

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/promisetest"
	"github.com/barrage-live/barrage/storage/cache"
	"github.com/barrage-live/barrage/storage/cache/driver"
)

//go:embed doc.go
var list string

// Harness makes drivers.
type Harness interface {
	// Bubble runs a proof; inside it time passes as Wait makes it.
	Bubble(t *testing.T, proof func(t *testing.T))
	// Open gives an empty driver.
	Open() (driver.Driver, error)
	// Wait lets time pass for the driver.
	Wait(d time.Duration)
}

type rig struct {
	*testing.T
	Harness
	c *cache.Cache
}

// Run proves all promises.
func Run(t *testing.T, h Harness) {
	promisetest.Run(t, promisetest.Suite[*rig]{
		Letter: "C", List: list, Bubble: h.Bubble,
		Open: func(t *testing.T) *rig {
			t.Helper()
			d, err := h.Open()
			if err != nil {
				t.Fatal(err)
			}
			return &rig{t, h, cache.New(d)}
		},
		Close: func(r *rig) {
			if err := r.c.Close(); err != nil {
				r.Errorf("close: %v", err)
			}
		},
		Promises: []promisetest.Promise[*rig]{
			{Number: 1, Name: "rates", Prove: rates},
			{Number: 2, Name: "retry after", Prove: retryAfter},
			{Number: 3, Name: "concurrent events", Prove: concurrent},
			{Number: 4, Name: "keys", Prove: keys},
			{Number: 5, Name: "limits", Prove: limits},
			{Number: 6, Name: "cancelled contexts", Prove: cancelled},
		},
	})
}

// allow counts an event and checks whether it passes.
func (r *rig) allow(key string, rate cache.Rate, want bool) (retryAfter time.Duration) {
	r.Helper()
	ok, retryAfter, err := r.c.Allow(r.Context(), key, rate)
	if err != nil || ok != want {
		r.Fatalf("an event of %q: %v, %v; want %v", key, ok, err, want)
	}
	return retryAfter
}

// rates sends events at random and checks every window of those that passed.
func rates(r *rig) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 3))
		rate := cache.Rate{Limit: 1 + rng.Int64N(20), Window: time.Second}
		key := fmt.Sprint("k", seed)
		var passed []time.Duration
		at := time.Duration(0)
		for range 400 {
			ok, _, err := r.c.Allow(r.Context(), key, rate)
			if err != nil {
				r.Fatal(err)
			}
			if ok {
				passed = append(passed, at)
			}
			pause := time.Duration(rng.Int64N(int64(rate.Window) / rate.Limit))
			r.Wait(pause)
			at += pause
		}
		for i := range passed {
			if j := i + int(rate.Limit); j < len(passed) && passed[j]-passed[i] < rate.Window {
				r.Errorf("limit %d: %d events passed within %v", rate.Limit, rate.Limit+1, passed[j]-passed[i])
			}
		}
		if least := int(float64(rate.Limit) * at.Seconds() * 0.5); len(passed) < least {
			r.Errorf("limit %d: only %d events passed in %v, want %d", rate.Limit, len(passed), at, least)
		}
	}
}

// concurrent sends bursts; after a silent window the whole limit is there again.
func concurrent(r *rig) {
	burst := cache.Rate{Limit: 50, Window: time.Minute}
	for round := range 3 {
		var wg sync.WaitGroup
		var passed atomic.Int64
		for range 100 {
			wg.Go(func() {
				if ok, _, err := r.c.Allow(r.Context(), "burst", burst); err != nil {
					r.Error(err)
				} else if ok {
					passed.Add(1)
				}
			})
		}
		wg.Wait()
		if passed.Load() != burst.Limit {
			r.Errorf("round %d: %d of a burst passed, want %d", round, passed.Load(), burst.Limit)
		}
		r.Wait(burst.Window * 9 / 8)
	}
}

func retryAfter(r *rig) {
	rate := cache.Rate{Limit: 3, Window: 8 * time.Second}
	for range 3 {
		r.allow("k", rate, true)
		r.Wait(time.Second)
	}
	pause := r.allow("k", rate, false)
	if pause <= 0 || pause > rate.Window*9/8 {
		r.Errorf("retry after %v of a window of %v", pause, rate.Window)
	}
	for range 100 {
		r.allow("k", rate, false)
	}
	r.Wait(pause)
	r.allow("k", rate, true)
}

func keys(r *rig) {
	one, two := cache.Rate{Limit: 1, Window: time.Hour}, cache.Rate{Limit: 2, Window: time.Minute}
	for _, key := range []string{"k", "k ", "K", "kk", "\x00", "\x00\x00", strings.Repeat("k", cache.MaxKey)} {
		r.allow(key, one, true)
		r.allow(key, one, false)
	}
	r.allow("k", two, true)
	r.allow("k", two, false)
	r.allow("k", one, false)
}

func limits(r *rig) {
	ok := cache.Rate{Limit: 1, Window: time.Second}
	for what, c := range map[string]struct {
		key  string
		rate cache.Rate
	}{
		"no key":          {"", ok},
		"long key":        {strings.Repeat("k", cache.MaxKey+1), ok},
		"rate of nothing": {"k", cache.Rate{Window: time.Second}},
		"less":            {"k", cache.Rate{Limit: -1, Window: time.Second}},
		"too much":        {"k", cache.Rate{Limit: cache.MaxLimit + 1, Window: time.Second}},
		"no time":         {"k", cache.Rate{Limit: 1}},
		"too long":        {"k", cache.Rate{Limit: 1, Window: cache.MaxWindow + 1}},
	} {
		if _, _, err := r.c.Allow(r.Context(), c.key, c.rate); err == nil || fault.KindOf(err) != fault.Invalid {
			r.Errorf("%s: %v, want fault.Invalid", what, err)
		}
	}
	r.allow("k", cache.Rate{Limit: cache.MaxLimit, Window: cache.MaxWindow}, true)
}

func cancelled(r *rig) {
	rate := cache.Rate{Limit: 1, Window: time.Second}
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	if _, _, err := r.c.Allow(ctx, "k", rate); !errors.Is(err, context.Canceled) {
		r.Error(err)
	}
	r.allow("k", rate, true)
}
