package room

import (
	"encoding/binary"
	"hash/maphash"
	"time"

	"github.com/barrage-live/barrage/internal/fifo"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

// postKey is what makes two posts the same.
type postKey struct {
	user id.User
	key  string
}

// dedup remembers the idempotency keys of posts, so that a retry is answered with the first position. It
// holds the keys of the last span, but at most limit of them: the oldest leave first, and those that left
// before their time are counted.
type dedup struct {
	posted map[postKey]seen
	order  fifo.Queue[remembered] // every durable key, oldest first
	// joined are the retries that wait for the append of the first, retries is how many there are.
	joined  map[postKey][]waiter
	retries int

	span    time.Duration
	limit   int
	evicted uint64
	seed    maphash.Seed
}

// seen is what is known of a key.
type seen struct {
	position position.Position // zero while the append is in flight
	content  uint64
}

type remembered struct {
	key    postKey
	at     time.Duration
	offset position.Offset
}

func newDedup(span time.Duration, limit int) *dedup {
	return &dedup{
		posted: make(map[postKey]seen), joined: make(map[postKey][]waiter),
		span: span, limit: limit, seed: maphash.MakeSeed(),
	}
}

// content tells what a key was used for, from what the log holds of it. The media time is left out: it was
// brought onto the broadcast's clock when the danmaku was accepted, which a retry cannot repeat.
func (d *dedup) content(text string, mode Mode, colour uint32, size Size) uint64 {
	var h maphash.Hash
	h.SetSeed(d.seed)
	var look [6]byte
	binary.LittleEndian.PutUint32(look[:], colour)
	look[4], look[5] = byte(mode), byte(size)
	_, _ = h.Write(look[:])
	_, _ = h.WriteString(text)
	return h.Sum64()
}

// begin notes a key whose append is in flight.
func (d *dedup) begin(k postKey, content uint64) { d.posted[k] = seen{content: content} }

// join has a retry wait for the append of the first.
func (d *dedup) join(k postKey, w waiter) {
	d.joined[k] = append(d.joined[k], w)
	d.retries++
}

// settle notes that a key is durable at p, and returns the retries that were waiting.
func (d *dedup) settle(k postKey, p position.Position, content uint64, at time.Duration) []waiter {
	d.posted[k] = seen{p, content}
	d.order.Push(remembered{k, at, p.Offset})
	return d.release(k)
}

// abandon forgets a key that was in flight, and returns the retries that were waiting.
func (d *dedup) abandon(k postKey) []waiter {
	delete(d.posted, k)
	return d.release(k)
}

// release returns the retries of a key that were waiting.
func (d *dedup) release(k postKey) []waiter {
	joined, some := d.joined[k]
	if some {
		delete(d.joined, k)
		d.retries -= len(joined)
	}
	return joined
}

// forget drops the keys that are too old or too many.
func (d *dedup) forget(now time.Duration) {
	for d.order.Len() > 0 {
		old := now >= d.order.At(0).at+d.span
		if !old && d.order.Len() <= d.limit {
			return
		}
		r := d.order.Pop()
		// The same key may have been posted again since, when it was older than the span: that one stays.
		if d.posted[r.key].position.Offset == r.offset {
			delete(d.posted, r.key)
		}
		if !old {
			d.evicted++
		}
	}
}
