package room

import (
	"time"

	"github.com/barrage-live/barrage/internal/position"
)

// infoInterval is the least time between two broadcasts of Info.
const infoInterval = time.Second

// fanout is who gets the room's batches and what the next ones hold.
type fanout struct {
	subs []subscription
	// backlog is what the next batches hold, in order; all but the last one are as heavy as a batch may be.
	// It follows sent without a hole and is durable.
	backlog []chunk
	rows    int // in the backlog
	size    int // their weight
	sent    position.Position
	// crowded says that the last tick could not take the whole backlog.
	crowded bool
	// wake is when the shell was last asked to bring a tick; zero when it was not, so an idle room has no
	// timer.
	wake     time.Duration
	lastTick time.Duration
	lastInfo time.Duration
	// version is that of the room's Info, announced the one that was last broadcast.
	version, announced uint64
}

// chunk is the danmaku of one batch.
type chunk struct {
	rows []Danmaku
	size int
}

func newFanout(now instant, head position.Position) fanout {
	const long = time.Hour // ago: the first batch goes out at once
	return fanout{sent: head, version: 1, announced: 1, lastTick: now.at - long, lastInfo: now.at - long}
}

// add puts a danmaku at the end of the backlog. more is how many are about to follow.
func (f *fanout) add(e *entry, more int) {
	n := len(f.backlog)
	if n == 0 || f.backlog[n-1].size+e.weight > MaxBatchBytes {
		f.backlog = append(f.backlog, chunk{rows: make([]Danmaku, 0, min(more+1, pageRows))})
		n++
	}
	last := &f.backlog[n-1]
	last.rows, last.size = append(last.rows, e.Danmaku), last.size+e.weight
	f.rows, f.size = f.rows+1, f.size+e.weight
}

// take takes as much of the backlog as may go out at once.
func (f *fanout) take() []chunk {
	n, size := 0, 0
	for n < len(f.backlog) && size+f.backlog[n].size <= MaxTickBytes {
		size += f.backlog[n].size
		f.rows -= len(f.backlog[n].rows)
		n++
	}
	f.size -= size
	taken := f.backlog[:n:n]
	f.backlog = f.backlog[n:]
	if len(f.backlog) == 0 {
		f.backlog = nil
	}
	return taken
}

func (f *fanout) drop() { f.backlog, f.rows, f.size = nil, 0, 0 }

func (s *state) info() Info {
	online := 0
	for _, sub := range s.fanout.subs {
		online += sub.viewers
	}
	return Info{
		Room: s.room, Epoch: s.epoch, Version: s.fanout.version,
		Online: online, SlowMode: s.card.Settings.SlowMode, MaxLength: s.card.Settings.MaxLength,
		Live: s.card.broadcast != "", Broadcast: s.card.broadcast, BroadcastStart: s.card.start,
	}
}

// interval is the tick: the base, lengthened so that the busiest node writes to its sockets within the
// budget.
func (s *state) interval() time.Duration {
	most := 0
	for _, sub := range s.fanout.subs {
		most = max(most, sub.viewers)
	}
	need := time.Duration(most) * time.Second / time.Duration(s.cfg.WriteBudget)
	return min(max(s.cfg.Tick, need), s.cfg.MaxTick)
}

// collect takes durable danmaku into the backlog. Without subscribers there is none.
func (s *state) collect(rows []entry) {
	f := &s.fanout
	if len(f.subs) == 0 {
		f.sent = s.head
		return
	}
	for i := range rows {
		f.add(&rows[i], len(rows)-i-1)
	}
}

// schedule broadcasts what is due and asks to be woken for what is due later. The first danmaku after a
// silence goes out at once; then the tick gathers.
func (s *state) schedule(now instant) {
	f := &s.fanout
	at, pending := s.due()
	if pending && at <= now.at {
		s.broadcast(now)
		at, pending = s.due()
	}
	if pending && (f.wake == 0 || at < f.wake) {
		f.wake = at
		s.emit(effect{do: doWake, after: at - now.at})
	}
}

// due is when the next batch goes out, if there is anything to send.
func (s *state) due() (at time.Duration, pending bool) {
	f := &s.fanout
	if len(f.subs) == 0 {
		return 0, false
	}
	next := f.lastTick + s.interval()
	if f.crowded { // the longer tick saves writes of little; here is much
		next = f.lastTick + s.cfg.Tick
	}
	if f.rows > 0 {
		return next, true
	}
	if f.announced == f.version {
		return 0, false
	}
	return max(next, f.lastInfo+infoInterval), true
}

// broadcast sends what is due to every node.
func (s *state) broadcast(now instant) {
	s.sweep(now)
	f := &s.fanout
	var last Batch
	if f.announced != f.version && now.at >= f.lastInfo+infoInterval {
		info := s.info()
		last.Info, f.announced, f.lastInfo = &info, f.version, now.at
	}
	s.deliver(last)
	f.lastTick, f.crowded = now.at, f.rows > 0
}

// deliver sends what of the backlog may go out at once, in one batch or several. last is the last of them
// and may hold more.
func (s *state) deliver(last Batch) {
	chunks := s.fanout.take()
	for i := range chunks {
		b := Batch{Danmaku: chunks[i].rows}
		if i == len(chunks)-1 {
			last.Danmaku = b.Danmaku
			b = last
		}
		s.send(b)
	}
	if len(chunks) == 0 && (last.Info != nil || last.Closed) {
		s.send(last)
	}
}

// send sends a batch to every node. The nodes share all but the envelope.
func (s *state) send(b Batch) {
	f := &s.fanout
	b.Room, b.Epoch, b.From, b.To = s.room, s.epoch, f.sent, f.sent
	if n := len(b.Danmaku); n > 0 {
		b.To = b.Danmaku[n-1].Position
	}
	f.sent = b.To
	envelopes := make([]Batch, len(f.subs)) // one allocation, whatever their number
	for i := range f.subs {
		sub := &f.subs[i]
		sub.seq++
		envelopes[i] = b
		envelopes[i].Attachment, envelopes[i].Seq = sub.attachment, sub.seq
		s.emit(effect{do: doDeliver, node: sub.node, batch: &envelopes[i]})
	}
}

// close sends what of the backlog may go out at once and tells the nodes that nothing will follow. What
// they still lack they find missing when they attach anew, and fetch.
func (s *state) close() {
	s.deliver(Batch{Closed: true})
	f := &s.fanout
	f.subs, f.sent = nil, s.head
	f.drop()
}
