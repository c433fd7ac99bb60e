package api_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/barrage-live/barrage/actors/worldtest"
	"github.com/barrage-live/barrage/gateway/api"
	"github.com/barrage-live/barrage/internal/auth"
)

// TestANetworkThatGuessesKeepsNobodyOut has 70 clients, of ever new /64s in one /48, ask for far more hashes
// than there can be, with the rates out of the way: owners log in where they have been and where they have
// not, newcomers register, and passwords are changed.
func TestANetworkThatGuessesKeepsNobodyOut(t *testing.T) {
	slow := auth.HasherConfig{MemoryKiB: 4096, Passes: 2, Slots: 1} // milliseconds, so that there is a line
	w := newWorldOn(t, worldtest.Config{Hasher: slow}, func(d *api.Deps) {
		d.Config.Logins, d.Config.Registrations = 1e6, 1e6
		d.Config.Timeout = 5 * time.Minute // how long a turn in the line takes is up to the machine; who gets one is not
	})
	ann := w.join("ann")
	var stop atomic.Bool
	var refused atomic.Int64
	var guessers sync.WaitGroup
	defer guessers.Wait()
	defer stop.Store(true)
	for range 70 {
		guessers.Go(func() {
			pause := time.NewTicker(20 * time.Millisecond) // the machine has other things to do
			defer pause.Stop()
			for ; !stop.Load(); <-pause.C {
				c := loginAs("nobody", "wrong horse")
				c.from = fmt.Sprintf("[2001:db8:0:%x::1]:99", rand.IntN(1<<16))
				if a := w.do(c); a.text("code") == "hash_pool_full" && a.header.Get("Retry-After") == "1" {
					refused.Add(1)
				}
			}
		})
	}
	eventually(t, "the line is full of guesses", func() bool { return refused.Load() > 100 })
	for i := range 3 {
		elsewhere := loginAs("ann", password)
		elsewhere.from = fmt.Sprintf("203.0.113.%d:99", i+1)
		newcomer := call{method: "POST", path: "/v1/auth/register", body: map[string]any{"handle": fmt.Sprintf("new%d", i), "password": password}}
		newcomer.from = fmt.Sprintf("192.0.2.%d:99", i+1)
		change := call{method: "POST", path: "/v1/me/password", token: ann.token, body: map[string]any{"current": password, "new": password}}
		for name, c := range map[string]struct {
			call   call
			status int
		}{
			"at home": {loginAs("ann", password), http.StatusOK}, "elsewhere": {elsewhere, http.StatusOK},
			"a newcomer": {newcomer, http.StatusCreated}, "another password": {change, http.StatusOK},
		} {
			if a := w.do(c.call); a.status != c.status {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
	}
}

// TestNetworksCountTogether: who walks through a network has four times as many tries as one address, in an
// IPv6 /48 sixteen times, and neighbours beyond it are not touched.
func TestNetworksCountTogether(t *testing.T) {
	for _, c := range []struct {
		name    string
		from    func(i int) string
		most    int
		outside string
	}{
		{"an IPv4 /24", func(i int) string { return fmt.Sprintf("192.0.2.%d:99", i%250+1) }, 4, "192.0.3.1:99"},
		{"an IPv6 /56", func(i int) string { return fmt.Sprintf("[2001:db8:0:%x::1]:99", i%256) }, 4, "[2001:db8:0:100::1]:99"},
		{"an IPv6 /48", func(i int) string { return fmt.Sprintf("[2001:db8:0:%x::1]:99", (i<<8)%65536+i>>8) }, 16, "[2001:db8:1::1]:99"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, func(c *api.Config) { c.Logins, c.Registrations = 2, 10 })
			guess := func(i int, from string) answer {
				l := loginAs(fmt.Sprintf("nobody%d", i), "wrong horse")
				l.from = from
				return w.do(l)
			}
			register := func(i int, from string) answer {
				r := call{method: "POST", path: "/v1/auth/register", body: map[string]any{"handle": fmt.Sprintf("new%d", i), "password": password}, from: from}
				return w.do(r)
			}
			home := c.from(30)
			r := call{method: "POST", path: "/v1/auth/register", body: map[string]any{"handle": "ann", "password": password}, from: home}
			ann := w.do(r)
			const each = 10                  // of one address: five times Logins, and Registrations
			for i := range c.most*each - 1 { // the first was ann's
				if a := guess(i, c.from(i)); a.status != http.StatusUnauthorized {
					t.Fatalf("guess %d: %d %s", i, a.status, a.body)
				}
				if a := register(i, c.from(i)); a.status != http.StatusCreated {
					t.Fatalf("registration %d: %d %s", i, a.status, a.body)
				}
			}
			guess(999, c.from(250)).want(t, http.StatusUnauthorized, "bad_credentials")
			guess(1000, c.from(250)).want(t, http.StatusTooManyRequests, "rate_limited")
			register(1000, c.from(250)).want(t, http.StatusTooManyRequests, "rate_limited")
			owner := loginAs("ann", password)
			owner.from = home
			if a := w.do(owner); a.status != http.StatusOK {
				t.Errorf("who has been there before: %d %s", a.status, a.body)
			}
			change := call{method: "POST", path: "/v1/me/password", token: ann.text("access_token"), from: c.from(250)}
			change.body = map[string]any{"current": password, "new": "battery staple"}
			if a := w.do(change); a.status != http.StatusOK {
				t.Errorf("who has a token: %d %s", a.status, a.body)
			}
			guess(1000, c.outside).want(t, http.StatusUnauthorized, "bad_credentials")
			if a := register(1000, c.outside); a.status != http.StatusCreated {
				t.Errorf("a neighbour: %d %s", a.status, a.body)
			}
		})
	}
}
