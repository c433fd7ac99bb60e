package socket

import (
	"sync"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
)

const (
	// absentFor is how long it is remembered that a room does not exist: a client that is told so does not
	// see it before.
	absentFor = 3 * time.Second
	// maxAbsent bounds how many are remembered; when there are as many, all are forgotten.
	maxAbsent = 4096
)

// absent remembers rooms that do not exist, since to ask for one makes and ends an actor. It is safe for
// concurrent use.
type absent struct {
	mu struct {
		sync.Mutex
		rooms map[id.Room]absence
	}
}

type absence struct {
	err   error
	until time.Time
}

// note remembers that a room was said not to exist, if err says so; no longer than from the first time on.
func (a *absent) note(now time.Time, r id.Room, err error) {
	if err == nil || fault.KindOf(err) != fault.NotFound {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.mu.rooms) >= maxAbsent || a.mu.rooms == nil {
		a.mu.rooms = map[id.Room]absence{}
	}
	if known, ok := a.mu.rooms[r]; !ok || now.After(known.until) {
		a.mu.rooms[r] = absence{err, now.Add(absentFor)}
	}
}

// look is why a room cannot be asked for; nil if nothing is known.
func (a *absent) look(now time.Time, r id.Room) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	known, ok := a.mu.rooms[r]
	if !ok {
		return nil
	}
	if now.After(known.until) {
		delete(a.mu.rooms, r)
		return nil
	}
	return known.err
}
