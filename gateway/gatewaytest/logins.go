package gatewaytest

import (
	"sync"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
)

// MaxSockets is how many sockets one login may have in a World.
const MaxSockets = 3

// Logins are the sessions of a World: each lives until End.
type Logins struct {
	mu struct {
		sync.Mutex
		ended   map[id.Session]bool
		sockets map[id.Session]map[string]bool
	}
}

// NewLogins makes them.
func NewLogins() *Logins {
	l := &Logins{}
	l.mu.ended, l.mu.sockets = map[id.Session]bool{}, map[id.Session]map[string]bool{}
	return l
}

// AttachFunc implements gateway.Sessions.
func (l *Logins) AttachFunc(_ time.Time, s id.Session, _ id.Node, conn string, _ time.Time, done func(error)) {
	done(l.attach(s, conn))
}

func (l *Logins) attach(s id.Session, conn string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.ended[s] {
		return fault.New(fault.Unauthenticated, "session_ended", "the login has ended")
	}
	if l.mu.sockets[s] == nil {
		l.mu.sockets[s] = map[string]bool{}
	}
	if !l.mu.sockets[s][conn] && len(l.mu.sockets[s]) == MaxSockets {
		return fault.New(fault.Exhausted, "too_many_sockets", "the login has too many sockets")
	}
	l.mu.sockets[s][conn] = true
	return nil
}

// Detach implements gateway.Sessions.
func (l *Logins) Detach(s id.Session, _ id.Node, conn string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.mu.sockets[s], conn)
	return nil
}

// End ends a login for those who come later.
func (l *Logins) End(s id.Session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.ended[s] = true
}

// Sockets is how many are attached to a login.
func (l *Logins) Sockets(s id.Session) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.mu.sockets[s])
}
