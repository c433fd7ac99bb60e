package quota

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// TestCallersHaveARateAndTheirNetworksFourTimesThat takes until it is refused, from one address and from a
// network; who is exempt is not counted, and a charge is a debt.
func TestCallersHaveARateAndTheirNetworksFourTimesThat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewCallers(Rate{PerSecond: 1, Burst: 10}, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
		taken := func(last ...byte) (n int) {
			for i := range 100 {
				if c.Take(netip.AddrFrom4([4]byte{192, 0, 2, last[i%len(last)]}), 1) {
					n++
				}
			}
			return n
		}
		if n := taken(1); n != 10 {
			t.Errorf("an address takes %d of a burst of 10", n)
		}
		if n := taken(2, 3, 4, 5, 6); n != 30 {
			t.Errorf("its neighbours take %d of the 30 that are left of the network", n)
		}
		for range 100 {
			if !c.Take(netip.MustParseAddr("10.1.2.3"), 1) {
				t.Fatal("an exempt address is counted")
			}
		}
		time.Sleep(time.Minute)
		addr := netip.MustParseAddr("192.0.2.1")
		c.Charge(addr, 12)
		time.Sleep(2 * time.Second)
		if c.Take(addr, 1) {
			t.Error("an address takes what it owes")
		}
		time.Sleep(time.Second)
		if !c.Take(addr, 1) {
			t.Error("a debt is not paid off")
		}
	})
}

// TestEachKeyHasItsOwnRate, and what is given back may be taken again, but no more than that.
func TestEachKeyHasItsOwnRate(t *testing.T) {
	e := NewEach[string](Rate{PerSecond: 1e-9, Burst: 2})
	for i, want := range []bool{true, true, false} {
		if e.Take("a", 1) != want {
			t.Errorf("take %d is not %v", i, want)
		}
	}
	if !e.Take("b", 2) {
		t.Error("a neighbour is refused")
	}
	e.Charge("b", -5)
	if !e.Take("b", 2) || e.Take("b", 1) {
		t.Error("what was given back is not what may be taken")
	}
}
