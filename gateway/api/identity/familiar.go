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
	// familiarPrefixes is how many prefixes of addresses are, of each account: who comes from ever new ones
	// crowds out only their own.
	familiarPrefixes = 16
)

// familiar remembers from where accounts were used with success, so that strangers who guess at an account
// from many addresses lock out strangers only. What passwords have opened and what refreshes have kept up is
// remembered apart: a telephone that refreshes wherever it goes does not crowd out the home of its account,
// and the many who are online not the accounts of those who have to log in. It is this process's memory.
type familiar struct{ logins, refreshes *regulars }

func newFamiliar() familiar { return familiar{newRegulars(), newRegulars()} }

func (f familiar) knows(name, prefix string) bool {
	return f.logins.knows(name, prefix) || f.refreshes.knows(name, prefix)
}

// regulars are accounts and where they come from. Of accounts, and of the prefixes of one, the one that was
// noted longest ago is forgotten first; who is not remembered is counted like a stranger.
type regulars struct {
	seed maphash.Seed

	mu       sync.Mutex
	accounts map[uint64]*list.Element
	recent   *list.List // of *regular, the latest first
}

// regular is an account and the prefixes it came from, the latest last. All are hashes: two that share one by
// chance (2^-64) are no harm.
type regular struct {
	account  uint64
	prefixes []uint64
}

func newRegulars() *regulars {
	return &regulars{seed: maphash.MakeSeed(), accounts: map[uint64]*list.Element{}, recent: list.New()}
}

// note remembers that an account came from a prefix.
func (rs *regulars) note(name, prefix string) {
	account, from := maphash.String(rs.seed, name), maphash.String(rs.seed, prefix)
	rs.mu.Lock()
	defer rs.mu.Unlock()
	at, known := rs.accounts[account]
	if !known {
		if rs.recent.Len() >= familiarAccounts {
			gone, _ := rs.recent.Remove(rs.recent.Back()).(*regular)
			delete(rs.accounts, gone.account)
		}
		at = rs.recent.PushFront(&regular{account: account})
		rs.accounts[account] = at
	}
	rs.recent.MoveToFront(at)
	r, _ := at.Value.(*regular)
	r.prefixes = slices.DeleteFunc(r.prefixes, func(other uint64) bool { return other == from })
	if len(r.prefixes) == familiarPrefixes {
		r.prefixes = slices.Delete(r.prefixes, 0, 1)
	}
	r.prefixes = append(r.prefixes, from)
}

// knows reports whether that is remembered.
func (rs *regulars) knows(name, prefix string) bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	at, known := rs.accounts[maphash.String(rs.seed, name)]
	if !known {
		return false
	}
	r, _ := at.Value.(*regular)
	return slices.Contains(r.prefixes, maphash.String(rs.seed, prefix))
}
