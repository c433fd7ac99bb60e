package quota

import (
	"net/netip"
	"time"

	"github.com/barrage-live/barrage/internal/subnet"
)

// MaxCallers bounds how many users, or addresses and networks, are told apart at once; those that come new
// then share one bucket.
const MaxCallers = 1 << 16

// Callers are what addresses and the networks around them may still ask for. It is safe for concurrent use.
type Callers struct {
	rate   Rate
	exempt []netip.Prefix
	start  time.Time
	rates  *Rates[netip.Prefix]
}

// NewCallers gives each address a rate, and its networks Factor times that. Callers of the networks exempt
// are not counted: proxies, behind which are many.
func NewCallers(rate Rate, exempt []netip.Prefix) *Callers {
	return &Callers{rate: rate, exempt: exempt, start: time.Now(), rates: NewRates[netip.Prefix](MaxCallers)}
}

// Take takes what something costs from an address and its networks, or reports that one of them has too
// little and takes nothing.
func (c *Callers) Take(addr netip.Addr, cost float64) bool {
	var levels [Levels]Demand[netip.Prefix]
	return c.rates.Take(time.Since(c.start), cost, c.demands(&levels, addr)...)
}

// Charge takes what something has cost, though it may not be there, as Bucket.Charge does.
func (c *Callers) Charge(addr netip.Addr, cost float64) {
	var levels [Levels]Demand[netip.Prefix]
	c.rates.Charge(time.Since(c.start), cost, c.demands(&levels, addr)...)
}

func (c *Callers) demands(dst *[Levels]Demand[netip.Prefix], addr netip.Addr) []Demand[netip.Prefix] {
	if subnet.Inside(c.exempt, addr) {
		return nil
	}
	return Demands(dst, addr, c.rate)
}

// Each gives each key the same rate. It is safe for concurrent use.
type Each[K comparable] struct {
	rate  Rate
	start time.Time
	rates *Rates[K]
}

// NewEach gives each key a rate.
func NewEach[K comparable](rate Rate) *Each[K] {
	return &Each[K]{rate: rate, start: time.Now(), rates: NewRates[K](MaxCallers)}
}

// Take takes what something costs from a key, or reports that it has too little and takes nothing.
func (e *Each[K]) Take(key K, cost float64) bool {
	return e.rates.Take(time.Since(e.start), cost, Demand[K]{Key: key, Rate: e.rate})
}

// Charge takes what something has cost, though it may not be there, as Bucket.Charge does.
func (e *Each[K]) Charge(key K, cost float64) {
	e.rates.Charge(time.Since(e.start), cost, Demand[K]{Key: key, Rate: e.rate})
}
