package ws

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/quota"
)

// maxAddresses bounds the table of handshake rates. When it is full of busy addresses, those not in it
// share one bucket.
const maxAddresses = 16384

var (
	errDraining   = fault.New(fault.Unavailable, "draining", "this node takes no more connections").After(time.Second)
	errHandshakes = fault.New(fault.Exhausted, "too_many_handshakes", "connections are opened too fast from this address or its network").After(time.Second)
)

// admission decides who may open a connection: places for all and for each caller, and a rate for each.
type admission struct {
	places   *quota.Places
	rates    *quota.Rates[netip.Prefix]
	rate     quota.Rate // of one address
	draining atomic.Bool
}

func newAdmission(cfg Config) *admission {
	return &admission{
		places: quota.NewPlaces(quota.Config{Total: cfg.MaxConnections, Address: cfg.MaxPerAddress, Exempt: cfg.TrustedProxies}),
		rates:  quota.NewRates[netip.Prefix](maxAddresses),
		rate:   quota.Rate{PerSecond: cfg.HandshakeRate, Burst: float64(cfg.HandshakeBurst)},
	}
}

// enter admits one connection from addr, whose place has to be given back.
func (a *admission) enter(addr netip.Addr, now time.Duration) (quota.Place, error) {
	if a.draining.Load() {
		return quota.Place{}, errDraining
	}
	var levels [quota.Levels]quota.Demand[netip.Prefix]
	if !a.rates.Take(now, 1, quota.Demands(&levels, addr, a.rate)...) {
		return quota.Place{}, errHandshakes
	}
	return a.places.Take(addr) //nolint:wrapcheck // a fault already
}

// drain refuses everyone from now on.
func (a *admission) drain() { a.draining.Store(true) }
