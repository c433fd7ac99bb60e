package ws

import (
	"context"
	"sync"
	"time"

	"github.com/barrage-live/barrage/internal/wheel"
)

// deadlines looks at every connection when something about it may have become due: one wheel, one goroutine.
type deadlines struct {
	start time.Time
	mu    struct {
		sync.Mutex
		wheel *wheel.Wheel[*Conn]
	}
}

func newDeadlines(start time.Time) *deadlines {
	d := &deadlines{start: start}
	d.mu.wheel = wheel.New[*Conn](start, wheelGrain)
	return d
}

// arm sees to it that c is looked at by the given time, not later than planned before.
func (d *deadlines) arm(c *Conn, at time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.timer.Armed() && c.planned <= at {
		return
	}
	c.timer.Value, c.planned = c, at
	d.mu.wheel.Add(&c.timer, d.start.Add(at))
}

func (d *deadlines) disarm(c *Conn) {
	d.mu.Lock()
	d.mu.wheel.Cancel(&c.timer)
	d.mu.Unlock()
}

// run turns the wheel until ctx ends.
func (d *deadlines) run(ctx context.Context) {
	beat := time.NewTicker(wheelGrain)
	defer beat.Stop()
	var due []*Conn
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-beat.C:
			d.mu.Lock()
			due = d.mu.wheel.Advance(now, due[:0])
			d.mu.Unlock()
			for _, c := range due {
				if next, again := c.check(now.Sub(d.start)); again {
					d.arm(c, next)
				}
			}
			clear(due)
		}
	}
}
