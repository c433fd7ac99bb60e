package quota

import (
	"net/netip"
	"testing"
)

// TestNeighboursUseUpNothingOfAUser: who is refused because of the address has asked for nothing, and what
// nobody asks for counts for the address only.
func TestNeighboursUseUpNothingOfAUser(t *testing.T) {
	u := NewUsers[string](Rate{PerSecond: 1e-9, Burst: 3}, Rate{PerSecond: 1e-9, Burst: 10}, nil)
	crowded, home := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("203.0.113.1")
	taken := func(user string, addr netip.Addr) (n int) {
		for range 100 {
			if u.Take(user, addr, 1) {
				n++
			}
		}
		return n
	}
	if n := taken("", crowded); n != 10 {
		t.Errorf("nobody takes %d from an address with 10", n)
	}
	if n := taken("ann", crowded); n != 0 {
		t.Errorf("%d are taken from an address with none", n)
	}
	if n := taken("ann", home); n != 3 {
		t.Errorf("a user whom neighbours have kept out has %d of 3", n)
	}
	u.Charge("ann", home, -2)
	if n := taken("ann", home); n != 2 {
		t.Errorf("of 2 that were given back %d are taken", n)
	}
	u.Charge("bea", home, 3)
	if u.Take("bea", home, 1) || u.Take("", home, 5) || !u.Take("", home, 4) {
		t.Error("a charge does not count for the user and the address")
	}
}
