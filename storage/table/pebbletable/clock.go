package pebbletable

import (
	"sync"
	"time"
)

// clockStep is how far the stored mark may lie behind the clock.
const clockStep = 10 * time.Second

// clock tells the time by which rows expire. It never goes back, and never stands still: where the system's
// clock is set back it goes on from where it was, so that what has expired stays so. The committer stores a
// mark with its writes, above which a restart goes on. It is safe for concurrent use.
type clock struct {
	wall func() time.Time
	mu   struct {
		sync.Mutex
		at   time.Time // the highest time shown, and
		when time.Time // the moment of that by the machine's monotonic clock
	}
}

func newClock(wall func() time.Time, mark time.Time) *clock {
	c := &clock{wall: wall}
	c.mu.at, c.mu.when = mark, time.Now()
	return c
}

// now is the time.
func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	tick := time.Now()
	at := c.mu.at.Add(tick.Sub(c.mu.when))
	if wall := c.wall(); wall.After(at) {
		at = wall
	}
	c.mu.at, c.mu.when = at, tick
	return at
}
