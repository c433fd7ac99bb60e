// Package cachetest holds the promises of the cache port and the suite that proves them for a driver.
//
// Every driver calls Run with a function that makes an empty one; the package owns nothing else and fails the test it is
// given. Time runs as the Harness says: in a synctest bubble for engines in this process, for real for others.
//
//	C01  A value is read back until its time is over or it is deleted; never after. Set replaces value and time.
//	C02  A value is copied: what the caller does to its bytes afterwards changes nothing.
//	C03  A counter begins at zero, sums every Add of concurrent callers, and ends one TTL after its first Add.
//	C04  A value, a counter and a rate of one key do not know of each other; Delete forgets all three.
//	C05  Never more events pass than the limit in any window, and after a silent window the whole limit is there again.
//	C06  A refused event is not counted, and retryAfter tells when the next would pass: not long after one window at most.
//	C07  Keys, values, durations and rates over the limits are refused with fault.Invalid.
//	C08  A context that ended stops a call.
package cachetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/cache"
	"github.com/barrage-live/barrage/storage/cache/driver"
)

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
	for _, p := range []struct {
		number int
		name   string
		prove  func(r *rig)
	}{
		{1, "values", values},
		{2, "copies", copies},
		{3, "counters", counters},
		{4, "kinds", kinds},
		{5, "rates", rates},
		{6, "retry after", retryAfter},
		{7, "limits", limits},
		{8, "cancelled contexts", cancelled},
	} {
		t.Run(fmt.Sprintf("C%02d %s", p.number, p.name), func(t *testing.T) {
			h.Bubble(t, func(t *testing.T) {
				d, err := h.Open()
				if err != nil {
					t.Fatal(err)
				}
				r := &rig{t, h, cache.New(d)}
				p.prove(r)
				if err := r.c.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
		})
	}
}

// holds checks what is under a key; nil is nothing.
func (r *rig) holds(key string, want []byte) {
	r.Helper()
	got, ok, err := r.c.Get(r.Context(), key)
	if err != nil || ok != (want != nil) || !bytes.Equal(got, want) {
		r.Errorf("%q holds %q, %v, %v; want %q", key, got, ok, err, want)
	}
}

func (r *rig) set(key, value string, ttl time.Duration) {
	r.Helper()
	if err := r.c.Set(r.Context(), key, []byte(value), ttl); err != nil {
		r.Fatalf("set %q: %v", key, err)
	}
}

// add adds and checks the sum.
func (r *rig) add(key string, delta, want int64, ttl time.Duration) {
	r.Helper()
	if sum, err := r.c.Add(r.Context(), key, delta, ttl); err != nil || sum != want {
		r.Errorf("%q + %d = %d, %v; want %d", key, delta, sum, err, want)
	}
}

func values(r *rig) {
	r.holds("k", nil)
	r.set("k", "v", time.Minute)
	r.set("empty", "", time.Minute)
	r.holds("k", []byte("v"))
	if got, ok, err := r.c.Get(r.Context(), "empty"); err != nil || !ok || len(got) != 0 {
		r.Errorf("an empty value: %q, %v, %v", got, ok, err)
	}
	r.Wait(59 * time.Second)
	r.holds("k", []byte("v"))
	r.set("k", "w", time.Minute)
	r.Wait(59 * time.Second)
	r.holds("k", []byte("w"))
	r.Wait(2 * time.Second)
	r.holds("k", nil)
	r.set("k", "x", time.Minute)
	for range 2 {
		if err := r.c.Delete(r.Context(), "k"); err != nil {
			r.Error(err)
		}
		r.holds("k", nil)
	}
}

func copies(r *rig) {
	value := []byte("before")
	if err := r.c.Set(r.Context(), "k", value, time.Minute); err != nil {
		r.Fatal(err)
	}
	copy(value, "after!")
	r.holds("k", []byte("before"))
}

func counters(r *rig) {
	r.add("n", 2, 2, time.Minute)
	r.add("n", -5, -3, time.Hour) // does not prolong
	r.Wait(59 * time.Second)
	r.add("n", 0, -3, time.Minute)
	r.Wait(2 * time.Second)
	r.add("n", 1, 1, time.Minute)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			for range 100 {
				if _, err := r.c.Add(r.Context(), "m", 3, time.Hour); err != nil {
					r.Error(err)
				}
			}
		})
	}
	wg.Wait()
	r.add("m", 0, 3000, time.Hour)
}

