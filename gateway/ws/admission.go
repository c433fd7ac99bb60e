package ws

import (
	"net/netip"
	"sync"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/subnet"
)

// maxAddresses bounds the table of addresses. When it is full of busy ones, those not in it share one bucket.
const maxAddresses = 16384

// admission decides who may open a connection: a bound on all, a rate for each address.
type admission struct {
	max         int
	rate, burst float64

	mu struct {
		sync.Mutex
		open     int
		draining bool
		buckets  map[netip.Prefix]*bucket
		others   bucket
		swept    time.Duration
	}
}

func newAdmission(maxOpen int, rate float64, burst int) *admission {
	a := &admission{max: maxOpen, rate: rate, burst: float64(burst)}
	a.mu.buckets = map[netip.Prefix]*bucket{}
	return a
}

// enter admits one connection from addr; leave gives its place back.
func (a *admission) enter(addr netip.Addr, now time.Duration) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.mu.draining:
		return fault.New(fault.Unavailable, "draining", "this node takes no more connections").After(time.Second)
	case a.mu.open >= a.max:
		return fault.New(fault.Unavailable, "connections_full", "this node has as many connections as it can hold").After(retryAfter)
	case !a.bucket(addr, now).take(now, a.rate, a.burst):
		return fault.New(fault.Exhausted, "too_many_handshakes", "too many connections from this address").After(time.Second)
	}
	a.mu.open++
	return nil
}

func (a *admission) leave() {
	a.mu.Lock()
	a.mu.open--
	a.mu.Unlock()
}

// drain refuses everyone from now on.
func (a *admission) drain() {
	a.mu.Lock()
	a.mu.draining = true
	a.mu.Unlock()
}

// bucket finds the bucket of an address.
func (a *admission) bucket(addr netip.Addr, now time.Duration) *bucket {
	prefix := subnet.Of(addr)
	if b, ok := a.mu.buckets[prefix]; ok {
		return b
	}
	if len(a.mu.buckets) >= maxAddresses {
		a.sweep(now)
	}
	if len(a.mu.buckets) >= maxAddresses {
		return &a.mu.others
	}
	b := &bucket{at: now}
	a.mu.buckets[prefix] = b
	return b
}

// sweep forgets the addresses whose buckets are full again, at most once a second.
func (a *admission) sweep(now time.Duration) {
	if a.mu.swept != 0 && now-a.mu.swept < time.Second {
		return
	}
	a.mu.swept = now
	for prefix, b := range a.mu.buckets {
		if b.full(now, a.rate) {
			delete(a.mu.buckets, prefix)
		}
	}
}
