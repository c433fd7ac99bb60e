package rtmp

import (
	"net"
	"net/netip"
	"sync"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/subnet"
)

var errTooMany = fault.New(fault.Exhausted, "too_many_connections", "too many connections are open; try again later")

// admission counts connections. Those without a verified key have bounds of their own, in sum and for each
// address: whoever opens connections and says nothing keeps no publisher out.
type admission struct {
	maxPublishers, maxUnverified, maxPerAddress int

	mu struct {
		sync.Mutex
		publishers int
		unverified int
		byAddress  map[netip.Prefix]int // of the unverified; no zeros
	}
}

func newAdmission(c Config) *admission {
	a := &admission{maxPublishers: c.MaxConns, maxUnverified: c.MaxUnverified, maxPerAddress: c.MaxPerAddress}
	a.mu.byAddress = make(map[netip.Prefix]int)
	return a
}

// place is what one connection takes up. Its owner is the connection's goroutine.
type place struct {
	of       *admission
	address  netip.Prefix
	verified bool
}

// enter takes the place of a connection without a key, or fails with errTooMany.
func (a *admission) enter(remote net.Addr) (*place, error) {
	p := &place{of: a, address: prefix(remote)}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mu.unverified >= a.maxUnverified || a.mu.byAddress[p.address] >= a.maxPerAddress {
		return nil, errTooMany
	}
	a.mu.unverified++
	a.mu.byAddress[p.address]++
	return p, nil
}

// verify moves the connection to the publishers, or fails with errTooMany and leaves it where it is.
func (p *place) verify() error {
	a := p.of
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mu.publishers >= a.maxPublishers {
		return errTooMany
	}
	a.mu.publishers++
	a.forget(p.address)
	p.verified = true
	return nil
}

// leave gives the place back.
func (p *place) leave() {
	a := p.of
	a.mu.Lock()
	defer a.mu.Unlock()
	if p.verified {
		a.mu.publishers--
		return
	}
	a.forget(p.address)
}

// forget counts an unverified connection off; mu is held.
func (a *admission) forget(address netip.Prefix) {
	a.mu.unverified--
	if a.mu.byAddress[address]--; a.mu.byAddress[address] == 0 {
		delete(a.mu.byAddress, address)
	}
}

// prefix is what counts as one address. What has none counts together.
func prefix(remote net.Addr) netip.Prefix {
	from, _ := netip.ParseAddrPort(remote.String()) // zero if it is none
	return subnet.Of(from.Addr())
}