func kinds(r *rig) {
	one := cache.Rate{Limit: 1, Window: time.Hour}
	allow := func(want bool) {
		r.Helper()
		if ok, _, err := r.c.Allow(r.Context(), "k", one); err != nil || ok != want {
			r.Errorf("allow: %v, %v; want %v", ok, err, want)
		}
	}
	r.set("k", "v", time.Hour)
	r.add("k", 1, 1, time.Hour)
	allow(true)
	allow(false)
	r.holds("k", []byte("v"))
	r.add("k", 1, 2, time.Hour)
	if err := r.c.Delete(r.Context(), "k"); err != nil {
		r.Error(err)
	}
	r.holds("k", nil)
	r.add("k", 1, 1, time.Hour)
	allow(true)
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
		if err := r.c.Limit(r.Context(), "k", rate); err != nil {
			r.Fatal(err)
		}
		r.Wait(time.Second)
	}
	err := r.c.Limit(r.Context(), "k", rate)
	if !errors.Is(err, cache.ErrLimited) {
		r.Fatalf("the fourth event: %v", err)
	}
	pause := fault.From(err).RetryAfter
	if pause <= 0 || pause > rate.Window*9/8 {
		r.Errorf("retry after %v of a window of %v", pause, rate.Window)
	}
	for range 100 {
		if ok, _, err := r.c.Allow(r.Context(), "k", rate); ok || err != nil {
			r.Fatalf("a refused event passed: %v", err)
		}
	}
	r.Wait(pause)
	if err := r.c.Limit(r.Context(), "k", rate); err != nil {
		r.Errorf("after the pause: %v", err)
	}
}

func limits(r *rig) {
	ctx := r.Context()
	long := strings.Repeat("k", cache.MaxKey+1)
	_, _, getErr := r.c.Get(ctx, long)
	_, addErr := r.c.Add(ctx, "", 1, time.Second)
	_, addTTL := r.c.Add(ctx, "k", 1, 0)
	_, _, noLimit := r.c.Allow(ctx, "k", cache.Rate{Window: time.Second})
	_, _, noWindow := r.c.Allow(ctx, "k", cache.Rate{Limit: 1})
	for what, err := range map[string]error{
		"long key": getErr, "no key": addErr, "counter without end": addTTL, "rate of nothing": noLimit, "rate of no time": noWindow,
		"delete":        r.c.Delete(ctx, ""),
		"no ttl":        r.c.Set(ctx, "k", nil, 0),
		"negative ttl":  r.c.Set(ctx, "k", nil, -1),
		"endless ttl":   r.c.Set(ctx, "k", nil, cache.MaxTTL+1),
		"big value":     r.c.Set(ctx, "k", make([]byte, cache.MaxValue+1), time.Second),
		"limit of none": r.c.Limit(ctx, "k", cache.Rate{Limit: -1, Window: time.Second}),
	} {
		if err == nil || fault.KindOf(err) != fault.Invalid {
			r.Errorf("%s: %v, want fault.Invalid", what, err)
		}
	}
	if err := r.c.Set(ctx, long[1:], make([]byte, cache.MaxValue), cache.MaxTTL); err != nil {
		r.Errorf("the largest value: %v", err)
	}
	r.holds(long[1:], make([]byte, cache.MaxValue))
}

func cancelled(r *rig) {
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	_, _, getErr := r.c.Get(ctx, "k")
	_, addErr := r.c.Add(ctx, "k", 1, time.Second)
	for what, err := range map[string]error{
		"get": getErr, "add": addErr,
		"set":    r.c.Set(ctx, "k", nil, time.Second),
		"delete": r.c.Delete(ctx, "k"),
		"limit":  r.c.Limit(ctx, "k", cache.Rate{Limit: 1, Window: time.Second}),
	} {
		if !errors.Is(err, context.Canceled) {
			r.Errorf("%s: %v", what, err)
		}
	}
	r.add("k", 1, 1, time.Second)
}
