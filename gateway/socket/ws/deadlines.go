package ws

import "time"

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
