package quota

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// fill takes places for an address until it is refused.
func fill(p *Places, addr string) (held []Place, refused error) {
	for {
		place, err := p.Take(netip.MustParseAddr(addr))
		if err != nil {
			return held, err
		}
		held = append(held, place)
	}
}

func TestNobodyTakesEveryPlace(t *testing.T) {
	p := NewPlaces(Config{Total: 18_000})
	if held, err := fill(p, "192.0.2.1"); len(held) != 2000 || !errors.Is(err, ErrCrowded) {
		t.Errorf("one address holds %d, %v", len(held), err)
	}
	for host := 2; host < 255; host++ {
		_, _ = fill(p, fmt.Sprint("192.0.2.", host))
	}
	if n := p.Open(); n != 3600 {
		t.Errorf("one network holds %d", n)
	}
	for net := range 10 {
		_, _ = fill(p, fmt.Sprintf("198.51.%d.1", net))
	}
	if office, _ := fill(p, "203.0.113.1"); len(office) < 400 {
		t.Errorf("an office finds %d places then", len(office))
	}
}

func TestAnOfficeBehindOneAddressGetsIn(t *testing.T) {
	p := NewPlaces(Config{Total: 4096})
	if held, _ := fill(p, "203.0.113.1"); len(held) < 400 {
		t.Errorf("%d get in", len(held))
	}
}

func TestNetworksOfOneCallerCountTogether(t *testing.T) {
	for _, c := range []struct {
		name string
		addr func(i int) string
	}{
		{"a walk through a /64", func(i int) string { return fmt.Sprintf("2001:db8::%x", i) }},
		{"a walk through a /56", func(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", i%256) }},
		{"a walk through a /48", func(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", i) }},
		{"a walk through a /24", func(i int) string { return fmt.Sprintf("192.0.2.%d", i%256) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := NewPlaces(Config{Total: 3000})
			for i := range 65_536 {
				_, _ = p.Take(netip.MustParseAddr(c.addr(i)))
			}
			if n := p.Open(); n > 600 {
				t.Errorf("%d of 3000 are held", n)
			}
		})
	}
}

// TestAHouseLeavesItsNeighboursRoom: who walks through its /56 does not fill the /48 around it.
func TestAHouseLeavesItsNeighboursRoom(t *testing.T) {
	p := NewPlaces(Config{Total: 1000})
	for i := range 65_536 {
		_, _ = p.Take(netip.MustParseAddr(fmt.Sprintf("2001:db8:0:%x::%x", i%256, i)))
	}
	if n := p.Open(); n != 111 {
		t.Errorf("one house holds %d", n)
	}
	if held, _ := fill(p, "2001:db8:0:100::1"); len(held) < 80 {
		t.Errorf("its neighbours find %d places", len(held))
	}
}

func TestANumberForOneAddressReplacesTheShare(t *testing.T) {
	p := NewPlaces(Config{Total: 100, Address: 5})
	held, err := fill(p, "192.0.2.1")
	if len(held) != 5 || !errors.Is(err, ErrCrowded) {
		t.Errorf("%d, %v", len(held), err)
	}
	for host := 2; host < 9; host++ {
		_, _ = fill(p, fmt.Sprint("192.0.2.", host))
	}
	if n := p.Open(); n != 20 {
		t.Errorf("the network holds %d", n)
	}
	held[0].Give()
	if _, err := p.Take(netip.MustParseAddr("192.0.2.1")); err != nil {
		t.Errorf("a place that was given back: %v", err)
	}
}

func TestProxiesCountInTheTotalOnly(t *testing.T) {
	p := NewPlaces(Config{Total: 100, Exempt: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	if held, err := fill(p, "10.1.2.3"); len(held) != 100 || !errors.Is(err, ErrFull) {
		t.Errorf("%d, %v", len(held), err)
	}
}

// TestPlacesAreCountedExactly takes and gives at random: what is open is what is held, and nothing is
// remembered of those who left.
func TestPlacesAreCountedExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := NewPlaces(Config{Total: rapid.IntRange(1, 200).Draw(t, "total"), Address: rapid.IntRange(0, 20).Draw(t, "address")})
		var held []Place
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			if len(held) > 0 && rapid.Bool().Draw(t, "give") {
				i := rapid.IntRange(0, len(held)-1).Draw(t, "which")
				held[i].Give()
				held = slices.Delete(held, i, i+1)
				continue
			}
			addr := rapid.SampledFrom([]string{"192.0.2.1", "192.0.2.2", "198.51.100.1", "2001:db8::1", "2001:db8:0:1::1", "::ffff:192.0.2.1"}).Draw(t, "addr")
			if place, err := p.Take(netip.MustParseAddr(addr)); err == nil {
				held = append(held, place)
			}
		}
		if p.Open() != len(held) || len(held) > p.cfg.Total {
			t.Fatalf("%d open of %d, %d held", p.Open(), p.cfg.Total, len(held))
		}
		for _, place := range held {
			place.Give()
		}
		if p.Open() != 0 || len(p.mu.holders) != 0 {
			t.Fatalf("%d open and %d remembered at the end", p.Open(), len(p.mu.holders))
		}
	})
}

func TestAPlaceOfNobodyIsNone(t *testing.T) {
	Place{}.Give()
	p := NewPlaces(Config{Total: 100})
	for range 50 {
		_, _ = p.Take(netip.Addr{})
	}
	if p.Open() != leastHeld {
		t.Errorf("callers without an address hold %d", p.Open())
	}
}

// TestSharesAreTheOnesThatAreSet: one part of so many of what is free, for an address and a network alike.
func TestSharesAreTheOnesThatAreSet(t *testing.T) {
	p := NewPlaces(Config{Total: 400, Part: 3, Least: 2})
	for i := range 1000 {
		_, _ = p.Take(netip.MustParseAddr(fmt.Sprintf("192.0.2.%d", i%2)))
	}
	if p.Open() != 100 {
		t.Errorf("a network holds %d of 400 places, want 100", p.Open())
	}
	if held, _ := fill(p, "198.51.100.1"); len(held) != 75 {
		t.Errorf("an address holds %d of the 300 left, want 75", len(held))
	}
}

// TestASmallHouseHasSmallShares: an address and its networks hold at least what Least says.
func TestASmallHouseHasSmallShares(t *testing.T) {
	for level, addr := range []func(i int) string{
		func(int) string { return "192.0.2.1" },
		func(i int) string { return fmt.Sprintf("192.0.2.%d", i) },
		func(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", i<<8) },
	} {
		p := NewPlaces(Config{Total: 15, Least: 2})
		for i := range 100 {
			_, _ = p.Take(netip.MustParseAddr(addr(i)))
		}
		if p.Open() != 2<<level {
			t.Errorf("%s and its network hold %d of 15 places, want %d", addr(0), p.Open(), 2<<level)
		}
	}
}
