package socket

import (
	"net/netip"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/quota"
)

// errTooMuch refuses a request that costs more than is left.
var errTooMuch = fault.New(fault.Exhausted, "too_many_requests", "too much was asked for; wait a little").After(time.Second)

// connectionRate is what one connection may ask for, in the units of protocol.Cost: it may come back to
// sixteen rooms at once.
func connectionRate() quota.Rate { return quota.Rate{PerSecond: 20, Burst: 150} }

// allowances are what users and addresses may ask for over all their connections on this node.
type allowances struct {
	start time.Time
	all   *quota.Users[id.User]
}

func newAllowances(cfg Config) *allowances {
	return &allowances{
		start: time.Now(),
		all: quota.NewUsers[id.User](quota.Rate{PerSecond: cfg.UserRate, Burst: 10 * cfg.UserRate},
			quota.Rate{PerSecond: cfg.AddressRate, Burst: 10 * cfg.AddressRate}, cfg.WS.TrustedProxies),
	}
}

// allowance is that of one connection.
type allowance struct {
	*allowances
	addr netip.Addr
	own  quota.Bucket
	// pings are those that count for nobody else.
	pings quota.Bucket
}

// privateRate is how many private requests of a connection count for nobody else.
func privateRate() quota.Rate { return quota.Rate{PerSecond: 1, Burst: 20} }

// take takes what a request costs from the connection and, unless it is private and there are few, from its
// user and its address, or takes nothing.
func (a *allowance) take(user id.User, cost float64, private bool) bool {
	now := time.Since(a.start)
	if !a.own.Take(now, connectionRate(), cost) {
		return false
	}
	if private && a.pings.Take(now, privateRate(), 1) {
		return true
	}
	if a.all.Take(user, a.addr, cost) {
		return true
	}
	a.own.Charge(now, connectionRate(), -cost)
	return false
}

// charge takes what an answer turned out to cost.
func (a *allowance) charge(user id.User, cost float64) {
	if cost == 0 {
		return
	}
	now := time.Since(a.start)
	a.own.Charge(now, connectionRate(), cost)
	a.all.Charge(user, a.addr, cost)
}
