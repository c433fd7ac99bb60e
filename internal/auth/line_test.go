package auth

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
)

func from(ctx context.Context, addr string, familiar bool) context.Context {
	return WithSource(ctx, Source{Addr: netip.MustParseAddr(addr), Familiar: familiar})
}

func TestHasherLineIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := cheap(t, HasherConfig{Slots: 1, Waiting: 2})
		first, err := h.line.enter(from(t.Context(), "192.0.2.1", false))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		for i := range 2 {
			wg.Go(func() {
				ctx := from(ctx, fmt.Sprintf("198.51.%d.1", i), false)
				if _, err := h.Hash(ctx, "waits for a slot"); fault.KindOf(err) != fault.Timeout {
					t.Errorf("in the line: %v", err)
				}
			})
		}
		synctest.Wait()
		_, err = h.Hash(from(ctx, "203.0.113.1", false), "one too many")
		if fault.CodeOf(err) != "hash_pool_full" || fault.From(err).RetryAfter == 0 {
			t.Errorf("after the line: %v", err)
		}
		wg.Wait()
		h.line.leave(first)
		if _, err := h.Hash(t.Context(), "free again"); err != nil {
			t.Error(err)
		}
		if n := h.line.open.Open() + h.line.kept.Open(); n != 0 {
			t.Errorf("%d places are held by nobody", n)
		}
	})
}

// TestNobodyTakesTheWholeLine lets callers ask for as much as they are given, while the only slot is taken.
func TestNobodyTakesTheWholeLine(t *testing.T) {
	for _, c := range []struct {
		name string
		addr func(i int) string
		most int // places of the 65 that they may hold, all together
	}{
		{"one address", func(int) string { return "192.0.2.1" }, 12},
		{"an IPv4 /24", func(i int) string { return fmt.Sprintf("192.0.2.%d", i%256) }, 12},
		{"an IPv6 /56", func(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", i%256) }, 12},
		{"an IPv6 /48", func(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", i) }, 12},
		{"without an address", func(int) string { return "" }, 12},
		{"everybody", func(i int) string { return fmt.Sprintf("%d.%d.2.1", 20+i/250, i%250) }, 49},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLine(1, 64)
			l.slots = make(chan struct{}, 65) // who has a place need not wait
			held := 0
			for i := range 1000 {
				ctx := t.Context()
				if addr := c.addr(i); addr != "" {
					ctx = from(ctx, addr, false)
				}
				_, err := l.enter(ctx)
				if err == nil {
					held++
				} else if fault.CodeOf(err) != "hash_pool_full" || fault.From(err).RetryAfter == 0 {
					t.Fatalf("refused %v", err)
				}
			}
			if held == 0 || held > c.most {
				t.Errorf("%d places are held, want at most %d", held, c.most)
			}
			if c.most < 49 {
				if _, err := l.enter(from(t.Context(), "203.0.113.1", false)); err != nil {
					t.Errorf("a stranger finds no place: %v", err)
				}
			}
			if _, err := l.enter(from(t.Context(), "203.0.114.1", true)); err != nil {
				t.Errorf("who has been here before finds no place: %v", err)
			}
		})
	}
}
