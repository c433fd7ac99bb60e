package identity

import (
	"container/list"
	"hash/maphash"
	"slices"
	"sync"
)

const (
	// familiarAccounts is how many accounts are remembered, about 300 bytes each, twice.
	familiarAccounts = 1 << 14
	// familiarPlaces is how many places of one account are: who makes up places crowds out only the own.
	familiarPlaces = 16
)

// familiar remembers from where accounts were used with success, so that strangers who guess at an account
// from many addresses lock out strangers only. What passwords have opened and what refreshes have kept up is
// remembered apart: a telephone that refreshes wherever it goes does not crowd out the home of its account,
// and the many who are online not the accounts of those who have to log in. It is this process's memory.
type familiar struct{ logins, refreshes *places }

func newFamiliar() familiar { return familiar{newPlaces(), newPlaces()} }

func (f familiar) knows(name, prefix string) bool {
	return f.logins.knows(name, prefix) || f.refreshes.knows(name, prefix)
}

// places of accounts. Of accounts, and of an account's places, the one that was noted longest ago is
// forgotten first; who is not remembered is counted like a stranger.
type places struct {
	seed maphash.Seed

	mu       sync.Mutex
	accounts map[uint64]*list.Element
	recent   *list.List // of *regular, the latest first
}

// regular is an account and its places, the latest last. Accounts and places are hashes: two that share one
// by chance (2^-64) are no harm.
type regular struct {
	account uint64
	places  []uint64
}

func newPlaces() *places {
	return &places{seed: maphash.MakeSeed(), accounts: map[uint64]*list.Element{}, recent: list.New()}
}

// note remembers a place.
func (p *places) note(name, prefix string) {
	account, place := maphash.String(p.seed, name), maphash.String(p.seed, prefix)
	p.mu.Lock()
	defer p.mu.Unlock()
	at, known := p.accounts[account]
	if !known {
		if p.recent.Len() >= familiarAccounts {
			gone, _ := p.recent.Remove(p.recent.Back()).(*regular)
			delete(p.accounts, gone.account)
		}
		at = p.recent.PushFront(&regular{account: account})
		p.accounts[account] = at
	}
	p.recent.MoveToFront(at)
	r, _ := at.Value.(*regular)
	r.places = slices.DeleteFunc(r.places, func(known uint64) bool { return known == place })
	if len(r.places) == familiarPlaces {
		r.places = slices.Delete(r.places, 0, 1)
	}
	r.places = append(r.places, place)
}

// knows reports whether a place is remembered.
func (p *places) knows(name, prefix string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, known := p.accounts[maphash.String(p.seed, name)]
	if !known {
		return false
	}
	r, _ := at.Value.(*regular)
	return slices.Contains(r.places, maphash.String(p.seed, prefix))
}
