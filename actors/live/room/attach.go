package room

import (
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
)

const (
	// subscriptionLife is how long a node stays attached without attaching again or reporting.
	subscriptionLife = time.Minute
	// maxNodes bounds the subscriptions of a room.
	maxNodes = 4096
)

var (
	errTooManyNodes  = fault.New(fault.Exhausted, "too_many_nodes", "too many nodes are attached to the room")
	errBadAttachment = fault.New(fault.Invalid, "bad_attachment", "attachments of a node are numbered from 1").In("attachment")
	errReplaced      = fault.New(fault.Conflict, "attachment_replaced", "the node has attached again since")
	errNotAttached   = fault.New(fault.Conflict, "unknown_attachment", "the room does not know this attachment: attach anew")
)

// subscription is an attached node.
type subscription struct {
	node       id.Node
	attachment uint64
	seq        uint64 // of the last batch sent
	viewers    int
	expires    time.Duration
}

// attach subscribes a node, or replaces its subscription by a later one. The first batch after the answer
// covers what follows the position in it.
func (s *state) attach(now instant, w waiter, c attach) {
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
	sub.expires = now.at + subscriptionLife
	s.answerTo(w, s.attachedAs(sub))
	s.schedule(now)
}

func (s *state) attachedAs(sub *subscription) Attached {
	return Attached{Info: s.info(), Seq: sub.seq, Position: s.fanout.sent}
}

func (s *state) detach(now instant, c detach) {
	s.sweep(now)
	for i, sub := range s.fanout.subs {
		if sub.node == c.Node && sub.attachment == c.Attachment {
			s.remove(i)
			break
		}
	}
	s.schedule(now)
}

// report notes how many viewers a node has in the room. One that is not attached is not counted: it must
// attach first.
func (s *state) report(now instant, w waiter, c report) {
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
	sub.viewers, sub.expires = viewers, now.at+subscriptionLife
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

// sweep drops the nodes that fell silent. Nothing needs a timer for it: the others report, and alone there
// is none to tell.
func (s *state) sweep(now instant) {
	for i := 0; i < len(s.fanout.subs); {
		if now.at < s.fanout.subs[i].expires {
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
		f.drop()
		f.sent = s.head // nobody is left to send it to
	}
}
