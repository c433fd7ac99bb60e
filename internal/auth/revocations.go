package auth

import (
	"cmp"
	"container/heap"
	"sync"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
)

// The refusals of tokens that are good by themselves.
var (
	ErrSessionEnded = fault.New(fault.Unauthenticated, "session_ended", "the session is ended")
	// ErrTokenOutdated: the account's rights have changed since. A refresh gives a token that has the new
	// ones.
	ErrTokenOutdated = fault.New(fault.Unauthenticated, "token_outdated", "the token is out of date; refresh it")
)

const (
	// maxRevocations is how many are remembered; each takes less than 300 bytes.
	maxRevocations = 1 << 18
	// mintTime is how long a request may take between asking for the session and the account and minting
	// the token.
	mintTime = time.Minute
)

// Lifetime is how long a revocation must be remembered that is made now: as long as any token is taken that
// was being minted meanwhile.
func (t *Tokens) Lifetime() time.Duration { return t.cfg.TTL + 2*t.cfg.Leeway + mintTime }

// Revocations is what a node knows of tokens that are to be refused before they expire: ended logins, and
// users whose rights have changed. The actors decide and tell every node; to look here costs no question to
// anybody. The zero value is empty. It is safe for concurrent use.
//
// It is bounded. When it is full, those that end first are forgotten, and all tokens that expire no later
// than they do are out of date instead: nothing that was revoked is ever let in, and the others have to
// refresh a little earlier.
type Revocations struct {
	limit int // 0: maxRevocations

	mu struct {
		sync.RWMutex
		known map[subject]revocation
		ends  ends
		floor time.Time // tokens that expire until then are out of date; zero: none
	}
}

// subject is a login or a user.
type subject struct {
	login id.Session
	user  id.User
}

type revocation struct {
	rights uint64 // of a user: the least that a token must have
	until  time.Time
}

// EndLogin refuses every token of a login, until the last of them has expired. It says whether that is news.
func (r *Revocations) EndLogin(login id.Session, until time.Time) bool {
	return r.add(subject{login: login}, revocation{until: until})
}

// OutdateUser refuses every token of a user that has an older version of the account's rights, until the
// last of them has expired. It says whether that is news.
func (r *Revocations) OutdateUser(user id.User, rights uint64, until time.Time) bool {
	return r.add(subject{user: user}, revocation{rights, until})
}

// Check refuses ErrSessionEnded and ErrTokenOutdated.
func (r *Revocations) Check(who Identity) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if _, ended := r.mu.known[subject{login: who.Session}]; ended {
		return ErrSessionEnded
	}
	if u, ok := r.mu.known[subject{user: who.User}]; ok && who.RightsVersion < u.rights {
		return ErrTokenOutdated
	}
	if !who.Expires.After(r.mu.floor) {
		return ErrTokenOutdated
	}
	return nil
}

// Forget frees what has ended. Call it from time to time.
func (r *Revocations) Forget(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.mu.ends) > 0 && !r.mu.ends[0].until.After(now) {
		r.pop()
	}
}

// Len is how many are remembered.
func (r *Revocations) Len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.mu.known)
}

// add remembers a revocation; what is known already can only grow.
func (r *Revocations) add(s subject, n revocation) (news bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.known == nil {
		r.mu.known = map[subject]revocation{}
	}
	old, known := r.mu.known[s]
	if old.until.After(n.until) {
		n.until = old.until
	}
	news = !known || n.rights > old.rights
	n.rights = max(n.rights, old.rights)
	r.mu.known[s] = n
	if !known {
		heap.Push(&r.mu.ends, end{s, n.until})
	}
	for len(r.mu.known) > cmp.Or(r.limit, maxRevocations) {
		if until := r.pop(); until.After(r.mu.floor) {
			r.mu.floor = until
		}
	}
	return news
}

// pop forgets the revocation that ends first and gives the moment at which it would have. One whose end was
// put off meanwhile is put back instead.
func (r *Revocations) pop() time.Time {
	first := &r.mu.ends[0]
	if until := r.mu.known[first.subject].until; until.After(first.until) {
		first.until = until
		heap.Fix(&r.mu.ends, 0)
		return time.Time{}
	}
	delete(r.mu.known, first.subject)
	return heap.Pop(&r.mu.ends).(end).until
}

// end is when a revocation may be forgotten, or some time before.
type end struct {
	subject subject
	until   time.Time
}

// ends is a heap, the first one on top.
type ends []end

// Len implements heap.Interface.
func (h *ends) Len() int { return len(*h) }

// Less implements heap.Interface.
func (h *ends) Less(i, j int) bool { return (*h)[i].until.Before((*h)[j].until) }

// Swap implements heap.Interface.
func (h *ends) Swap(i, j int) { (*h)[i], (*h)[j] = (*h)[j], (*h)[i] }

// Push implements heap.Interface.
func (h *ends) Push(x any) { *h = append(*h, x.(end)) }

// Pop implements heap.Interface.
func (h *ends) Pop() any {
	n := len(*h) - 1
	last := (*h)[n]
	(*h)[n] = end{}
	*h = (*h)[:n]
	return last
}
