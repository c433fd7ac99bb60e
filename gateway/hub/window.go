package hub

import (
	"sort"

	"github.com/barrage-live/barrage/actors/room"
	"github.com/barrage-live/barrage/internal/position"
)

// kept is how many of a room's newest danmaku answer joins without asking the room.
const kept = 256

// window is the newest danmaku of a room, without holes, ending at head. What it hands out stays valid and unchanged.
type window struct {
	rows []room.Danmaku
	head position.Position
	// whole says that there is nothing in the log before the rows.
	whole bool
}

// push appends what follows head.
func (w *window) push(danmaku []room.Danmaku) {
	if len(danmaku) == 0 {
		return
	}
	w.head = danmaku[len(danmaku)-1].Position
	w.rows = append(w.rows, danmaku...)
	if len(w.rows) > 2*kept {
		// A fresh array: snapshots of the old one are still being read.
		w.rows = append(make([]room.Danmaku, 0, 3*kept), w.rows[len(w.rows)-kept:]...)
		w.whole = false
	}
}

// seed puts older rows before the present ones, if they fit without a hole.
func (w *window) seed(older []room.Danmaku, more bool) {
	first := w.head.Offset + 1
	if len(w.rows) > 0 {
		first = w.rows[0].Position.Offset
	}
	end := sort.Search(len(older), func(i int) bool { return older[i].Position.Offset >= first })
	older = older[:end]
	if end == 0 {
		w.whole = w.whole || !more && first == 1
		return
	}
	if older[end-1].Position.Offset+1 != first {
		return
	}
	w.rows = append(append(make([]room.Danmaku, 0, len(older)+len(w.rows)), older...), w.rows...)
	w.whole = !more
}

// reset begins anew at a position.
func (w *window) reset(head position.Position) { *w = window{head: head} }

// newest gives the last n rows, and whether there are older ones; false if fewer are kept than there may be.
func (w *window) newest(n int) (rows []room.Danmaku, more, ok bool) {
	if len(w.rows) < n && !w.whole {
		return nil, false, false
	}
	from := max(0, len(w.rows)-n)
	return w.rows[from:len(w.rows):len(w.rows)], from > 0 || !w.whole, true
}

// behind gives everything after a position that is proven to be in the log; false if that cannot be told from here.
func (w *window) behind(p position.Position) ([]room.Danmaku, bool) {
	if p == w.head {
		return nil, true
	}
	i := sort.Search(len(w.rows), func(i int) bool { return w.rows[i].Position.Offset >= p.Offset })
	if i == len(w.rows) || w.rows[i].Position != p {
		return nil, false
	}
	return w.rows[i+1 : len(w.rows) : len(w.rows)], true
}
