package hub

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

// maxHeld bounds the batches held while a gap before them is filled; a room bounds the bytes of each.
const maxHeld = 64

// roomFeed is a room as this node knows it. Batches of the room and joins of connections meet under its
// lock, which is held for memory work only; the asking is done by its keeper.
type roomFeed struct {
	hub  *Hub
	room id.Room
	// nudge wakes the keeper; capacity 1.
	nudge chan struct{}
	// marked says of each shard that it has been told of news it has not looked at yet.
	marked []atomic.Bool

	mu struct {
		sync.Mutex
		// ready: the first attachment has succeeded or failed, and failed says why the room is not kept;
		// until then those who want in are waiting, as many as have a join under way.
		ready   bool
		failed  *fault.Error
		waiting []func(failed error)

		recent recent
		// lost is the position up to which the node itself does not know the log and cannot learn it.
		lost position.Position
		info room.Info
		// version is that of info on this node.
		version uint64
		// batches counts those that were pushed.
		batches uint64

		// here counts the connections in the room on this node. It leaves zero only under Hub.mu.
		here   int
		shards []int // connections per shard
		// gap: head is not known yet, or what follows it is missing; batches are held until that has been
		// filled.
		gap  bool
		held []*room.Batch
		// attachment is the number of the last one that was answered; batches of earlier ones come late.
		// ended is the highest number of one that has ended.
		attachment, ended uint64
	}
}

func newFeed(h *Hub, r id.Room) *roomFeed {
	f := &roomFeed{hub: h, room: r, nudge: make(chan struct{}, 1), marked: make([]atomic.Bool, len(h.shards))}
	f.mu.shards = make([]int, len(h.shards))
	f.mu.gap = true
	return f
}

// whenReady calls f once the first attachment has been answered, perhaps at once; failed is why the room is
// not kept. f must not block.
func (f *roomFeed) whenReady(do func(failed error)) {
	f.mu.Lock()
	if !f.mu.ready {
		f.mu.waiting = append(f.mu.waiting, do)
		f.mu.Unlock()
		return
	}
	failed := f.mu.failed
	f.mu.Unlock()
	call(do, failed)
}

// become tells those who wait that the room is there, or why it is not.
func (f *roomFeed) become(failed *fault.Error) {
	f.mu.Lock()
	f.mu.ready, f.mu.failed = true, failed
	waiting := f.mu.waiting
	f.mu.waiting = nil
	f.mu.Unlock()
	for _, do := range waiting {
		call(do, failed)
	}
}

func call(do func(error), failed *fault.Error) {
	if failed != nil {
		do(failed)
		return
	}
	do(nil)
}

// gone is why the room is not kept any more, nil while it is.
func (f *roomFeed) gone() *fault.Error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.failed
}

func (f *roomFeed) wakeKeeper() {
	select {
	case f.nudge <- struct{}{}:
	default:
	}
}

// deliver takes a batch from the room actor.
func (f *roomFeed) deliver(b *room.Batch) {
	f.hub.metrics.batches.Inc()
	f.hub.metrics.danmaku.Add(float64(len(b.Danmaku)))
	f.mu.Lock()
	defer f.mu.Unlock()
	if b.Attachment < f.mu.attachment {
		return
	}
	f.take(b)
	if b.Closed {
		f.mu.ended = max(f.mu.ended, b.Attachment)
		f.wakeKeeper()
	}
}

// take passes a batch on, or holds it when something before it is missing. The lock is held.
func (f *roomFeed) take(b *room.Batch) {
	if b.Info != nil && b.Info.Newer(f.mu.info) {
		f.news(*b.Info)
	}
	switch head := f.mu.recent.head; {
	case f.mu.gap || b.From.Offset > head.Offset:
		f.hold(b)
	case b.To.Offset > head.Offset:
		f.push(b.To, after(b.Danmaku, head.Offset))
	}
}

// hold keeps a batch until the gap before it has been filled, which it asks for.
func (f *roomFeed) hold(b *room.Batch) {
	f.miss()
	if len(f.mu.held) >= maxHeld {
		f.hub.metrics.dropped.Inc()
		return
	}
	f.mu.held = append(f.mu.held, b)
}

// miss notes that there is a gap after head.
func (f *roomFeed) miss() {
	if !f.mu.gap {
		f.mu.gap = true
		f.hub.metrics.missed.Inc()
		f.wakeKeeper()
	}
}

