package quota

import (
	"cmp"
	"net/netip"
	"sync"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/subnet"
)

// retryAfter is the advice to those who found no place.
const retryAfter = 5 * time.Second

// The refusals of Places.
var (
	// ErrFull refuses everybody: all places are taken.
	ErrFull = fault.New(fault.Unavailable, "connections_full", "this node has as many connections as it can hold").After(retryAfter)
	// ErrCrowded refuses a caller that holds its share.
	ErrCrowded = fault.New(fault.Exhausted, "too_many_connections", "too many connections are open from this address or its network").After(retryAfter)
)

// leastHeld is what an address may hold however little is free, while nothing else is set.
const leastHeld = 16

// part says what a caller may hold while nothing else is set: one part of so many of the places that are
// free at that moment. One address alone gets a ninth of all, its network a fifth. Each one more gets a ninth
// of what the others left, so that a dozen greedy addresses leave a quarter of the node to all others. The
// /56 of a house counts as an address does: with more it would fill its /48, and shut its neighbours out.
func part(widest bool) int {
	if widest {
		return 4
	}
	return 8
}

// Config bounds places.
type Config struct {
	// Total is how many there are.
	Total int
	// Address is how many one address may hold, and Factor times as many its networks; 0: a share of what
	// is free.
	Address int
	// Part: an address, and each of its networks, may hold one Part-th of what is free; zero means an eighth
	// for an address and a /56, and a quarter for a /24 and a /48.
	Part int
	// Least is how many an address may hold however little is free, twice that its network and four times
	// that the widest; zero means 16.
	Least int
	// Exempt are networks whose callers count in the total only: proxies, behind which are many.
	Exempt []netip.Prefix
}

// Places are held by callers until they give them back.
type Places struct {
	cfg Config

	mu struct {
		sync.Mutex
		open    int
		holders holders
	}
}

// Place is what Take gives. The zero Place is none.
type Place struct {
	places *Places
	holder *holder // nil for an exempt caller
}

// NewPlaces makes places that nobody holds.
func NewPlaces(cfg Config) *Places {
	p := &Places{cfg: cfg}
	p.cfg.Least = cmp.Or(cfg.Least, leastHeld)
	p.mu.holders = holders{}
	return p
}

// Take gives a caller a place: ErrFull, ErrCrowded. Callers without a known address count as one.
func (p *Places) Take(addr netip.Addr) (Place, error) {
	var levels [Levels]netip.Prefix
	around := Around(&levels, addr)
	if subnet.Inside(p.cfg.Exempt, addr) {
		around = nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	free := p.cfg.Total - p.mu.open
	if free <= 0 {
		return Place{}, ErrFull
	}
	for level, prefix := range around {
		widest := level > 0 && level == len(around)-1 // who has no network around is an address alone
		if p.mu.holders.held(prefix) >= p.most(level, widest, free) {
			return Place{}, ErrCrowded
		}
	}
	p.mu.open++
	return Place{p, p.mu.holders.hold(around)}, nil
}

// most is how many places a caller of the level may hold when so many are free.
func (p *Places) most(level int, widest bool, free int) int {
	if p.cfg.Address > 0 {
		return p.cfg.Address * Factor(level)
	}
	return max(free/cmp.Or(p.cfg.Part, part(widest)), p.cfg.Least<<level)
}

// Give gives the place back. To give one twice is a bug.
func (place Place) Give() {
	p := place.places
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.open--
	p.mu.holders.release(place.holder)
}

// Open is how many places are held.
func (p *Places) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.open
}
