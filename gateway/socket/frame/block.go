package frame

import (
	"sort"
	"sync"
	"time"

	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

const (
	// elementCost is what a danmaku costs in memory besides its strings: the row, its bytes in both
	// encodings, their places.
	elementCost = 144 + 32 + 122 + 16
	// blockCost is what a block costs besides its danmaku.
	blockCost = 400
)

// Block is a stretch of a room's log: the danmaku of one epoch between two positions, in order, perhaps
// with some left out.
type Block struct {
	from, to position.Position
	rows     []room.Danmaku
	came     time.Time
	cost     int
	// variants are the bytes, by encoding and by whether the elements name their epoch.
	variants [wire.Encodings][2]variant
}

// variant is the bytes of all danmaku of a block in one form.
type variant struct {
	once  sync.Once
	bytes []byte
	ends  []int // of each element in bytes
}

// Blocks makes blocks of danmaku that came now and do not change any more. They lie after from and up to
// to, and may not be all that do. A block ends where the epoch changes, and where it gets long.
func Blocks(now time.Time, from, to position.Position, danmaku []room.Danmaku) []*Block {
	const most = 128 // danmaku in a block: few enough that what is used in part is not encoded for nothing
	var blocks []*Block
	for len(danmaku) > 0 {
		n := 1
		for n < min(len(danmaku), most) && danmaku[n].Position.Epoch == danmaku[0].Position.Epoch {
			n++
		}
		end := danmaku[n-1].Position
		if n == len(danmaku) {
			end = to
		}
		blocks = append(blocks, newBlock(now, from, end, danmaku[:n:n]))
		from, danmaku = end, danmaku[n:]
	}
	if len(blocks) == 0 && from != to {
		blocks = append(blocks, newBlock(now, from, to, nil))
	}
	return blocks
}

func newBlock(now time.Time, from, to position.Position, danmaku []room.Danmaku) *Block {
	cost := blockCost
	for i := range danmaku {
		cost += elementCost + 3*(len(danmaku[i].Text)+len(danmaku[i].Name)) + len(danmaku[i].Key)
	}
	return &Block{from: from, to: to, rows: danmaku, came: now, cost: cost}
}

// From is the position after which the block begins.
func (b *Block) From() position.Position { return b.from }

// To is the position up to which it goes.
func (b *Block) To() position.Position { return b.to }

// Len is the number of danmaku in it.
func (b *Block) Len() int { return len(b.rows) }

// Whole reports whether nothing was left out.
func (b *Block) Whole() bool { return position.Offset(len(b.rows)) == b.to.Offset-b.from.Offset }

// Came is when it came to this node.
func (b *Block) Came() time.Time { return b.came }

// Cost is about how many bytes of memory the block takes once it has been encoded in every form that is in
// use.
func (b *Block) Cost() int { return b.cost }

// Epoch is that of its danmaku, or of the position at which it ends.
func (b *Block) Epoch() position.Epoch {
	if len(b.rows) > 0 {
		return b.rows[0].Position.Epoch
	}
	return b.to.Epoch
}

// after is the index of the first danmaku after an offset.
func (b *Block) after(o position.Offset) int {
	if len(b.rows) == 0 || o < b.rows[0].Position.Offset {
		return 0
	}
	return sort.Search(len(b.rows), func(i int) bool { return b.rows[i].Position.Offset > o })
}

// variant gives the bytes in an encoding, for a frame that ends in an epoch.
func (b *Block) variant(e wire.Encoding, end position.Epoch) *variant {
	form := 0
	if len(b.rows) > 0 && b.rows[0].Position.Epoch != end {
		form = 1
	}
	v := &b.variants[e][form]
	v.once.Do(func() { v.make(e, form == 1, b.rows) })
	return v
}

func (v *variant) make(e wire.Encoding, named bool, rows []room.Danmaku) {
	size := 0
	for i := range rows {
		size += 40 + len(rows[i].Text) + len(rows[i].Name)
		if e == wire.JSON {
			size += 110
		}
	}
	v.bytes, v.ends = make([]byte, 0, size), make([]int, len(rows))
	var (
		d     wirepb.Danmaku // used for one after the other, so that none is allocated
		media uint64
	)
	for i := range rows {
		fill(&d, &rows[i], &media)
		if named {
			d.Epoch = uint64(rows[i].Position.Epoch)
		}
		v.bytes = wire.AppendElement(v.bytes, e, &d)
		v.ends[i] = len(v.bytes)
	}
}

// cut gives the bytes of the danmaku from one index up to another.
func (v *variant) cut(from, to int) []byte { return v.bytes[v.start(from):v.start(to)] }

func (v *variant) start(i int) int {
	if i == 0 {
		return 0
	}
	return v.ends[i-1]
}