// push takes what follows head, up to a position.
func (f *roomFeed) push(to position.Position, danmaku []room.Danmaku) {
	before := f.mu.recent.cost
	f.mu.recent.push(time.Now(), to, danmaku, f.hub.keep())
	f.hub.kept.Add(int64(f.mu.recent.cost - before))
	f.mu.batches++
	f.mark()
}

// news takes a state of the room.
func (f *roomFeed) news(info room.Info) {
	f.mu.info, f.mu.version = info, f.hub.versions.Add(1)
	f.mark()
}

// mark tells the shards with connections that there is news.
func (f *roomFeed) mark() {
	for i, n := range f.mu.shards {
		if n > 0 && !f.marked[i].Swap(true) {
			f.hub.shards[i].mark(f)
		}
	}
}

// attached takes the answer to an attachment. A position ahead of ours is a gap: batches went out while we
// were not attached. What is said of the room's state is true whatever came before: another activation may
// count its versions from the start.
func (f *roomFeed) attached(number uint64, a room.Attached) {
	f.mu.Lock()
	defer f.mu.Unlock()
	first := f.mu.attachment == 0
	f.mu.attachment = number
	if first || f.mu.info != a.Info {
		f.news(a.Info)
	}
	if first {
		f.mu.recent.reset(a.Position)
		f.goOn()
		return
	}
	f.compare(a.Position)
}

// reported takes the answer to a report.
func (f *roomFeed) reported(a room.Attached) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a.Info.Newer(f.mu.info) {
		f.news(a.Info)
	}
	f.compare(a.Position)
}

// lapsed notes that the room does not know the attachment.
func (f *roomFeed) lapsed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.ended = f.mu.attachment
	f.wakeKeeper()
}

// compare looks whether the room has sent more than has come.
func (f *roomFeed) compare(sent position.Position) {
	if sent.Offset > f.mu.recent.head.Offset {
		f.miss()
	}
}

// filled takes the answer to a Resume from head: what was missing, then what was held. It reports whether
// more is missing.
func (f *roomFeed) filled(rec room.Recovery) (more bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !rec.Recovered {
		f.lose(rec.Head)
	} else if rec.To.Offset > f.mu.recent.head.Offset {
		f.push(rec.To, after(rec.Danmaku, f.mu.recent.head.Offset))
	}
	if !rec.More {
		f.goOn()
	}
	return f.mu.gap
}

// lose begins anew at a position; what lies between head and there is lost to this node.
func (f *roomFeed) lose(head position.Position) {
	f.hub.kept.Add(int64(-f.mu.recent.cost))
	f.mu.recent.reset(head)
	f.mu.lost = head
	f.mark()
}

// goOn takes what was held. The lock is held.
func (f *roomFeed) goOn() {
	held := f.mu.held
	f.mu.held, f.mu.gap = nil, false
	for _, b := range held {
		f.take(b)
	}
}

// seed takes older danmaku than were kept so far.
func (f *roomFeed) seed(older []room.Danmaku, more bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.mu.recent.cost
	f.mu.recent.seed(time.Now(), older, more)
	f.hub.kept.Add(int64(f.mu.recent.cost - before))
}

// trim drops what need not be kept any more. With all it drops everything: the feed has ended.
func (f *roomFeed) trim(now time.Time, all bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.mu.recent.cost
	if all {
		f.mu.recent.reset(f.mu.recent.head)
	} else {
		f.mu.recent.trim(now, f.hub.keep())
	}
	f.hub.kept.Add(int64(f.mu.recent.cost - before))
}

// view is what a connection is told from.
type view struct {
	recent  recent
	lost    position.Position
	info    room.Info
	version uint64 // of info
	batches uint64
}

func (f *roomFeed) look() view {
	f.mu.Lock()
	defer f.mu.Unlock()
	return view{f.mu.recent, f.mu.lost, f.mu.info, f.mu.version, f.mu.batches}
}

// count changes how many connections of a shard are here.
func (f *roomFeed) count(shard, by int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.shards[shard] += by
	f.mu.here += by
	f.wakeKeeper()
}

func (f *roomFeed) here() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.here
}

// status is what the keeper has to see to: whether the attachment has ended, and whether there is a gap
// after head.
func (f *roomFeed) status() (ended, gap bool, head position.Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.ended >= f.mu.attachment, f.mu.gap, f.mu.recent.head
}

// attachment is the number under which the room knows this node.
func (f *roomFeed) attachment() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.attachment
}

// after cuts off the danmaku up to an offset.
func after(danmaku []room.Danmaku, known position.Offset) []room.Danmaku {
	for len(danmaku) > 0 && danmaku[0].Position.Offset <= known {
		danmaku = danmaku[1:]
	}
	return danmaku
}
