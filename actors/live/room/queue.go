package room

// queue is a first-in first-out ring that grows as needed and is indexed from its oldest element. Its owner bounds it.
type queue[T any] struct {
	buf   []T
	first int
	count int
}

func (q *queue[T]) len() int { return q.count }

// at is the i-th oldest element.
func (q *queue[T]) at(i int) *T { return &q.buf[(q.first+i)%len(q.buf)] }

func (q *queue[T]) push(v T) {
	if q.count == len(q.buf) {
		q.grow()
	}
	q.count++
	*q.at(q.count - 1) = v
}

// pop removes the oldest element, which must exist, and drops the reference to it.
func (q *queue[T]) pop() T {
	p := q.at(0)
	v := *p
	var zero T
	*p = zero
	q.first = (q.first + 1) % len(q.buf)
	q.count--
	return v
}

func (q *queue[T]) grow() {
	bigger := make([]T, max(8, 2*len(q.buf)))
	for i := range q.count {
		bigger[i] = *q.at(i)
	}
	q.buf, q.first = bigger, 0
}
