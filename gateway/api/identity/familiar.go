package identity

import (
	"hash/maphash"
	"sync"
)

// familiarPlaces is how many places are remembered; 16 bytes each and what the map needs.
const familiarPlaces = 1 << 16

// familiar remembers from where accounts were logged in to with success, so that strangers who guess at an
// account from many addresses lock out strangers only. It is this process's memory and forgets the oldest
// first; who is not remembered is counted like a stranger.
type familiar struct {
	seed   maphash.Seed
	mu     sync.Mutex
	places map[uint64]struct{}
	oldest []uint64 // a ring
	next   int
}

func newFamiliar() *familiar {
	return &familiar{seed: maphash.MakeSeed(), places: map[uint64]struct{}{}}
}

// place is an account, by its folded handle, and an address. Two that share a place by chance (2^-64) are
// no harm.
func (f *familiar) place(name, prefix string) uint64 {
	return maphash.String(f.seed, name+"@"+prefix) // no handle has an @
}

// note remembers a place.
func (f *familiar) note(name, prefix string) {
	at := f.place(name, prefix)
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.places[at]; known {
		return
	}
	if len(f.oldest) < familiarPlaces {
		f.oldest = append(f.oldest, at)
	} else {
		delete(f.places, f.oldest[f.next])
		f.oldest[f.next] = at
		f.next = (f.next + 1) % familiarPlaces
	}
	f.places[at] = struct{}{}
}

// knows reports whether a place is remembered.
func (f *familiar) knows(name, prefix string) bool {
	at := f.place(name, prefix)
	f.mu.Lock()
	defer f.mu.Unlock()
	_, known := f.places[at]
	return known
}
