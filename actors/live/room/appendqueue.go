package room

import (
	"time"

	"github.com/barrage-live/barrage/internal/position"
)

// Bounds of one append: well inside those of a table batch.
const (
	appendRows  = 1000
	appendBytes = 1 << 20
)

// entry is an accepted danmaku on its way into the log.
type entry struct {
	Danmaku
	to      waiter        // who posted it; zero once answered
	at      time.Duration // when it was accepted
	weight  int
	content uint64 // see dedup.content
}

// appendQueue holds the danmaku that the log does not have yet, in their order: first those of the append
// that is out, then those that wait for the next one. One append is out at a time, and its rows do not
// change until it is settled.
type appendQueue struct {
	inflight []entry
	waiting  []entry
	out      bool
	size     int // weight of all
}

func (q *appendQueue) len() int { return len(q.inflight) + len(q.waiting) }

func (q *appendQueue) push(e entry) {
	q.waiting = append(q.waiting, e)
	q.size += e.weight
}

// begin takes the rows of the next append from what waits. It gives none while an append is out.
func (q *appendQueue) begin() []entry {
	if q.out || len(q.waiting) == 0 {
		return nil
	}
	n, size := 0, 0
	for n < len(q.waiting) && n < appendRows && bucketOf(q.waiting[n].Position.Offset) == bucketOf(q.waiting[0].Position.Offset) {
		if size += q.waiting[n].weight; n > 0 && size > appendBytes {
			break
		}
		n++
	}
	// The two slices change places, so that a room in use allocates nothing here.
	free, rest := q.inflight[:0], q.waiting[n:]
	q.inflight = q.waiting[:n]
	q.waiting = append(free, rest...)
	q.out = true
	return q.inflight
}

// settle gives the rows of the append that is out, whose outcome is known now. They are valid until the
// next begin.
func (q *appendQueue) settle() []entry {
	rows := q.inflight
	for i := range rows {
		q.size -= rows[i].weight
	}
	q.inflight, q.out = q.inflight[:0], false
	return rows
}

// withdraw gives the rows that no append has taken yet, and forgets them. They are valid until the next push.
func (q *appendQueue) withdraw() []entry {
	rows := q.waiting
	for i := range rows {
		q.size -= rows[i].weight
	}
	q.waiting = q.waiting[:0]
	return rows
}

// bucketRows is how many offsets share a partition of the log. An append stays within one.
const bucketRows = 1 << 16

// bucketOf numbers the partition of the log in which an offset lies.
func bucketOf(o position.Offset) uint64 { return uint64(o) / bucketRows }
