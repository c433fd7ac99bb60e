package ws

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/quota"
)

var (
	errDraining   = fault.New(fault.Unavailable, "draining", "this node takes no more connections").After(time.Second)
	errHandshakes = fault.New(fault.Exhausted, "too_many_handshakes", "connections are opened too fast from this address or its network").After(time.Second)
)

// admission decides who may open a connection: places for all and for each caller, and a rate for each.
// Trusted proxies count as no callers: those behind them do.
type admission struct {
	places   *quota.Places
	callers  *quota.Callers
	draining atomic.Bool
}

func newAdmission(cfg Config) *admission {
	return &admission{
		places:  quota.NewPlaces(quota.Config{Total: cfg.MaxConnections, Address: cfg.MaxPerAddress, Exempt: cfg.TrustedProxies}),
		callers: quota.NewCallers(quota.Rate{PerSecond: cfg.HandshakeRate, Burst: float64(cfg.HandshakeBurst)}, cfg.TrustedProxies),
	}
}

// enter admits one connection from addr, whose place has to be given back.
func (a *admission) enter(addr netip.Addr) (quota.Place, error) {
	if a.draining.Load() {
		return quota.Place{}, errDraining
	}
	if !a.callers.Take(addr, 1) {
		return quota.Place{}, errHandshakes
	}
	return a.places.Take(addr) //nolint:wrapcheck // a fault already
}

// drain refuses everyone from now on.
func (a *admission) drain() { a.draining.Store(true) }
