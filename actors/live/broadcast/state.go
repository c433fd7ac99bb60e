package broadcast

import (
	"time"

	"github.com/barrage-live/barrage/actors/live/channel"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
)

// The refusals of this package.
var (
	ErrStaleFence = fault.New(fault.Fenced, "stale_fence", "a newer publisher has the channel")
	ErrNotLive    = fault.New(fault.NotFound, "not_live", "nothing is on")
	// ErrNoBroadcast: nothing was recorded under this id.
	ErrNoBroadcast = fault.New(fault.NotFound, "no_broadcast", "no such broadcast")
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

// Commands change the state; all but erase and tend come from the channel.
type (
	open      struct{ channel.Opening }
	interrupt struct{ fence channel.Fence }
	finish    struct{ broadcast id.Broadcast }
	// tend ends the recording of a broadcast unless it goes on.
	tend struct{ broadcast id.Broadcast }
	// erase asks for the deletion of what was recorded of a broadcast.
	erase struct{ broadcast id.Broadcast }
	// gone says that an ended broadcast has been kept long enough.
	gone struct{ broadcast id.Broadcast }
)

// Effects are what the shell does, in order.
type (
	// end finishes the broadcast that runs; its playlist goes on being served only if it is kept.
	end struct{ keep bool }
	// begin makes the packager of a broadcast, without a stream.
	begin struct{ channel.Opening }
	// attach makes a stream and packages it, in place of the one before, and replies with it.
	attach struct{ channel.Opening }
	// again replies with the stream that is there.
	again struct{}
	// detach lets go of the stream.
	detach struct{}
	// linger sends gone after the time configured.
	linger struct{ broadcast id.Broadcast }
	// settle ends the recording of a broadcast that is not known here, and replies.
	settle struct{ broadcast id.Broadcast }
	// remove deletes a recording and replies; if its broadcast lingers, the packager goes first.
	remove struct {
		broadcast id.Broadcast
		lingers   bool
	}
	// leave frees the packager and ends the activation.
	leave struct{}
	// done replies that it is so.
	done struct{}
	// refuse replies with an error.
	refuse struct{ err error }
)

// state is the life cycle of a channel's broadcasts on this node.
type state struct {
	phase     phase
	broadcast id.Broadcast
	fence     channel.Fence
}

// apply decides what a command changes and appends what is to be done.
func (s *state) apply(_ time.Time, command any, dst []any) []any {
	switch c := command.(type) {
	case open:
		return s.open(c, dst)
	case interrupt:
		if s.phase == onAir && c.fence >= s.fence {
			s.phase = interrupted
			dst = append(dst, detach{})
		}
		return append(dst, done{})
	case finish:
		switch {
		case s.goesOn(c.broadcast):
			s.phase = ended
			dst = append(dst, end{keep: true}, linger{s.broadcast})
		case c.broadcast != s.broadcast || s.phase != ended:
			return append(dst, settle(c))
		}
		return append(dst, done{})
	case tend:
		if c.broadcast == s.broadcast && s.phase != idle {
			return append(dst, done{}) // its own end does it
		}
		return append(dst, settle(c))
	case erase:
		if s.goesOn(c.broadcast) {
			return append(dst, refuse{ErrLive})
		}
		lingers := c.broadcast == s.broadcast && s.phase == ended
		if lingers {
			*s = state{fence: s.fence}
		}
		return append(dst, remove{c.broadcast, lingers})
	case gone:
		if c.broadcast == s.broadcast && s.phase == ended {
			*s = state{fence: s.fence}
			dst = append(dst, leave{})
		}
		return dst
	}
	return append(dst, refuse{fault.New(fault.Internal, "unknown_command", "the packager does not know this message")})
}

// goesOn reports whether the broadcast was begun and has not ended.
func (s *state) goesOn(b id.Broadcast) bool {
	return b == s.broadcast && (s.phase == onAir || s.phase == interrupted)
}

func (s *state) open(c open, dst []any) []any {
	same := c.Broadcast == s.broadcast && s.phase != idle
	switch {
	case c.Fence < s.fence:
		return append(dst, refuse{ErrStaleFence})
	case same && s.phase == ended, !same && c.Resumes:
		return append(dst, refuse{channel.ErrEnded})
	case same && c.Fence == s.fence && s.phase == onAir:
		return append(dst, again{})
	case !same && s.phase != idle:
		dst = append(dst, end{})
	}
	if !same {
		dst = append(dst, begin(c))
	}
	s.phase, s.broadcast, s.fence = onAir, c.Broadcast, c.Fence
	return append(dst, attach(c))
}
