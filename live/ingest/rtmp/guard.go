package rtmp

import (
	"net"
	"os"
	"sync/atomic"
	"time"
)

// guard stands between the network and the library: it notes when bytes arrive, shows them to the chunk inspection
// first, and keeps the idle deadline. One goroutine reads and writes it.
type guard struct {
	net.Conn
	chunks  *chunks
	arrival time.Time
	refused error // by the inspection; what the library makes of it says less
	// idle, when not zero, moves the deadline on with what arrives.
	idle     time.Duration
	deadline time.Time
	woken    atomic.Bool
}

// wake makes the goroutine that reads stop reading. It may be called by another one.
func (g *guard) wake() {
	g.woken.Store(true)
	_ = g.SetReadDeadline(time.Unix(1, 0)) // a connection that cannot take it does not block either
}

// deadlineGrain is how much a deadline may lag, so that not every read sets one.
const deadlineGrain = time.Second

// Read implements net.Conn.
func (g *guard) Read(p []byte) (int, error) {
	if g.idle > 0 {
		if next := time.Now().Add(g.idle); next.Sub(g.deadline) > deadlineGrain {
			if err := g.SetDeadline(next); err != nil {
				return 0, err
			}
			g.deadline = next
		}
		if g.woken.Load() { // the deadline just set may have undone that of wake
			return 0, os.ErrDeadlineExceeded
		}
	}
	n, err := g.Conn.Read(p)
	if n > 0 {
		g.arrival = time.Now()
		if g.refused = g.chunks.feed(p[:n]); g.refused != nil {
			return 0, g.refused
		}
	}
	return n, err
}
