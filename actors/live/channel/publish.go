package channel

import (
	"slices"
	"time"

	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/origin"
)

// unheard is how long a channel believes that its publisher is there without hearing so from the node that
// holds it, and how long a publisher may take to open its lease and to send something: it has some in hand
// when it asks.
const unheard = time.Minute

var (
	errTakenOver = live.ErrTakenOver
	errAbandoned = fault.New(fault.Timeout, "begin_abandoned", "the publisher did not wait for its lease, or sent nothing")
	errUnknown   = fault.New(fault.Internal, "unknown_command", "a channel does not know this command")
)

// live reports whether a broadcast is going on, publisher present or not.
func (s *state) live() bool { return s.phase == Live || s.phase == Interrupted }

// on reports whether this broadcast is going on.
func (s *state) on(b id.Broadcast) bool { return s.live() && s.doc.Unfinished.Broadcast == b }

// publish is the part of the machine in the drawing of the package comment.
func (s *state) publish(now time.Time, cmd any, dst []effect) []effect {
	switch c := cmd.(type) {
	case check:
		return append(dst, s.check(now, c))
	case begin:
		return s.begin(now, c, dst)
	case refused:
		if s.match(c.key) != nil {
			s.refusal = c.refusal
			s.refusal.At = now.UTC()
		}
		return dst
	case opened:
		return s.hear(now, c.fence, dst)
	case openFailed:
		if c.fence != s.lease || s.phase != Live {
			return dst
		}
		if c.ended || s.request == s.doc.Unfinished.Broadcast { // for the first publisher there is nothing to return to either
			return s.finish(dst)
		}
		return s.lose(now, dst, s.left(now))
	case ended:
		if c.fence == s.lease && s.phase == Live {
			s.known = now
			dst = s.lose(now, append(dst, interrupt{c.fence, live.ErrEnded}), s.waits(c.goodbye))
		}
		return dst
	case abandoned:
		if c.request == s.request && s.phase == Live {
			dst = s.lose(now, append(dst, interrupt{s.lease, errAbandoned}), s.left(now))
		}
		return dst
	case graceOver:
		if s.phase != Interrupted || !c.since.Equal(s.since) {
			return dst
		}
		return s.finish(dst)
	case beat:
		if !s.on(c.broadcast) {
			return dst
		}
		return append(dst, inquire{}, announce{}, document.After{D: s.cfg.Beat, Cmd: c})
	case heard:
		return s.heard(now, c, dst)
	case adopted:
		return s.adopt(now, c, dst)
	case gone, endAgain:
		if !s.ending() {
			return dst
		}
		return s.finish(dst)
	case offlineAnnounced:
		if !s.ending() {
			return dst
		}
		s.doc.Unfinished = nil
		return append(dst, save{Doc: s.snapshot()}, document.Pin{On: false})
	}
	return s.recorded(cmd, dst)
}

// recorded is about broadcasts that have ended.
func (s *state) recorded(cmd any, dst []effect) []effect {
	switch c := cmd.(type) {
	case settle:
		if s.doc.Unfinished != nil && s.doc.Unfinished.Broadcast == c.broadcast {
			return append(dst, document.Reply{Value: struct{}{}}) // its own end does it
		}
		return append(dst, recoverRecording(c))
	case erase:
		if s.on(c.broadcast) {
			return append(dst, document.Refuse{Err: origin.ErrLive})
		}
		return append(dst, removeRecording(c))
	}
	return append(dst, document.Refuse{Err: errUnknown})
}

// admit finds the valid key that was presented.
func (s *state) admit(now time.Time, key auth.StreamKey) (*keyRecord, error) {
	k := s.match(key)
	if k == nil {
		return nil, auth.ErrStreamKey
	}
	if !k.valid(now) {
		return nil, ErrKeyRevoked
	}
	return k, nil
}

// check answers a publisher that asks before it begins.
func (s *state) check(now time.Time, c check) effect {
	_, err := s.admit(now, c.key)
	if l := s.limit(); err == nil && l != nil {
		err = l.check(now)
	}
	if err != nil {
		return document.Refuse{Err: err}
	}
	return document.Reply{Value: s.channel()}
}

// limit is what bounds how often publishers may come now: each throws out another, or returns. It is nil
// where none is bounded.
func (s *state) limit() limit {
	switch s.phase {
	case Live:
		return &s.takeovers
	case Interrupted:
		return &s.reopenings
	case Offline:
	}
	return nil
}

