package wheel

import (
	"sync"
	"time"
)

// Clock drives a Wheel: one goroutine that sleeps until the next timer, so that a process with nothing to
// do does nothing at all. It is safe for concurrent use.
type Clock[T any] struct {
	mu struct {
		sync.Mutex
		wheel *Wheel[T]
		wakes time.Time // when the goroutine looks again; zero: not before it is woken
	}
	tell func(now time.Time, value T)
	wake chan struct{}
	stop chan struct{}
	done chan struct{}
}

// Start makes a clock that tells the values of its timers when they come due, at most one grain late. tell
// is called on the clock's goroutine; it may arm and disarm timers, and must not block.
func Start[T any](grain time.Duration, tell func(now time.Time, value T)) *Clock[T] {
	c := &Clock[T]{tell: tell, wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	c.mu.wheel = New[T](time.Now(), grain)
	go c.run()
	return c
}

// Arm has t come due at or shortly after at; an armed timer is moved.
func (c *Clock[T]) Arm(t *Timer[T], at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.arm(t, at)
}

// ArmBy is Arm for a timer that is not armed yet, or for a later time.
func (c *Clock[T]) ArmBy(t *Timer[T], at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.armed && t.tick <= c.mu.wheel.ceil(at) {
		return
	}
	c.arm(t, at)
}

func (c *Clock[T]) arm(t *Timer[T], at time.Time) {
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

// Disarm forgets t. Its value may just be being told.
func (c *Clock[T]) Disarm(t *Timer[T]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.wheel.Cancel(t)
}

// Close stops the goroutine and waits for it. Armed timers are forgotten.
func (c *Clock[T]) Close() {
	close(c.stop)
	<-c.done
}

func (c *Clock[T]) run() {
	defer close(c.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var ripe []T
	for {
		now := time.Now()
		var sleep time.Duration
		ripe, sleep = c.advance(now, ripe[:0])
		for _, value := range ripe {
			c.tell(now, value)
		}
		clear(ripe)
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
func (c *Clock[T]) advance(now time.Time, dst []T) ([]T, time.Duration) {
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
