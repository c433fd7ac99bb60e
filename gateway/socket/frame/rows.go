package frame

import (
	"slices"
	"sort"
	"time"

	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wire"
)

// Rows are danmaku in order, as parts of blocks. The zero value is none.
type Rows struct {
	parts []part
	n     int
}

type part struct {
	block    *Block
	from, to int
}

// RowsOf are danmaku that nobody else is told, in order. They may have holes.
func RowsOf(danmaku []room.Danmaku) Rows {
	var r Rows
	if len(danmaku) == 0 {
		return r
	}
	for _, b := range Blocks(time.Time{}, position.Position{}, danmaku[len(danmaku)-1].Position, danmaku) {
		r = r.with(b, 0, b.Len())
	}
	return r
}

// RowsAfter are all danmaku of the blocks after an offset.
func RowsAfter(o position.Offset, blocks []*Block) Rows {
	var r Rows
	for _, b := range blocks {
		r = r.with(b, b.after(o), b.Len())
	}
	return r
}

// Last are the last n danmaku of the blocks before an offset; zero is the end.
func Last(before position.Offset, n int, blocks []*Block) Rows {
	var picked []part // the last one first
	for i := len(blocks) - 1; i >= 0 && n > 0; i-- {
		b := blocks[i]
		to := b.Len()
		if before > 0 {
			to = b.after(before - 1)
		}
		if from := max(0, to-n); from < to {
			picked = append(picked, part{b, from, to})
			n -= to - from
		}
	}
	return backwards(picked)
}

// with are the rows and a part of a block after them.
func (r Rows) with(b *Block, from, to int) Rows {
	if from < to {
		r.parts = append(r.parts, part{b, from, to})
		r.n += to - from
	}
	return r
}

// Len is how many there are.
func (r Rows) Len() int { return r.n }

// First is the position of the first, zero without one.
func (r Rows) First() position.Position {
	if len(r.parts) == 0 {
		return position.Position{}
	}
	return r.parts[0].block.rows[r.parts[0].from].Position
}

// Last is the position of the last, zero without one.
func (r Rows) Last() position.Position {
	if len(r.parts) == 0 {
		return position.Position{}
	}
	last := r.parts[len(r.parts)-1]
	return last.block.rows[last.to-1].Position
}

// Size is how many bytes they take in a frame, or a little more.
func (r Rows) Size(e wire.Encoding) int {
	pad, size := r.pad(e), 0
	for _, p := range r.parts {
		size += p.own(e).size(p.from, p.to, pad)
	}
	return size
}

// Oldest are as many of the first ones as fit into a number of bytes of a frame.
func (r Rows) Oldest(e wire.Encoding, most int) Rows {
	var fit Rows
	pad := r.pad(e)
	for _, p := range r.parts {
		v := p.own(e)
		n := sort.Search(p.to-p.from, func(i int) bool { return v.size(p.from, p.from+i+1, pad) > most })
		fit = fit.with(p.block, p.from, p.from+n)
		if n < p.to-p.from {
			break
		}
		most -= v.size(p.from, p.to, pad)
	}
	return fit
}

// Newest are as many of the last ones as fit into a number of bytes of a frame.
func (r Rows) Newest(e wire.Encoding, most int) Rows {
	pad := r.pad(e)
	first := len(r.parts)
	for first > 0 {
		p := r.parts[first-1]
		v := p.own(e)
		if size := v.size(p.from, p.to, pad); size <= most {
			most -= size
			first--
			continue
		}
		n := sort.Search(p.to-p.from, func(i int) bool { return v.size(p.to-i-1, p.to, pad) > most })
		var fit Rows
		fit = fit.with(p.block, p.to-n, p.to)
		for _, p := range r.parts[first:] {
			fit = fit.with(p.block, p.from, p.to)
		}
		return fit
	}
	return r
}

// Sample are as many as fit into a number of bytes of a frame, evenly over all of them, the last one among
// them.
func (r Rows) Sample(e wire.Encoding, most int) Rows {
	pad := r.pad(e)
	every, countdown := (r.Size(e)+most-1)/max(most, 1), 0
	var picked []part // the last one first
	for _, p := range slices.Backward(r.parts) {
		v := p.own(e)
		for j := p.to - 1; j >= p.from; j-- {
			if countdown--; countdown > 0 {
				continue
			}
			countdown = every
			if most -= v.size(j, j+1, pad); most < 0 {
				return backwards(picked)
			}
			picked = append(picked, part{p.block, j, j + 1})
		}
	}
	return backwards(picked)
}

func backwards(picked []part) Rows {
	slices.Reverse(picked)
	r := Rows{parts: picked}
	for _, p := range picked {
		r.n += p.to - p.from
	}
	return r
}

// own gives the bytes of the danmaku as they are in a frame that ends in their own epoch.
func (p part) own(e wire.Encoding) *variant {
	return p.block.variant(e, p.block.rows[p.from].Position.Epoch)
}

// pad is the most that naming the epoch adds to an element, if any of these may have to.
func (r Rows) pad(e wire.Encoding) int {
	switch {
	case r.First().Epoch == r.Last().Epoch:
		return 0
	case e == wire.JSON:
		return len(`"epoch":"18446744073709551615",`)
	}
	return 1 + 10 + 1 // tag, number, and the length of the element may take a byte more
}

// size is how many bytes the danmaku from one index up to another take, each with some more.
func (v *variant) size(from, to, pad int) int { return v.start(to) - v.start(from) + (to-from)*pad }

// in gives the bytes for a frame that ends in an epoch.
func (r Rows) in(e wire.Encoding, end position.Epoch) (parts [][]byte, size int) {
	parts = make([][]byte, len(r.parts))
	for i, p := range r.parts {
		parts[i] = p.block.variant(e, end).cut(p.from, p.to)
		size += len(parts[i])
	}
	return parts, size
}
