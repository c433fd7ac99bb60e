package origin

import (
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
)

// The refusals of this package.
var (
	ErrStaleFence = fault.New(fault.Fenced, "stale_fence", "a newer publisher has the channel")
	ErrNotLive    = fault.New(fault.NotFound, "not_live", "nothing is on")
	// ErrEnded refuses to go on with a broadcast that is over, or of which there is nothing to go on from.
	ErrEnded = fault.New(fault.Conflict, "broadcast_ended", "the broadcast has ended")
	// ErrLive refuses to delete a broadcast that goes on.
	ErrLive = fault.New(fault.Conflict, "broadcast_live", "the broadcast has not ended")
)

// phase is where a broadcast is in its life.
type phase uint8

const (
	idle phase = iota
	onAir
	interrupted
	ended
)

// Commands change the state.
type (
	open    struct{ Lease }
	restore struct{ Lease }
	// interrupt lets go of the publisher of a fence, and of whoever comes with one that is not higher.
	interrupt struct {
		fence  uint64
		reason error
	}
	finish struct {
		broadcast id.Broadcast
		fence     uint64
	}
	// drop frees a broadcast that has ended.
	drop struct{ broadcast id.Broadcast }
	// gone says that an ended broadcast has been kept long enough.
	gone struct{ broadcast id.Broadcast }
	// lost says that the packager could not be started, and unattached that it did not take the stream.
	lost       struct{}
	unattached struct{}
)

// Effects are what the shell does, in order, until one fails.
type (
	// end finishes the broadcast that runs; its playlist goes on being served only if it is kept.
	end struct{ keep bool }
	// begin makes the packager of a broadcast, and resume that of one that goes on from its recording;
	// neither has a stream.
	begin  struct{ Lease }
	resume struct{ Lease }
	// attach makes a stream and packages it, in place of the one before.
	attach struct{}
	// again gives the stream that is there.
	again struct{}
	// detach lets go of the stream.
	detach struct{ reason error }
	// linger sends gone after the time configured.
	linger struct{ broadcast id.Broadcast }
	// free frees the packager.
	free struct{}
	// refuse fails.
	refuse struct{ err error }
)

// state is the life cycle of a channel's broadcasts on this node.
type state struct {
	phase     phase
	broadcast id.Broadcast
	fence     uint64
	// barred is the highest fence that was interrupted or finished, and why the reason.
	barred uint64
	why    error
}

// apply decides what a command changes and appends what is to be done.
func (s *state) apply(command any, dst []any) []any {
	switch c := command.(type) {
	case open:
		return s.open(c.Lease, dst)
	case restore:
		return s.restore(c.Lease, dst)
	case interrupt:
		s.bar(c.fence, c.reason)
		if s.phase == onAir && c.fence >= s.fence {
			s.phase = interrupted
			dst = append(dst, detach{c.reason})
		}
	case finish:
		s.bar(c.fence, ErrEnded)
		if s.goesOn(c.broadcast) {
			s.phase = ended
			dst = append(dst, end{keep: true}, linger{s.broadcast})
		}
	case drop:
		switch {
		case s.goesOn(c.broadcast):
			return append(dst, refuse{ErrLive})
		case c.broadcast == s.broadcast && s.phase == ended:
			s.forget()
			return append(dst, free{})
		}
	case gone:
		if c.broadcast == s.broadcast && s.phase == ended {
			s.forget()
			return append(dst, free{})
		}
	case lost:
		s.forget()
	case unattached:
		s.phase = interrupted
	}
	return dst
}

// goesOn reports whether the broadcast was begun and has not ended.
func (s *state) goesOn(b id.Broadcast) bool {
	return b == s.broadcast && (s.phase == onAir || s.phase == interrupted)
}

// forget forgets the broadcast, and not which fences there were.
func (s *state) forget() { s.phase, s.broadcast = idle, "" }

func (s *state) bar(fence uint64, why error) {
	if fence > s.barred {
		s.barred, s.why = fence, why
	}
}

func (s *state) open(l Lease, dst []any) []any {
	same := l.Broadcast == s.broadcast && s.phase != idle
	switch {
	case l.Fence < s.fence:
		return append(dst, refuse{ErrStaleFence})
	case l.Fence <= s.barred:
		return append(dst, refuse{s.why})
	case same && s.phase == ended:
		return append(dst, refuse{ErrEnded})
	case same && l.Fence == s.fence && s.phase == onAir:
		return append(dst, again{})
	}
	dst = s.replace(l, l.Resumes, dst)
	s.phase = onAir
	return append(dst, attach{})
}

// restore shows a broadcast that waits for its publisher. Its lease was never opened here, so whoever has it
// may still come.
func (s *state) restore(l Lease, dst []any) []any {
	switch {
	case s.goesOn(l.Broadcast):
		return dst
	case l.Fence < s.fence:
		return append(dst, refuse{ErrStaleFence})
	case l.Broadcast == s.broadcast && s.phase == ended:
		return append(dst, refuse{ErrEnded})
	}
	dst = s.replace(l, true, dst)
	s.phase = interrupted
	return dst
}

// replace has the broadcast of the lease run, in place of any other.
func (s *state) replace(l Lease, resumes bool, dst []any) []any {
	if l.Broadcast != s.broadcast || s.phase == idle {
		if s.phase != idle {
			dst = append(dst, end{})
		}
		if resumes {
			dst = append(dst, resume{l})
		} else {
			dst = append(dst, begin{l})
		}
	}
	s.broadcast, s.fence = l.Broadcast, l.Fence
	return dst
}
