package room

import (
	"github.com/barrage-live/barrage/internal/fifo"
	"github.com/barrage-live/barrage/internal/position"
)

// ring holds the newest danmaku of the log, without a hole, within a bound of count and of bytes: the
// oldest leave first.
type ring struct {
	rows     fifo.Queue[held]
	size     int
	maxCount int
	maxBytes int
}

// push adds the next danmaku. A hole empties the ring first: what it holds must stay contiguous.
func (r *ring) push(d *Danmaku, weight int) {
	if n := r.rows.Len(); n > 0 && r.rows.At(n-1).Position.Offset+1 != d.Position.Offset {
		r.clear()
	}
	r.rows.Push(held{*d, weight})
	r.size += weight
	for r.rows.Len() > r.maxCount || r.size > r.maxBytes && r.rows.Len() > 1 {
		r.size -= r.rows.Pop().weight
	}
}

func (r *ring) clear() { r.rows, r.size = fifo.Queue[held]{}, 0 }

// bounds are the first and last offset held; ok is false for an empty ring.
func (r *ring) bounds() (first, last position.Offset, ok bool) {
	n := r.rows.Len()
	if n == 0 {
		return 0, 0, false
	}
	return r.rows.At(0).Position.Offset, r.rows.At(n - 1).Position.Offset, true
}

// holds reports whether the ring has every danmaku from offset to its end.
func (r *ring) holds(offset position.Offset) bool {
	first, last, ok := r.bounds()
	return ok && offset >= first && offset <= last
}

// page copies the danmaku from an offset, which the ring must hold, up to another, as many as fit into a
// page and at least one.
func (r *ring) page(from, to position.Offset) []Danmaku {
	first, _, _ := r.bounds()
	n, size := 0, 0
	for o := from; o <= to; o++ {
		if size += r.rows.At(int(o - first)).weight; n > 0 && size > MaxBatchBytes {
			break
		}
		n++
	}
	return r.copied(from, n)
}

// upTo copies at most limit danmaku that end at an offset, which the ring must hold, as many as fit into a
// page and at least one. whole is false if the page could hold more than the ring does.
func (r *ring) upTo(to position.Offset, limit int) (rows []Danmaku, whole bool) {
	first, _, _ := r.bounds()
	n, size := 0, 0
	for o := to; o >= first && n < limit; o-- {
		if size += r.rows.At(int(o - first)).weight; n > 0 && size > MaxBatchBytes {
			whole = true
			break
		}
		n++
	}
	from := to + 1 - position.Offset(n)
	return r.copied(from, n), whole || n == limit || from == 1
}

// step copies the danmaku from an offset on, which the ring must hold, at most limit of them and, but for
// the first, of so much weight.
func (r *ring) step(from position.Offset, limit, weight int) []Danmaku {
	first, last, _ := r.bounds()
	n, size := 0, 0
	for o := from; o <= last && n < limit; o++ {
		if size += r.rows.At(int(o - first)).weight; n > 0 && size > weight {
			break
		}
		n++
	}
	return r.copied(from, n)
}

func (r *ring) copied(from position.Offset, n int) []Danmaku {
	first, _, _ := r.bounds()
	out := make([]Danmaku, n)
	for i := range out {
		out[i] = r.rows.At(int(from-first) + i).Danmaku
	}
	return out
}

// held is a danmaku in the ring.
type held struct {
	Danmaku
	weight int
}
