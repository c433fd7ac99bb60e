package ws

import (
	"time"

	"github.com/barrage-live/barrage/internal/rfc6455"
	"github.com/barrage-live/barrage/internal/wire"
)

// lookAt sees to it that c is looked at by the given time, not later than planned before. One clock serves
// all connections.
func (s *Server) lookAt(c *Conn, by time.Duration) {
	s.deadlines.ArmBy(&c.timer, s.start.Add(by))
}

// look acts on what has become due about a connection.
func (s *Server) look(now time.Time, c *Conn) {
	if next, again := c.check(now.Sub(s.start)); again {
		s.lookAt(c, next)
	}
}

// check acts on the deadlines that have passed and says when to look again; false when never.
func (c *Conn) check(now time.Duration) (time.Duration, bool) {
	c.out.Lock()
	defer c.out.Unlock()
	cfg := &c.server.cfg
	switch c.out.phase {
	case phaseEnded:
		return 0, false
	case phaseClosing:
		if now >= c.out.closeBy {
			c.link.end()
			return 0, false
		}
		return c.out.closeBy, true
	case phaseOpen:
		if c.out.end.Code != 0 {
			if now < c.out.endBy {
				return c.out.endBy, true
			}
			c.close(c.out.end.Code, c.out.end.Reason)
			return c.out.closeBy, true
		}
	}
	next := now + longestRest
	due := func(at time.Duration) bool {
		if now >= at {
			return true
		}
		next = min(next, at)
		return false
	}
	waiting := c.progress(now)
	seen, partial := time.Duration(c.seen.Load()), time.Duration(c.partial.Load())
	switch {
	case !c.spoke.Load() && due(c.opened+cfg.FirstFrame):
		c.close(wire.CloseIdle, "no first frame")
	case partial != 0 && due(partial+cfg.Unfinished):
		c.close(wire.CloseIdle, "a message did not end")
	case due(seen + cfg.Idle):
		c.close(wire.CloseIdle, "silent for too long")
	case waiting > 0 && due(c.out.moved+cfg.Stall):
		c.close(wire.CloseSlow, "the client takes nothing")
	case waiting > c.server.share():
		c.server.metrics.overShare.Inc()
		c.close(wire.CloseSlow, "too much waits for slow clients")
	}
	if c.out.phase != phaseOpen {
		return c.out.closeBy, true
	}
	if c.out.alarm != 0 && due(c.out.alarm) {
		c.enqueue(job{kind: jobNotify, event: c.out.event})
		c.out.alarm, c.out.event = 0, nil
	}
	if quiet := max(seen, c.out.pinged); due(quiet + cfg.PingAfter) {
		c.out.pinged = now
		c.server.metrics.pings.Inc()
		c.send(rfc6455.AppendFrame(nil, rfc6455.Ping, nil))
	}
	return next, true
}

// progress notes whether the client has taken some of what it was sent, and gives how much waits. c.out is
// held.
func (c *Conn) progress(now time.Duration) (waiting int64) {
	c.server.metrics.pending.Set(float64(c.server.pending.Load()))
	waiting = c.pending.Load()
	taken := c.out.sent - waiting
	if waiting > 0 {
		// The kernel reports room only when a third of its buffer is free: what a slow reader takes shows
		// in what it confirms.
		taken -= int64(c.link.held())
	}
	if waiting == 0 || taken != c.out.taken {
		c.out.taken, c.out.moved = taken, now
	}
	return waiting
}