// begin gives the lease to the holder of a valid key. The newest wins: whoever publishes now is closed first,
// unless that happens too often. Room and listing are told when the lease was opened.
func (s *state) begin(now time.Time, c begin, dst []effect) []effect {
	k, err := s.admit(now, c.key)
	if err != nil {
		return append(dst, document.Refuse{Err: err})
	}
	was, held, came := s.phase, s.lease, s.known.After(s.since)
	if l := s.limit(); l != nil {
		if err = l.check(now); err != nil {
			return append(dst, document.Refuse{Err: err})
		}
		l.note(now)
	}
	now = now.UTC()
	resumes := s.live()
	if !resumes || was == Live && came { // one who asks again and again, and never comes, is not there
		s.known = now
	}
	running := unfinished{Broadcast: c.broadcast, Start: now, Key: k.ID}
	if resumes {
		running.Broadcast, running.Start = s.doc.Unfinished.Broadcast, s.doc.Unfinished.Start
	}
	s.doc.Unfinished = &running
	s.doc.Fence++
	s.doc.Keys = slices.Clone(s.doc.Keys)
	s.doc.Keys[slices.IndexFunc(s.doc.Keys, func(r keyRecord) bool { return r.ID == k.ID })].Used = now
	s.lease, s.request, s.keyID = s.doc.Fence, c.broadcast, k.ID
	s.phase, s.since = Live, now
	dst = append(dst, save{Doc: s.snapshot()}, document.Pin{On: true})
	if was == Live {
		dst = append(dst, interrupt{held, errTakenOver})
	}
	dst = append(dst, grant{s.granted(resumes)})
	if !resumes {
		dst = append(dst, document.After{D: s.cfg.Beat, Cmd: beat{running.Broadcast}})
	}
	return dst
}

// granted is the lease as the node of the publisher gets it, but for the fence of what is recorded.
func (s *state) granted(resumes bool) origin.Lease {
	return origin.Lease{
		Channel: s.doc.ID, Room: s.doc.Room, Title: s.doc.Title, Broadcast: s.doc.Unfinished.Broadcast, Start: s.doc.Unfinished.Start,
		Fence: s.doc.Fence, Resumes: resumes,
	}
}

// hear takes note that the publisher of a lease is there: also one that was given up, and comes all the same.
func (s *state) hear(now time.Time, fence Fence, dst []effect) []effect {
	if !s.live() || fence != s.lease {
		return dst
	}
	s.known = now
	if s.phase == Interrupted {
		s.phase, s.since = Live, now.UTC()
	}
	return append(dst, announce{})
}

// heard is told what the node of the publisher holds. The one who publishes tells the end, but what it says
// may not arrive, and a channel must not be live for ever because of that, nor offline while somebody is on
// air.
func (s *state) heard(now time.Time, c heard, dst []effect) []effect {
	mine := c.held.Fence == s.lease && c.held.Broadcast != ""
	switch {
	case !s.live() || s.since.After(c.asked): // it speaks of another time
	case mine && c.held.Publishing && c.held.Began:
		s.known = now
		if s.phase == Interrupted {
			return s.hear(now, s.lease, dst)
		}
	case s.phase != Live:
	case mine && !c.held.Publishing:
		return s.lose(now, append(dst, interrupt{s.lease, live.ErrEnded}), s.cfg.Grace)
	case now.Sub(s.known) >= unheard && now.Sub(s.since) >= unheard:
		return s.lose(now, append(dst, interrupt{s.lease, errAbandoned}), s.cfg.Grace)
	}
	return dst
}

// adopt goes on with the broadcast of a predecessor, which may have ended with its process: then the
// publisher has the grace to return. Only the holder of the last lease goes on as well: of another one it
// is not known which key it came with.
func (s *state) adopt(now time.Time, c adopted, dst []effect) []effect {
	if !s.ending() {
		return dst
	}
	s.phase, s.since, s.known, s.lease, s.request, s.keyID = Live, now.UTC(), now, s.doc.Fence, "", s.doc.Unfinished.Key
	dst = append(dst, document.After{D: s.cfg.Beat, Cmd: beat{s.doc.Unfinished.Broadcast}})
	switch {
	case c.held.Publishing && c.held.Fence == s.lease:
		return append(dst, announce{})
	case c.held.Publishing:
		dst = append(dst, interrupt{c.held.Fence, errTakenOver})
	}
	return s.lose(now, dst, s.cfg.Grace)
}

// lose waits for the publisher to return.
func (s *state) lose(now time.Time, dst []effect, wait time.Duration) []effect {
	s.phase, s.since = Interrupted, now.UTC()
	return append(dst, announce{}, document.After{D: wait, Cmd: graceOver{s.since}})
}

// left is what is left of the grace for a publisher that asked for a lease and did not come: it counts from
// when one was there, else a broadcast that cannot go on would last for as long as its publisher tries.
func (s *state) left(now time.Time) time.Duration {
	return max(0, s.cfg.Grace-now.Sub(s.known))
}

// waits is how long a broadcast waits for its publisher: one that has said goodbye may still press the wrong
// button, or start again with other settings.
func (s *state) waits(goodbye bool) time.Duration {
	if goodbye {
		return s.cfg.Goodbye
	}
	return s.cfg.Grace
}

// finish ends the broadcast: it never goes on from here. The mark stays until room and listing are told, so
// that a crash before tells them again; all of it may be said twice.
func (s *state) finish(dst []effect) []effect {
	s.phase, s.since, s.keyID = Offline, time.Time{}, ""
	return append(dst, finish{s.doc.Unfinished.Broadcast}, announce{})
}
