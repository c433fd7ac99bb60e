package room

import (
	"time"

	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

// postKey is what makes two posts the same.
type postKey struct {
	user id.User
	key  string
}

// window remembers which keys were posted, so that a retry is answered with the first position. It holds the keys of
// the last span, but at most limit of them: the oldest leave first, and those that left before their time are counted.
type window struct {
	posted map[postKey]position.Position // zero offset: still in flight
	order  queue[stamped]                // every durable key, oldest first
	// joined are the retries that wait for the append of the first.
	joined map[postKey][]waiter

	span    time.Duration
	limit   int
	evicted uint64
}

type stamped struct {
	key postKey
	at  time.Time
}

func newWindow(span time.Duration, limit int) *window {
	return &window{
		posted: make(map[postKey]position.Position), joined: make(map[postKey][]waiter),
		span: span, limit: limit,
	}
}

// begin notes a key whose append is in flight.
func (w *window) begin(k postKey) { w.posted[k] = position.Position{} }

// settle notes that a key is durable at p, forgets what is too old, and returns the retries that were waiting.
func (w *window) settle(k postKey, p position.Position, at time.Time) []waiter {
	w.posted[k] = p
	w.order.push(stamped{k, at})
	w.forget(at)
	return w.release(k)
}

// abandon forgets a key that was in flight and returns the retries that were waiting.
func (w *window) abandon(k postKey) []waiter {
	delete(w.posted, k)
	return w.release(k)
}

func (w *window) release(k postKey) []waiter {
	joined := w.joined[k]
	if joined != nil {
		delete(w.joined, k)
	}
	return joined
}

func (w *window) forget(now time.Time) {
	for w.order.len() > 0 {
		old := !now.Before(w.order.at(0).at.Add(w.span))
		if !old && w.order.len() <= w.limit {
			return
		}
		delete(w.posted, w.order.pop().key)
		if !old {
			w.evicted++
		}
	}
}

// pace remembers when each user posted last, for slow mode: as long as slow mode reaches back and at most limit users,
// the longest silent leaving first.
type pace struct {
	last  map[id.User]time.Time
	order queue[paced]
	limit int
}

type paced struct {
	user id.User
	at   time.Time
}

func newPace(limit int) *pace { return &pace{last: make(map[id.User]time.Time), limit: limit} }

// note records that a user posted.
func (p *pace) note(user id.User, at time.Time, slow time.Duration) {
	p.last[user] = at
	p.order.push(paced{user, at})
	for p.order.len() > p.limit || p.order.len() > 0 && !at.Before(p.order.at(0).at.Add(slow)) {
		gone := p.order.pop()
		if last, ok := p.last[gone.user]; ok && last.Equal(gone.at) {
			delete(p.last, gone.user)
		}
	}
}

// wait is how long a user must still be silent, zero if not at all.
func (p *pace) wait(user id.User, now time.Time, slow time.Duration) time.Duration {
	last, ok := p.last[user]
	if !ok {
		return 0
	}
	return min(slow, max(0, last.Add(slow).Sub(now))) // not more, should the clock have been set back
}

// forgive takes back what note recorded of a user whose post came to nothing.
func (p *pace) forgive(user id.User) { delete(p.last, user) }

// clear forgets everyone; what slow mode did not note it cannot know.
func (p *pace) clear() {
	clear(p.last)
	p.order = queue[paced]{}
}
