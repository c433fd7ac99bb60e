package room

import (
	"time"

	"github.com/barrage-live/barrage/internal/fifo"
	"github.com/barrage-live/barrage/internal/id"
)

// pace remembers when each user posted last, for slow mode: as long as slow mode reaches back and at most
// limit users, the longest silent leaving first.
type pace struct {
	last  map[id.User]time.Duration
	order fifo.Queue[paced]
	limit int
}

type paced struct {
	user id.User
	at   time.Duration
}

func newPace(limit int) *pace { return &pace{last: make(map[id.User]time.Duration), limit: limit} }

// note records that a user posted.
func (p *pace) note(user id.User, at, slow time.Duration) {
	p.last[user] = at
	p.order.Push(paced{user, at})
	for p.order.Len() > p.limit || p.order.Len() > 0 && at >= p.order.At(0).at+slow {
		gone := p.order.Pop()
		if last, ok := p.last[gone.user]; ok && last == gone.at {
			delete(p.last, gone.user)
		}
	}
}

// wait is how long a user must still be silent, zero if not at all.
func (p *pace) wait(user id.User, now, slow time.Duration) time.Duration {
	last, ok := p.last[user]
	if !ok {
		return 0
	}
	return max(0, last+slow-now)
}

// forgive takes back what note recorded of a user whose post came to nothing.
func (p *pace) forgive(user id.User) { delete(p.last, user) }

// clear forgets everyone; what slow mode did not note it cannot know.
func (p *pace) clear() {
	clear(p.last)
	p.order = fifo.Queue[paced]{}
}

// rates bounds how fast each user posts, over all connections: a token bucket per user, kept as the moment
// at which it would be full again. A user whose bucket is full is not remembered.
type rates struct {
	full  map[id.User]time.Duration
	every time.Duration // a token is worth
	burst time.Duration // a whole bucket is worth
	sweep int           // how many users it takes to look for full buckets
}

func newRates(perSecond, burst int) *rates {
	every := time.Second / time.Duration(perSecond)
	return &rates{full: make(map[id.User]time.Duration), every: every, burst: every * time.Duration(burst), sweep: minSweep}
}

const minSweep = 1024

// wait is how long it takes until the user has a token, zero if there is one.
func (r *rates) wait(user id.User, now time.Duration) time.Duration {
	full, some := r.full[user]
	if !some {
		return 0
	}
	return max(0, full+r.every-r.burst-now)
}

// take spends a token of the user.
func (r *rates) take(user id.User, now time.Duration) {
	r.full[user] = max(r.full[user], now) + r.every
	if len(r.full) < r.sweep {
		return
	}
	for u, full := range r.full {
		if full <= now {
			delete(r.full, u)
		}
	}
	r.sweep = max(minSweep, 2*len(r.full)) // so that a look over all costs each post the same
}
