package rest

import (
	"net/netip"
	"time"

	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/quota"
	"github.com/barrage-live/barrage/internal/subnet"
)

// maxCallers bounds how many users, and how many addresses and networks, are counted.
const maxCallers = 1 << 16

var errTooMuch = TooOften("too much was asked for; wait a little", time.Second)

// callers are what addresses and their networks may still ask for.
type callers struct {
	start   time.Time
	rate    quota.Rate // of one address
	rates   *quota.Rates[netip.Prefix]
	proxies []netip.Prefix // callers that are many: not counted
}

func newCallers(rate quota.Rate, proxies []netip.Prefix) *callers {
	return &callers{start: time.Now(), rate: rate, rates: quota.NewRates[netip.Prefix](maxCallers), proxies: proxies}
}

// take takes what something costs, or reports that there is too little.
func (c *callers) take(addr netip.Addr, cost float64) bool {
	if subnet.Inside(c.proxies, addr) {
		return true
	}
	var levels [quota.Levels]quota.Demand[netip.Prefix]
	return c.rates.Take(time.Since(c.start), cost, quota.Demands(&levels, addr, c.rate)...)
}

const (
	// writeBurst is how many seconds' worth of writes an account may ask for at once after a rest.
	writeBurst = 30
	// writers is how many accounts at their limit one address is good for.
	writers = 16
)

// writes are what accounts and addresses may still change. Every operation that is no read counts as one,
// whatever comes of it.
type writes struct {
	start time.Time
	rate  quota.Rate // of one account
	users *quota.Rates[id.User]
	addrs *callers
}

func newWrites(cfg Config) *writes {
	rate := quota.Rate{PerSecond: cfg.Writes, Burst: writeBurst * cfg.Writes}
	return &writes{
		start: time.Now(), rate: rate, users: quota.NewRates[id.User](maxCallers),
		addrs: newCallers(rate.Times(writers), cfg.Proxies),
	}
}

// take counts a write of a user ("": of nobody) from an address, or refuses it.
func (w *writes) take(user id.User, addr netip.Addr) error {
	if user != "" && !w.users.Take(time.Since(w.start), 1, quota.Demand[id.User]{Key: user, Rate: w.rate}) || !w.addrs.take(addr, 1) {
		return errTooMuch
	}
	return nil
}
