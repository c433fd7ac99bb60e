// Package subnet says who calls, behind proxies too, and what counts as one caller when addresses are
// limited.
//
// It owns these two rules and nothing else: pure, without state, and nothing in it can fail.
package subnet

import (
	"net/netip"
	"slices"
	"strings"
)

// Caller is the address a request comes from: the peer's, or behind trusted proxies the last one they name
// that is not theirs. remote is host:port; forwarded are the values of X-Forwarded-For, each a list of
// addresses, the nearest last, with a port or without, as proxies write them. An address without zone and
// not mapped into IPv6; the zero Addr when remote is none.
func Caller(remote string, forwarded []string, trusted []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	addr := peer.Addr().Unmap().WithZone("")
	for _, hop := range slices.Backward(strings.Split(strings.Join(forwarded, ","), ",")) {
		next, ok := parseHop(strings.TrimSpace(hop))
		if !ok || !Inside(trusted, addr) {
			break // what lies behind an unreadable hop, or one that is not ours, is not to be believed
		}
		addr = next
	}
	return addr
}

// parseHop reads an address with a port or without, an IPv6 one in brackets or, without a port, bare.
func parseHop(hop string) (netip.Addr, bool) {
	if at, err := netip.ParseAddrPort(hop); err == nil {
		return at.Addr().Unmap().WithZone(""), true
	}
	if inner, ok := strings.CutPrefix(hop, "["); ok {
		hop, _ = strings.CutSuffix(inner, "]")
	}
	addr, err := netip.ParseAddr(hop)
	return addr.Unmap().WithZone(""), err == nil
}

// Inside reports whether one of the networks holds the address.
func Inside(networks []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(addr) })
}

// Of is an IPv4 address itself, also when it is mapped into IPv6, and for IPv6 the /64 that one house
// usually has and can walk freely. The zero address has the zero Prefix, so that all callers without a
// known address count as one.
func Of(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap()
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	p, _ := addr.Prefix(bits) // both lengths fit, and a zone is dropped
	return p
}
