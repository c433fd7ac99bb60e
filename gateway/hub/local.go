package hub

import (
	"sync"
	"time"

	"github.com/barrage-live/barrage/actors/room"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

// maxRepair bounds the batches held while a hole is being filled.
const maxRepair = 256

// local is a room as this node knows it. Deliver and the joins of connections meet under its lock, which is held for
// memory work only; the asking is done by its keeper.
type local struct {
	hub  *Hub
	room id.Room
	// nudge wakes the keeper; capacity 1.
	nudge chan struct{}

	mu struct {
		sync.Mutex
		// ready: the first attachment has succeeded or failed, and failed says why the room is not kept; until then those who want
		// in are waiting, as many as have a join under way.
		ready   bool
		failed  error
		waiting []func(failed error)
		window  window
		info    room.Info
		// version is that of info on this node.
		version uint64
		// here counts the connections in the room on this node. It leaves zero only under Hub.mu.
		here   int
		shards []int // connections per shard
		// torn: the position is not known yet, or a hole was found; batches are held until that is mended.
		torn bool
		held []*room.Batch
		// attachment is the number of the last one that was answered; batches of earlier ones come late.
		attachment uint64
		// ends counts the attachments that have ended, and seen how many had when the present one was asked for.
		ends, seen uint64
	}
}

func newLocal(h *Hub, r id.Room) *local {
	l := &local{hub: h, room: r, nudge: make(chan struct{}, 1)}
	l.mu.shards = make([]int, len(h.shards))
	l.mu.torn = true
	return l
}

// whenReady calls f once the first attachment has been answered, perhaps at once; failed is why the room is not kept. f must not block.
func (l *local) whenReady(f func(failed error)) {
	l.mu.Lock()
	if !l.mu.ready {
		l.mu.waiting = append(l.mu.waiting, f)
		l.mu.Unlock()
		return
	}
	failed := l.mu.failed
	l.mu.Unlock()
	f(failed)
}

// become tells those who wait that the room is there, or why it is not.
func (l *local) become(failed error) {
	l.mu.Lock()
	l.mu.ready, l.mu.failed = true, failed
	waiting := l.mu.waiting
	l.mu.waiting = nil
	l.mu.Unlock()
	for _, f := range waiting {
		f(failed)
	}
}

func (l *local) wakeKeeper() {
	select {
	case l.nudge <- struct{}{}:
	default:
	}
}

// deliver takes a batch from the room actor.
func (l *local) deliver(b *room.Batch) {
	l.hub.metrics.batches.Inc()
	l.hub.metrics.danmaku.Add(float64(len(b.Danmaku)))
	l.mu.Lock()
	defer l.mu.Unlock()
	if b.Attachment < l.mu.attachment {
		return
	}
	if b.Closed {
		l.mu.ends++
		l.wakeKeeper()
		return
	}
	l.take(b)
}

// take passes a batch on, or holds it when something before it is missing. The lock is held.
func (l *local) take(b *room.Batch) {
	rest := after(b.Danmaku, l.mu.window.head.Offset)
	if l.mu.torn || len(rest) > 0 && rest[0].Position.Offset != l.mu.window.head.Offset+1 {
		l.tear(b)
		return
	}
	l.spread(rest, b.Info)
}

// tear holds a batch behind a hole and has the keeper fill the hole.
func (l *local) tear(b *room.Batch) {
	if !l.mu.torn {
		l.mu.torn = true
		l.hub.metrics.holes.Inc()
		l.wakeKeeper()
	}
	if len(l.mu.held) >= maxRepair {
		l.hub.metrics.dropped.WithLabelValues("hole").Inc()
		return
	}
	l.mu.held = append(l.mu.held, b)
}

// spread gives danmaku that follow the head, and news of the room, to every shard with connections.
func (l *local) spread(danmaku []room.Danmaku, info *room.Info) {
	if info != nil && info.Newer(l.mu.info) {
		l.mu.info, l.mu.version = *info, l.hub.versions.Add(1)
	}
	from := l.mu.window.head
	l.mu.window.push(danmaku)
	if len(danmaku) == 0 && info == nil {
		return
	}
	p := &prepared{
		room: l.room, from: from, danmaku: danmaku, info: info, version: l.mu.version, came: time.Now(), metrics: l.hub.metrics,
	}
	for i, n := range l.mu.shards {
		if n > 0 {
			l.hub.shards[i].push(order{batch: p})
		}
	}
}

// attached takes the answer to the first attachment: batches follow its position.
func (l *local) attached(number uint64, a room.Attached) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.info, l.mu.version, l.mu.attachment = a.Info, l.hub.versions.Add(1), number
	l.mu.window.reset(a.Position)
	l.resume()
}

// ends is how many attachments have ended.
func (l *local) ends() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.ends
}

// renewed takes the answer to a later attachment that was asked for after so many had ended; an end since then is another
// one, or the same told twice. A position ahead of ours is a hole: batches went out while we were not attached.
func (l *local) renewed(number uint64, a room.Attached, ends uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.seen, l.mu.attachment = ends, number
	if a.Info.Newer(l.mu.info) {
		l.spread(nil, &a.Info)
	}
	if a.Position.Offset > l.mu.window.head.Offset {
		l.tear(&room.Batch{Room: l.room})
	}
}

// resume takes what was held. The lock is held.
func (l *local) resume() {
	held := l.mu.held
	l.mu.held, l.mu.torn = nil, false
	for _, b := range held {
		l.take(b)
	}
}

// mended takes the answer to a Resume from our head: what was missing, then what was held.
func (l *local) mended(rec room.Recovery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if rec.Recovered {
		l.spread(after(rec.Danmaku, l.mu.window.head.Offset), nil)
	} else {
		l.mu.window.reset(rec.Head)
		l.clear(errGap)
	}
	if !rec.More {
		l.resume()
	}
}

// clear takes every connection out of the room. The lock is held.
func (l *local) clear(why *fault.Error) {
	for i := range l.mu.shards {
		l.hub.shards[i].push(order{do: func(s *shard) { s.clear(l.room, why) }})
	}
}

// snapshot is what a joining connection is answered from.
type snapshot struct {
	window  window
	info    room.Info
	version uint64 // of info
}

func (l *local) look() snapshot {
	l.mu.Lock()
	defer l.mu.Unlock()
	return snapshot{l.mu.window, l.mu.info, l.mu.version}
}

// count changes how many connections of a shard are here.
func (l *local) count(shard, by int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.shards[shard] += by
	l.mu.here += by
	l.wakeKeeper()
}

func (l *local) here() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.here
}

// trouble is what the keeper has to see to.
func (l *local) trouble() (moved, torn bool, head position.Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.ends != l.mu.seen, l.mu.torn, l.mu.window.head
}

// attachment is the number under which the room knows this node.
func (l *local) attachment() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.attachment
}

func (l *local) seed(older []room.Danmaku, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.window.seed(older, more)
}
