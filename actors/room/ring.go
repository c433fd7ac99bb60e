package room

import "github.com/barrage-live/barrage/internal/position"

// ring holds the newest danmaku of the log, without a hole, within a bound of count and of bytes: the oldest leave first.
type ring struct {
	rows     queue[Danmaku]
	size     int
	maxCount int
	maxBytes int
}

// push adds the next danmaku. A hole empties the ring first: what it holds must stay contiguous.
func (r *ring) push(d Danmaku) {
	if n := r.rows.len(); n > 0 && r.rows.at(n-1).Position.Offset+1 != d.Position.Offset {
		r.clear()
	}
	r.rows.push(d)
	r.size += weight(d)
	for r.rows.len() > r.maxCount || r.size > r.maxBytes && r.rows.len() > 1 {
		r.size -= weight(r.rows.pop())
	}
}

func (r *ring) clear() {
	for r.rows.len() > 0 {
		r.rows.pop()
	}
	r.size = 0
}

// bounds are the first and last offset held; ok is false for an empty ring.
func (r *ring) bounds() (first, last position.Offset, ok bool) {
	n := r.rows.len()
	if n == 0 {
		return 0, 0, false
	}
	return r.rows.at(0).Position.Offset, r.rows.at(n - 1).Position.Offset, true
}

// holds reports whether the ring has every danmaku from offset to its end.
func (r *ring) holds(offset position.Offset) bool {
	first, last, ok := r.bounds()
	return ok && offset >= first && offset <= last
}

// between copies the danmaku with from <= offset <= to, which the ring must hold.
func (r *ring) between(from, to position.Offset) []Danmaku {
	if from > to {
		return nil
	}
	first, _, _ := r.bounds()
	out := make([]Danmaku, 0, to-from+1)
	for o := from; o <= to; o++ {
		out = append(out, *r.rows.at(int(o - first)))
	}
	return out
}

// rowOverhead is what a danmaku costs beside its strings.
const rowOverhead = 160

// weight is about how many bytes a danmaku takes, in memory and in a batch of rows.
func weight(d Danmaku) int {
	return rowOverhead + len(d.Key) + len(d.User) + len(d.Name) + len(d.Text)
}
