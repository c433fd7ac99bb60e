package quota

import (
	"net/netip"

	"github.com/barrage-live/barrage/internal/subnet"
)

// Levels is how many prefixes a caller counts under.
const Levels = 3

// Factor is how many times as much as the address itself a level of Around may have: 1, 4, 16.
func Factor(level int) int { return 1 << (2 * level) }

// Around fills in what a caller counts under, the narrowest first: an IPv4 address and its /24; for IPv6
// the /64 that one house has, and the /56 and the /48 that are given to those who ask. A caller without an
// address counts under the zero Prefix.
func Around(dst *[Levels]netip.Prefix, addr netip.Addr) []netip.Prefix {
	dst[0] = subnet.Of(addr)
	addr = addr.Unmap()
	n := 1
	add := func(bits int) {
		dst[n], _ = addr.Prefix(bits) // the lengths fit
		n++
	}
	switch {
	case addr.Is4():
		add(24)
	case addr.Is6():
		add(56)
		add(48)
	}
	return dst[:n]
}

// Demands are those of a caller and its networks, whose rates are Factor times that of the address.
func Demands(dst *[Levels]Demand[netip.Prefix], addr netip.Addr, r Rate) []Demand[netip.Prefix] {
	var levels [Levels]netip.Prefix
	around := Around(&levels, addr)
	for i, prefix := range around {
		dst[i] = Demand[netip.Prefix]{prefix, r.Times(Factor(i))}
	}
	return dst[:len(around)]
}
