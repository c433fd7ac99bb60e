package identity

import (
	"container/list"
	"hash/maphash"
	"slices"
	"sync"
)

const (
	// familiarAccounts is how many accounts are remembered, about 300 bytes each.
	familiarAccounts = 1 << 14
	// familiarPlaces is how many places of one account are: who makes up places crowds out only the own.
	familiarPlaces = 16
)

// familiar remembers from where accounts were logged in to with success, so that strangers who guess at an
// account from many addresses lock out strangers only. It is this process's memory: of accounts, and of an
// account's places, the one whose last login is longest ago is forgotten first; who is not remembered is
// counted like a stranger.
type familiar struct {
	seed maphash.Seed

	mu       sync.Mutex
	accounts map[uint64]*list.Element
	recent   *list.List // of *regular, the latest login first
}

// regular is an account and where it was logged in to, the latest last. Accounts and places are hashes: two
// that share one by chance (2^-64) are no harm.
type regular struct {
	account uint64
	places  []uint64
}

func newFamiliar() *familiar {
	return &familiar{seed: maphash.MakeSeed(), accounts: map[uint64]*list.Element{}, recent: list.New()}
}

// note remembers a place.
func (f *familiar) note(name, prefix string) {
	account, place := maphash.String(f.seed, name), maphash.String(f.seed, prefix)
	f.mu.Lock()
	defer f.mu.Unlock()
	at, known := f.accounts[account]
	if !known {
		if f.recent.Len() >= familiarAccounts {
			gone, _ := f.recent.Remove(f.recent.Back()).(*regular)
			delete(f.accounts, gone.account)
		}
		at = f.recent.PushFront(&regular{account: account})
		f.accounts[account] = at
	}
	f.recent.MoveToFront(at)
	r, _ := at.Value.(*regular)
	r.places = slices.DeleteFunc(r.places, func(p uint64) bool { return p == place })
	if len(r.places) == familiarPlaces {
		r.places = slices.Delete(r.places, 0, 1)
	}
	r.places = append(r.places, place)
}

// knows reports whether a place is remembered.
func (f *familiar) knows(name, prefix string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	at, known := f.accounts[maphash.String(f.seed, name)]
	if !known {
		return false
	}
	r, _ := at.Value.(*regular)
	return slices.Contains(r.places, maphash.String(f.seed, prefix))
}
