package quota

import "net/netip"

// Users are what users, and the addresses they come from, may still ask for. It is safe for concurrent use.
type Users[K comparable] struct {
	users   *Each[K]
	callers *Callers
}

// NewUsers gives each user a rate, and each address another, as NewCallers does. The zero K is nobody.
func NewUsers[K comparable](user, addr Rate, exempt []netip.Prefix) *Users[K] {
	return &Users[K]{NewEach[K](user), NewCallers(addr, exempt)}
}

// Take takes what something costs from the user, if there is one, and from the address and its networks, or
// reports that one of them has too little and takes nothing: neighbours use up nothing of a user's own.
func (u *Users[K]) Take(user K, addr netip.Addr, cost float64) bool {
	var nobody K
	if user != nobody && !u.users.Take(user, cost) {
		return false
	}
	if u.callers.Take(addr, cost) {
		return true
	}
	if user != nobody {
		u.users.Charge(user, -cost)
	}
	return false
}

// Charge takes what something has cost, though it may not be there, as Bucket.Charge does.
func (u *Users[K]) Charge(user K, addr netip.Addr, cost float64) {
	var nobody K
	if user != nobody {
		u.users.Charge(user, cost)
	}
	u.callers.Charge(addr, cost)
}
