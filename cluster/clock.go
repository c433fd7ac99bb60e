package cluster

import (
	"sync"
	"time"

	"github.com/barrage-live/barrage/internal/wheel"
)

// grain is how late a timer may be.
const grain = 10 * time.Millisecond

// due is something to be told when its time has come. The call is made on the clock's goroutine and must not block.
type due interface{ due(now time.Time) }

// clock is the one goroutine that keeps the time of a node: idleness and timers of all actors. It sleeps until the
// next timer, so a quiet node does nothing at all.
type clock struct {
	mu struct {
		sync.Mutex
		wheel *wheel.Wheel[due]
		wakes time.Time // when the goroutine looks again; zero: not before it is woken
	}
	wake chan struct{}
	stop chan struct{}
	done chan struct{}
}

func startClock(now time.Time) *clock {
	c := &clock{wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	c.mu.wheel = wheel.New[due](now, grain)
	go c.run()
	return c
}

// arm tells t's value at or shortly after at; an armed timer is moved.
func (c *clock) arm(t *wheel.Timer[due], at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.wheel.Add(t, at)
	if !c.mu.wakes.IsZero() && !at.Before(c.mu.wakes) {
		return
	}
	c.mu.wakes = at
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// disarm forgets t. Its value may just be being told.
func (c *clock) disarm(t *wheel.Timer[due]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.wheel.Cancel(t)
}

func (c *clock) run() {
	defer close(c.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var ripe []due
	for {
		now := time.Now()
		var sleep time.Duration
		ripe, sleep = c.advance(now, ripe[:0])
		for i, d := range ripe {
			d.due(now)
			ripe[i] = nil
		}
		timer.Reset(sleep)
		select {
		case <-timer.C:
		case <-c.wake:
		case <-c.stop:
			return
		}
	}
}

// advance takes what is ripe and says how long nothing else will be.
func (c *clock) advance(now time.Time, dst []due) ([]due, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	dst = c.mu.wheel.Advance(now, dst)
	next, ok := c.mu.wheel.Next()
	if !ok {
		c.mu.wakes = time.Time{}
		return dst, time.Hour
	}
	c.mu.wakes = next
	return dst, next.Sub(now)
}

// close stops the goroutine and waits for it. Armed timers are forgotten.
func (c *clock) close() {
	close(c.stop)
	<-c.done
}

// timer is a message that an activation sends itself later. Its list and stopped belong to the activation's turns.
type timer struct {
	entry      wheel.Timer[due]
	a          *activation
	msg        any
	prev, next *timer
	stopped    bool
}

// due implements due; after the activation's end the mailbox takes nothing.
func (t *timer) due(time.Time) { t.a.box.post(self, t) }

// Timer is a message to come, made by Turn.After. The zero Timer is one that has come.
type Timer struct{ t *timer }

// Stop withdraws the message: it will not be received. Call it in a turn of the actor that made the timer; once the
// message was received it does nothing.
func (t Timer) Stop() {
	if t.t != nil && !t.t.stopped {
		t.t.a.unlink(t.t)
		t.t.a.node.clock.disarm(&t.t.entry)
	}
}

// after arms a timer of this activation.
func (a *activation) after(at time.Time, msg any) Timer {
	t := &timer{a: a, msg: msg, next: a.timers}
	t.entry.Value = t
	if a.timers != nil {
		a.timers.prev = t
	}
	a.timers = t
	a.node.clock.arm(&t.entry, at)
	return Timer{t}
}

// unlink takes t off the activation's list, so that it is never received.
func (a *activation) unlink(t *timer) {
	t.stopped = true
	if t.prev == nil {
		a.timers = t.next
	} else {
		t.prev.next = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	}
	t.prev, t.next = nil, nil
}

// stopTimers withdraws all timers of the activation.
func (a *activation) stopTimers() {
	for a.timers != nil {
		Timer{a.timers}.Stop()
	}
}
