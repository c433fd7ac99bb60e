package room

import (
	"time"

	"github.com/barrage-live/barrage/internal/fault"
)

// What the shell tells those who asked, the nodes, and the metrics.

func (s *shell) answer(e effect) {
	reply, isPost := s.askers.release(e.to)
	if !isPost {
		if r, ok := e.value.(Recovery); ok {
			s.metrics.recovered(r)
		}
		reply.Send(e.value)
		return
	}
	s.metrics.posted(e.posted.Duplicate)
	reply.Send(e.posted)
}

func (s *shell) refuse(e effect) {
	reply, isPost := s.askers.release(e.to)
	if isPost {
		s.metrics.posts.WithLabelValues(fault.CodeOf(e.err)).Inc()
	}
	reply.Fail(e.err)
}

func (s *shell) deliver(e effect) {
	if n := len(e.batch.Danmaku); n > 0 {
		s.metrics.batchRows.Observe(float64(n))
		s.metrics.tick.Observe(s.state.interval().Seconds())
	}
	s.fanout.Deliver(e.node, e.batch)
}

// noteDoubt keeps the metrics right about whether this room has a write of unknown outcome.
func (s *shell) noteDoubt(now time.Time) {
	switch doubt := s.state.inDoubt(); {
	case doubt && s.doubtAt.IsZero():
		s.doubtAt = now
		s.metrics.doubts.Inc()
	case !doubt && !s.doubtAt.IsZero():
		s.metrics.doubted.Observe(now.Sub(s.doubtAt).Seconds())
		s.Close(nil)
	}
}

// Close implements cluster.Closer: a room that is gone is in doubt no more.
func (s *shell) Close(error) {
	if !s.doubtAt.IsZero() {
		s.metrics.doubts.Dec()
		s.doubtAt = time.Time{}
	}
}
