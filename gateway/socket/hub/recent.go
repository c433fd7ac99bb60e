package hub

import (
	"slices"
	"sort"
	"time"

	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/gateway/socket/frame"
	"github.com/barrage-live/barrage/internal/position"
)

// leastKept is how many of a room's newest danmaku are kept however old they are, so that joins are
// answered without asking the room.
const leastKept = 256

// bounds say what of a room is kept: what came within age, at least leastKept danmaku, at most bytes.
type bounds struct {
	age   time.Duration
	bytes int
}

// recent is the newest part of a room's log, as blocks that go on from one another, up to head. A copy of
// it is a snapshot: what it holds stays valid and unchanged.
type recent struct {
	blocks     []*frame.Block
	base, head position.Position
	// all says that there is nothing in the log before base.
	all     bool
	rows    int // danmaku in it
	cost    int // bytes of memory
	evicted int // since the array of blocks was last made
}

// push appends danmaku that lie after head and up to to.
func (r *recent) push(now time.Time, to position.Position, danmaku []room.Danmaku, keep bounds) {
	for _, b := range frame.Blocks(now, r.head, to, danmaku) {
		r.blocks = append(r.blocks, b)
		r.rows += b.Len()
		r.cost += b.Cost()
	}
	r.head = to
	r.trim(now, keep)
}

// trim drops what is not to be kept, the oldest first; the newest block stays.
func (r *recent) trim(now time.Time, keep bounds) {
	n := 0
	for ; n < len(r.blocks)-1; n++ {
		oldest := r.blocks[n]
		if r.cost <= keep.bytes && (r.rows-oldest.Len() < leastKept || now.Sub(oldest.Came()) < keep.age) {
			break
		}
		r.rows -= oldest.Len()
		r.cost -= oldest.Cost()
		r.base, r.all = oldest.To(), false
	}
	r.blocks = r.blocks[n:]
	r.evicted += n
	if r.evicted > len(r.blocks)/4+8 {
		// Snapshots are still being read in the old array, so what was dropped cannot be cleared there:
		// leave it.
		r.blocks, r.evicted = slices.Clone(r.blocks), 0
	}
}

// seed puts older danmaku before what is there, if they fit without a hole; more says that there are still
// older ones.
func (r *recent) seed(now time.Time, older []room.Danmaku, more bool) {
	end := sort.Search(len(older), func(i int) bool { return older[i].Position.Offset > r.base.Offset })
	older = older[:end]
	if end == 0 {
		r.all = r.all || !more && r.base.Offset == 0
		return
	}
	if last := older[end-1].Position; last.Offset != r.base.Offset || r.base.Epoch != 0 && last.Epoch != r.base.Epoch {
		return
	}
	// Where the first of them begins is known by its offset only: what lies there has an epoch that is not
	// known here.
	before := position.Position{Offset: older[0].Position.Offset - 1}
	front := frame.Blocks(now, before, r.base, older)
	for _, b := range front {
		r.rows += b.Len()
		r.cost += b.Cost()
	}
	r.blocks, r.base, r.all = append(front, r.blocks...), before, !more
}

// reset begins anew at a position.
func (r *recent) reset(head position.Position) { *r = recent{base: head, head: head} }

// after gives the blocks that hold what comes after an offset.
func (r *recent) after(o position.Offset) []*frame.Block {
	return r.blocks[sort.Search(len(r.blocks), func(i int) bool { return r.blocks[i].To().Offset > o }):]
}

// covers reports whether a position is one of this log, and everything after it is here.
func (r *recent) covers(p position.Position) bool {
	switch {
	case p == r.head:
		return true
	case p.Offset <= r.base.Offset || p.Offset >= r.head.Offset:
		return p == r.base && whole(r.blocks)
	}
	i := sort.Search(len(r.blocks), func(i int) bool { return r.blocks[i].To().Offset >= p.Offset })
	return r.blocks[i].Epoch() == p.Epoch && whole(r.blocks[i:])
}

// newest gives the last n danmaku before an offset, zero meaning the end, and whether there are older ones;
// false if fewer are kept than there may be.
func (r *recent) newest(before position.Offset, n int) (rows frame.Rows, more, ok bool) {
	if before > r.head.Offset {
		before = 0
	}
	last := len(r.blocks)
	if before > 0 {
		last = min(last, 1+sort.Search(last, func(i int) bool { return r.blocks[i].To().Offset >= before }))
	}
	first := last
	for have := 0; first > 0 && have < n; first-- {
		b := r.blocks[first-1]
		if !b.Whole() {
			return rows, false, false
		}
		if before == 0 || b.To().Offset < before {
			have += b.Len()
		} else if b.From().Offset < before {
			have += int(before - 1 - b.From().Offset)
		}
	}
	rows = frame.Last(before, n, r.blocks[first:last])
	if rows.Len() < n && !r.all {
		return frame.Rows{}, false, false
	}
	return rows, !r.all || rows.Len() > 0 && rows.First().Offset > r.base.Offset+1, true
}

// whole reports whether nothing was left out of the blocks.
func whole(blocks []*frame.Block) bool {
	return !slices.ContainsFunc(blocks, func(b *frame.Block) bool { return !b.Whole() })
}
