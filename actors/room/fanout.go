package room

import (
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

const (
	// subscriptionLife is how long a node stays attached without attaching again or reporting.
	subscriptionLife = time.Minute
	// infoInterval is the least time between two broadcasts of Info.
	infoInterval = time.Second
	// maxNodes bounds the subscriptions of a room.
	maxNodes = 4096
)

var (
	errTooManyNodes  = fault.New(fault.Exhausted, "too_many_nodes", "too many nodes are attached to the room")
	errBadAttachment = fault.New(fault.Invalid, "bad_attachment", "attachments of a node are numbered from 1").In("attachment")
	errReplaced      = fault.New(fault.Conflict, "attachment_replaced", "the node has attached again since")
	errNotAttached   = fault.New(fault.Conflict, "unknown_attachment", "the room does not know this attachment: attach anew")
)

// fanout is who gets the room's batches and what the next one holds.
type fanout struct {
	subs []subscription
	// batch follows sent without a hole and is durable; what follows batch is not durable yet.
	batch []Danmaku
	sent  position.Position
	// wake is when the shell was last asked to bring a tick; zero when it was not, so an idle room has no timer.
	wake     time.Time
	lastTick time.Time
	lastInfo time.Time
	// version is that of the room's Info, told the one that was last broadcast.
	version, told uint64
}

type subscription struct {
	node       id.Node
	attachment uint64
	seq        uint64 // of the last batch sent
	viewers    int
	expires    time.Time
}

// attach subscribes a node, or replaces its subscription by a later one. The first batch after the answer covers what follows
// the position in it.
func (s *state) attach(now time.Time, w waiter, c attach) {
	if c.Attachment == 0 {
		s.refuse(w, errBadAttachment)
		return
	}
	s.sweep(now)
	sub := s.subscription(c.Node)
	if sub == nil {
		if len(s.fanout.subs) >= maxNodes {
			s.refuse(w, errTooManyNodes)
			return
		}
		s.fanout.subs = append(s.fanout.subs, subscription{node: c.Node})
		sub = &s.fanout.subs[len(s.fanout.subs)-1]
	}
	switch {
	case c.Attachment < sub.attachment: // it came late: the node has gone on
		s.refuse(w, errReplaced)
		return
	case c.Attachment > sub.attachment:
		sub.attachment, sub.seq = c.Attachment, 0
	}
	sub.expires = now.Add(subscriptionLife)
	s.answerTo(w, s.attachedAs(sub))
	s.schedule(now)
}

func (s *state) attachedAs(sub *subscription) Attached {
	return Attached{Info: s.info(), Seq: sub.seq, Position: s.fanout.sent}
}

func (s *state) detach(now time.Time, c detach) {
	s.sweep(now)
	for i, sub := range s.fanout.subs {
		if sub.node == c.Node && sub.attachment == c.Attachment {
			s.remove(i)
			break
		}
	}
	s.schedule(now)
}

// report notes how many viewers a node has in the room. One that is not attached is not counted: it must attach first.
func (s *state) report(now time.Time, w waiter, c report) {
	s.sweep(now)
	sub := s.subscription(c.Node)
	if sub == nil || sub.attachment != c.Attachment {
		s.refuse(w, errNotAttached)
		s.schedule(now)
		return
	}
	viewers := max(0, c.Viewers)
	if viewers != sub.viewers {
		s.changed()
	}
	sub.viewers, sub.expires = viewers, now.Add(subscriptionLife)
	s.answerTo(w, s.attachedAs(sub))
	s.schedule(now)
}

// changed notes that Info is not what it was.
func (s *state) changed() { s.fanout.version++ }

func (s *state) subscription(node id.Node) *subscription {
	for i := range s.fanout.subs {
		if s.fanout.subs[i].node == node {
			return &s.fanout.subs[i]
		}
	}
	return nil
}

// sweep drops the nodes that fell silent. Nothing needs a timer for it: the others report, and alone there is none to tell.
func (s *state) sweep(now time.Time) {
	for i := 0; i < len(s.fanout.subs); {
		if now.Before(s.fanout.subs[i].expires) {
			i++
			continue
		}
		s.remove(i)
	}
}

func (s *state) remove(i int) {
	f := &s.fanout
	if f.subs[i].viewers > 0 {
		s.changed()
	}
	last := len(f.subs) - 1
	f.subs[i] = f.subs[last]
	f.subs[last] = subscription{}
	f.subs = f.subs[:last]
	if last == 0 {
		f.batch, f.sent = nil, s.head // nobody is left to send it to
	}
}

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

// interval is the tick: the base, lengthened so that the busiest node writes to its sockets within the budget.
func (s *state) interval() time.Duration {
	most := 0
	for _, sub := range s.fanout.subs {
		most = max(most, sub.viewers)
	}
	need := time.Duration(most) * time.Second / time.Duration(s.cfg.WriteBudget)
	return min(max(s.cfg.Tick, need), s.cfg.MaxTick)
}

// collect takes durable danmaku into the next batch. Without subscribers there is none.
func (s *state) collect(rows []Danmaku) {
	f := &s.fanout
	if len(f.subs) == 0 {
		f.sent = s.head
		return
	}
	if f.batch == nil {
		f.batch = make([]Danmaku, 0, len(rows))
	}
	f.batch = append(f.batch, rows...)
}

// schedule broadcasts what is due and asks to be woken for what is due later. The first danmaku after a silence goes out at
// once; then the tick gathers.
func (s *state) schedule(now time.Time) {
	f := &s.fanout
	at, pending := s.due()
	if pending && !at.After(now) {
		s.broadcast(now)
		at, pending = s.due()
	}
	if pending && (f.wake.IsZero() || at.Before(f.wake)) {
		f.wake = at
		s.emit(effect{do: doWake, at: at})
	}
}

// due is when the next batch goes out, if there is anything to send.
func (s *state) due() (time.Time, bool) {
	f := &s.fanout
	if len(f.subs) == 0 {
		return time.Time{}, false
	}
	next := f.lastTick.Add(s.interval())
	if len(f.batch) > 0 {
		return next, true
	}
	if f.told == f.version {
		return time.Time{}, false
	}
	if info := f.lastInfo.Add(infoInterval); info.After(next) {
		next = info
	}
	return next, true
}

// broadcast sends what is due to every node.
func (s *state) broadcast(now time.Time) {
	s.sweep(now)
	f := &s.fanout
	var b Batch
	if f.told != f.version && !now.Before(f.lastInfo.Add(infoInterval)) {
		info := s.info()
		b.Info, f.told, f.lastInfo = &info, f.version, now
	}
	f.lastTick = now
	s.deliver(b)
}

// deliver sends the danmaku that wait to every node, with what else b holds. The nodes share all but the envelope.
func (s *state) deliver(b Batch) {
	f := &s.fanout
	b.Room, b.Epoch, b.From, b.To, b.Danmaku = s.room, s.epoch, f.sent, f.sent, f.batch
	if n := len(f.batch); n > 0 {
		b.To = f.batch[n-1].Position
	}
	f.batch, f.sent = nil, b.To
	envelopes := make([]Batch, len(f.subs)) // one allocation, whatever their number
	for i := range f.subs {
		sub := &f.subs[i]
		sub.seq++
		envelopes[i] = b
		envelopes[i].Attachment, envelopes[i].Seq = sub.attachment, sub.seq
		s.emit(effect{do: doDeliver, node: sub.node, batch: &envelopes[i]})
	}
}

// close sends what is durable and tells the nodes that nothing will follow.
func (s *state) close() {
	s.deliver(Batch{Closed: true})
	s.fanout = fanout{sent: s.head, version: s.fanout.version, told: s.fanout.version}
}
