package rtmp

import (
	"net"
	"os"
	"sync"
	"time"
)

// guard stands between the network and the library: it notes when bytes arrive, counts them, shows them to
// the chunk inspection first, and keeps the idle deadline. One goroutine reads and writes it.
type guard struct {
	net.Conn
	chunks  *chunks
	arrival time.Time
	refused error   // by the inspection; what the library makes of it says less
	bitrate bitrate // none before the key is verified: chunks bounds what comes until then
	// idle, when not zero, moves the deadline on with what arrives.
	idle   time.Duration
	buffer []byte // of an accepted publisher
	ahead  []byte // the part of buffer that the library has not read yet

	// mu orders the deadlines of the reader and of wake; see there.
	mu struct {
		sync.Mutex
		deadline time.Time
		woken    bool // the reader must stop: deadlines are not moved on
		telling  bool // it has stopped and takes leave of the client: it must not be woken
	}
}

// readAhead takes a whole picture of a usual stream at once, where the library would read pages of 4 KiB.
const readAhead = 64 << 10

// wake makes the goroutine that reads stop reading. It may be called by another one. When the reader has
// found its reason to stop already, wake leaves alone the deadline by which the client is told.
func (g *guard) wake() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mu.woken = true
	if !g.mu.telling {
		_ = g.SetReadDeadline(time.Unix(1, 0)) // a connection that cannot take it does not block either
	}
}

// takeLeave gives what is still said to the client, and heard from it, a last deadline.
func (g *guard) takeLeave(d time.Duration) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.idle = 0
	g.mu.telling = true
	return g.SetDeadline(time.Now().Add(d))
}

// deadlineGrain is how much a deadline may lag, so that not every read sets one.
const deadlineGrain = time.Second

// extend moves the idle deadline on.
func (g *guard) extend() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mu.woken { // a new deadline would undo that of wake
		return os.ErrDeadlineExceeded
	}
	next := time.Now().Add(g.idle)
	if next.Sub(g.mu.deadline) <= deadlineGrain {
		return nil
	}
	if err := g.SetDeadline(next); err != nil {
		return err
	}
	g.mu.deadline = next
	return nil
}

// Read implements net.Conn.
func (g *guard) Read(p []byte) (int, error) {
	if len(g.ahead) > 0 {
		return g.take(p), nil
	}
	if g.idle == 0 { // nobody yet, or nobody any more: no buffer for such
		return g.inspect(p)
	}
	if err := g.extend(); err != nil {
		return 0, err
	}
	if g.buffer == nil {
		g.buffer = make([]byte, readAhead)
	}
	n, err := g.inspect(g.buffer)
	g.ahead = g.buffer[:n]
	if n == 0 {
		return 0, err
	}
	return g.take(p), nil // what ended the connection ends the next read too
}

func (g *guard) take(p []byte) int {
	n := copy(p, g.ahead)
	g.ahead = g.ahead[n:]
	return n
}

// inspect reads and shows the inspection what came.
func (g *guard) inspect(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if n > 0 {
		g.arrival = time.Now()
		before := g.chunks.messages
		if g.refused = g.chunks.feed(p[:n]); g.refused == nil {
			g.refused = g.bitrate.take(n+messageCost*(g.chunks.messages-before), g.arrival)
		}
		if g.refused != nil {
			return 0, g.refused
		}
	}
	return n, err
}
