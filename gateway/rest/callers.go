package rest

import (
	"net/netip"
	"time"

	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/quota"
)

var errTooMuch = TooOften("too much was asked for; wait a little", time.Second)

// reads are what may still be read: of what is the same for everybody by address, and of what is one's own
// by account, so that nobody is kept from it by neighbours.
type reads struct {
	account  quota.Rate
	accounts *quota.Each[id.User]
	addrs    *quota.Callers
}

const (
	// readBurst is how many seconds' worth of reads may be asked for at once after a rest.
	readBurst = 10
	// readers is how many accounts at their limit one address is good for.
	readers = 10
)

func newReads(cfg Config) *reads {
	account := quota.Rate{PerSecond: cfg.Reads / readers, Burst: readBurst * cfg.Reads / readers}
	return &reads{
		account: account, accounts: quota.NewEach[id.User](account),
		addrs: quota.NewCallers(account.Times(readers), cfg.Proxies),
	}
}

// take takes what a read costs from an account, or from an address where there is none, or reports that
// there is too little.
func (r *reads) take(user id.User, addr netip.Addr, cost float64) bool {
	if user == "" {
		return r.addrs.Take(addr, cost)
	}
	cost = min(cost, r.account.Burst) // what is dearer than a small limit allows at once is not refused for ever
	return r.accounts.Take(user, cost)
}

const (
	// writeBurst is how many seconds' worth of writes an account may ask for at once after a rest.
	writeBurst = 30
	// writers is how many accounts at their limit one address is good for.
	writers = 16
)

// newWrites is what accounts and addresses may still change. Every operation that is no read counts as one
// for whoever shows a token, whatever comes of it. What needs no token is cheap to refuse or has limits of
// its own (logins, registrations): counted by address here, it would let one neighbour keep all others out.
func newWrites(cfg Config) *quota.Users[id.User] {
	rate := quota.Rate{PerSecond: cfg.Writes, Burst: writeBurst * cfg.Writes}
	return quota.NewUsers[id.User](rate, rate.Times(writers), cfg.Proxies)
}
