package quota

import (
	"net/netip"
	"slices"
)

// holder is an address or network that holds places.
type holder struct {
	prefix netip.Prefix
	held   int
	around *holder // the next wider network; nil: there is none
}

// holders are those that hold any, by address and network.
type holders map[netip.Prefix]*holder

// held is how many places an address or network holds.
func (hs holders) held(prefix netip.Prefix) int {
	if h := hs[prefix]; h != nil {
		return h.held
	}
	return 0
}

// hold counts one more for a caller, the first of around, and the networks around it; nil for nobody.
func (hs holders) hold(around []netip.Prefix) *holder {
	var inner *holder
	for _, prefix := range slices.Backward(around) {
		h := hs[prefix]
		if h == nil {
			h = &holder{prefix: prefix, around: inner}
			hs[prefix] = h
		}
		h.held++
		inner = h
	}
	return inner
}

// release counts one less for who held it.
func (hs holders) release(h *holder) {
	for ; h != nil; h = h.around {
		if h.held--; h.held == 0 {
			delete(hs, h.prefix)
		}
	}
}
