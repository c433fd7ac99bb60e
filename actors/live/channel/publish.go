package channel

import (
	"slices"
	"time"

	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/live"
)

var (
	errTakenOver = live.ErrTakenOver
	errAbandoned = fault.New(fault.Timeout, "begin_abandoned", "the publisher did not wait for its lease")
	errUnknown   = fault.New(fault.Internal, "unknown_command", "a channel does not know this command")
)

// live reports whether a broadcast is going on, publisher present or not.
func (s *state) live() bool { return s.phase == Live || s.phase == Interrupted }

// publish is the part of the machine in the drawing of the package comment.
func (s *state) publish(now time.Time, cmd any, dst []effect) []effect {
	switch c := cmd.(type) {
	case check:
		_, err := s.admit(now, c.key)
		if err == nil && s.phase == Live {
			_, err = s.takeovers.next(now)
		}
		if err != nil {
			return append(dst, document.Refuse{Err: err})
		}
		return append(dst, document.Reply{Value: s.channel()})
	case begin:
		return s.begin(now, c, dst)
	case openFailed:
		if c.fence != s.lease || s.phase != Live {
			return dst
		}
		if c.ended || s.request == s.doc.Unfinished.Broadcast { // for the first publisher there is nothing to return to either
			return s.finish(dst)
		}
		return s.lose(now, dst, s.cfg.Grace)
	case ended:
		if c.fence == s.lease && s.phase == Live {
			dst = s.lose(now, append(dst, interrupt{c.fence}), s.waits(c.goodbye))
		}
		return dst
	case abandoned:
		if c.request == s.request && s.phase == Live {
			dst = s.lose(now, append(dst, endPublisher{errAbandoned}, interrupt{s.lease}), s.cfg.Grace)
		}
		return dst
	case graceOver:
		if c.fence != s.lease || s.phase != Interrupted {
			return dst
		}
		return s.finish(dst)
	case beat:
		if !s.live() || s.doc.Unfinished.Broadcast != c.broadcast {
			return dst
		}
		return append(dst, announce{}, document.After{D: s.cfg.Beat, Cmd: c})
	case held:
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

// begin gives the lease to the holder of a valid key. The newest wins: whoever publishes now is closed first,
// unless that happens too often.
func (s *state) begin(now time.Time, c begin, dst []effect) []effect {
	k, err := s.admit(now, c.key)
	if err != nil {
		return append(dst, document.Refuse{Err: err})
	}
	was := s.phase
	if was == Live {
		if s.takeovers, err = s.takeovers.next(now); err != nil {
			return append(dst, document.Refuse{Err: err})
		}
	}
	now = now.UTC()
	resumes := s.live()
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
		dst = append(dst, endPublisher{errTakenOver})
	}
	dst = append(dst, open{running.Broadcast, resumes, running.Start, s.lease, c.tracks}, announce{})
	if !resumes {
		dst = append(dst, document.After{D: s.cfg.Beat, Cmd: beat{running.Broadcast}})
	}
	return dst
}

// adopt goes on with the broadcast of a predecessor if somebody publishes. If nobody does it may be over,
// since that is not stored before it has been told; so it is. Only the holder of the last lease goes on as
// well: of another one it is not known which key it came with.
func (s *state) adopt(now time.Time, c held, dst []effect) []effect {
	if !s.ending() {
		return dst
	}
	if !c.publishing {
		return s.finish(dst)
	}
	s.phase, s.since, s.lease, s.request, s.keyID = Live, now.UTC(), s.doc.Fence, "", s.doc.Unfinished.Key
	dst = append(dst, announce{}, document.After{D: s.cfg.Beat, Cmd: beat{s.doc.Unfinished.Broadcast}})
	if c.fence == s.lease {
		return dst
	}
	return s.lose(now, append(dst, endPublisher{errTakenOver}, interrupt{s.lease}), s.cfg.Grace)
}

// lose waits for the publisher to return.
func (s *state) lose(now time.Time, dst []effect, wait time.Duration) []effect {
	s.phase, s.since = Interrupted, now.UTC()
	return append(dst, announce{}, document.After{D: wait, Cmd: graceOver{s.lease}})
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
