// Package subnet says what counts as one caller when addresses are limited.
//
// It owns the rule and nothing else: pure, without state, and nothing in it can fail.
package subnet

import "net/netip"

// Of is an IPv4 address itself, also when it is mapped into IPv6, and for IPv6 the /64 that one house usually has and can walk
// freely. The zero address has the zero Prefix, so that all callers without a known address count as one.
func Of(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap()
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	p, _ := addr.Prefix(bits) // both lengths fit, and a zone is dropped
	return p
}
