package rtmp

import (
	"net"
	"net/netip"
	"sync"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/quota"
)

var errTooMany = fault.New(fault.Exhausted, "too_many_connections", "too many connections are open; try again later")

// admission counts connections. Those without a verified key have places of their own, and give way to those
// that come after them: whoever opens connections and says nothing keeps no publisher out, however many
// networks take part.
type admission struct {
	strangers     *quota.Yielding
	maxPublishers int

	mu struct {
		sync.Mutex
		publishers int
	}
}

func newAdmission(c Config) *admission {
	return &admission{maxPublishers: c.MaxConns, strangers: quota.NewYielding(c.MaxUnverified)}
}

// place is what one connection takes up. Its owner is the connection's goroutine.
type place struct {
	of       *admission
	stranger *quota.Waiting
	verified bool
}

// enter takes the place of a connection without a key, or fails with quota.ErrFull or quota.ErrCrowded.
// yield is called when somebody else needs the place, and must not block.
func (a *admission) enter(remote net.Addr, yield func()) (*place, error) {
	from, _ := netip.ParseAddrPort(remote.String()) // zero if it is none
	w, err := a.strangers.Take(from.Addr(), yield)
	if err != nil {
		return nil, err
	}
	return &place{of: a, stranger: w}, nil
}

// verify moves the connection to the publishers. It fails with errTooMany and leaves it where it is, or with
// quota.ErrGaveWay when its place was needed a moment ago.
func (p *place) verify() error {
	a := p.of
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mu.publishers >= a.maxPublishers {
		return errTooMany
	}
	if !p.stranger.Give() {
		return quota.ErrGaveWay
	}
	a.mu.publishers++
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
