package rtmp

import (
	"net"
	"net/netip"
	"sync"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/quota"
)

var errTooMany = fault.New(fault.Exhausted, "too_many_connections", "too many connections are open; try again later")

// strangersLeast is how many places without a key an address may hold however few are free.
const strangersLeast = 2

// admission counts connections. Those without a verified key have places of their own: whoever opens
// connections and says nothing keeps no publisher out, however many addresses a network has.
type admission struct {
	strangers     *quota.Places
	maxPublishers int

	mu struct {
		sync.Mutex
		publishers int
	}
}

func newAdmission(c Config) *admission {
	return &admission{
		maxPublishers: c.MaxConns,
		strangers:     quota.NewPlaces(quota.Config{Total: c.MaxUnverified, Least: strangersLeast}),
	}
}

// place is what one connection takes up. Its owner is the connection's goroutine.
type place struct {
	of       *admission
	stranger quota.Place
	verified bool
}

// enter takes the place of a connection without a key, or fails with quota.ErrFull or quota.ErrCrowded.
func (a *admission) enter(remote net.Addr) (*place, error) {
	from, _ := netip.ParseAddrPort(remote.String()) // zero if it is none
	p, err := a.strangers.Take(from.Addr())
	if err != nil {
		return nil, err
	}
	return &place{of: a, stranger: p}, nil
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
	p.stranger.Give()
	p.verified = true
	return nil
}

// leave gives the place back.
func (p *place) leave() {
	if !p.verified {
		p.stranger.Give()
		return
	}
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	p.of.mu.publishers--
}
