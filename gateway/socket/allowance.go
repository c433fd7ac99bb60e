package socket

import (
	"net/netip"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/quota"
	"github.com/barrage-live/barrage/internal/subnet"
)

// maxCallers bounds how many users, and how many addresses and networks, are counted.
const maxCallers = 1 << 16

// errTooMuch refuses a request that costs more than is left.
var errTooMuch = fault.New(fault.Exhausted, "too_many_requests", "too much was asked for; wait a little").After(time.Second)

// connectionRate is what one connection may ask for, in the units of session.Cost: it may come back to
// sixteen rooms at once.
func connectionRate() quota.Rate { return quota.Rate{PerSecond: 20, Burst: 150} }

// allowances are what users and addresses may ask for over all their connections on this node.
type allowances struct {
	start         time.Time
	user, address quota.Rate
	users         *quota.Rates[id.User]
	callers       *quota.Rates[netip.Prefix]
	proxies       []netip.Prefix // callers that are many: not counted
}

func newAllowances(cfg Config) *allowances {
	return &allowances{
		start: time.Now(), proxies: cfg.WS.TrustedProxies,
		user:    quota.Rate{PerSecond: cfg.UserRate, Burst: 10 * cfg.UserRate},
		address: quota.Rate{PerSecond: cfg.AddressRate, Burst: 10 * cfg.AddressRate},
		users:   quota.NewRates[id.User](maxCallers), callers: quota.NewRates[netip.Prefix](maxCallers),
	}
}

// allowance is that of one connection.
type allowance struct {
	*allowances
	addr netip.Addr
	own  quota.Bucket
}

// take takes what a request costs from the connection and, unless it is private, from its user and its
// address.
func (a *allowance) take(user id.User, cost float64, private bool) bool {
	now := time.Since(a.start)
	if !a.own.Take(now, connectionRate(), cost) {
		return false
	}
	if private {
		return true
	}
	if user != "" && !a.users.Take(now, cost, quota.Demand[id.User]{Key: user, Rate: a.user}) {
		return false
	}
	var levels [quota.Levels]quota.Demand[netip.Prefix]
	return a.callers.Take(now, cost, a.demands(&levels)...)
}

// charge takes what an answer turned out to cost.
func (a *allowance) charge(user id.User, cost float64) {
	if cost == 0 {
		return
	}
	now := time.Since(a.start)
	a.own.Charge(now, connectionRate(), cost)
	if user != "" {
		a.users.Charge(now, cost, quota.Demand[id.User]{Key: user, Rate: a.user})
	}
	var levels [quota.Levels]quota.Demand[netip.Prefix]
	a.callers.Charge(now, cost, a.demands(&levels)...)
}

func (a *allowance) demands(dst *[quota.Levels]quota.Demand[netip.Prefix]) []quota.Demand[netip.Prefix] {
	if subnet.Inside(a.proxies, a.addr) {
		return nil
	}
	return quota.Demands(dst, a.addr, a.address)
}
