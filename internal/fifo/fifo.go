// Package fifo is the first-in first-out queue that waiting lines are made of.
//
// A Queue is a ring that grows as needed and shrinks again; it owns its elements until they are taken out
// and keeps no reference to them afterwards, which a slice that is only cut at its front does. It is used
// by whoever owns a waiting line and holds the lock around it: a Queue is not safe for concurrent use. It
// has no bound of its own, because bounds are in elements here and in bytes there; its owner checks before
// Push and names its policy when full.
//
// Promises: elements come out in the order in which they went in; Push, Pop and At take constant time,
// amortized; memory follows the length, and an emptied queue holds at most Keep places. Nothing fails;
// taking from an empty queue is a bug and panics.
package fifo

// shrinkAbove is the number of places below which it is not worth the while to become smaller.
const shrinkAbove = 8

// Queue is a queue of elements. The zero value is empty and ready to use.
type Queue[T any] struct {
	// Keep is how many places an emptied queue holds on to. Zero suits the many queues that are mostly
	// empty, more those that fill and empty all the time.
	Keep int

	ring  []T
	first int
	count int
}

// Len is the number of elements.
func (q *Queue[T]) Len() int { return q.count }

// At gives the i-th oldest element, in place, for reading and changing; the pointer is valid until the next
// Push or Pop.
func (q *Queue[T]) At(i int) *T {
	if i < 0 || i >= q.count {
		panic("fifo: index out of range")
	}
	return &q.ring[(q.first+i)%len(q.ring)]
}

// Push puts an element at the end.
func (q *Queue[T]) Push(v T) {
	if q.count == len(q.ring) {
		q.resize(max(1, 2*len(q.ring)))
	}
	q.count++
	*q.At(q.count - 1) = v
}

// Pop takes the oldest element, which must exist.
func (q *Queue[T]) Pop() T {
	at := q.At(0)
	v := *at
	var zero T
	*at = zero // or it would live on in the ring
	q.first = (q.first + 1) % len(q.ring)
	q.count--
	switch {
	case q.count == 0 && len(q.ring) > q.Keep:
		q.ring, q.first = nil, 0
	case q.count <= len(q.ring)/4 && len(q.ring) > max(shrinkAbove, q.Keep):
		q.resize(len(q.ring) / 2)
	}
	return v
}

// resize moves the elements into a ring of another size.
func (q *Queue[T]) resize(size int) {
	ring := make([]T, size)
	for i := range q.count {
		ring[i] = *q.At(i)
	}
	q.ring, q.first = ring, 0
}
