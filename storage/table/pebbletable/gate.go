package pebbletable

import "sync"

// gate counts who is using the database, so that it is closed under nobody. Entering never waits.
type gate struct {
	mu     sync.Mutex
	users  int
	closed bool
	idle   chan struct{} // closed once the gate is closed and everybody has left
}

func newGate() *gate { return &gate{idle: make(chan struct{})} }

// enter lets a user in, who then leaves; after close it does not.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.users++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.users--; g.closed && g.users == 0 {
		close(g.idle)
	}
}

// close lets nobody in any more and reports whether it was open. idle tells when everybody has left.
func (g *gate) close() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.closed = true
	if g.users == 0 {
		close(g.idle)
	}
	return true
}
