package cluster

import (
	"time"

	"github.com/barrage-live/barrage/internal/wheel"
)

// grain is how late a timer may be.
const grain = 10 * time.Millisecond

// due is something to be told when its time has come. The call is made on the clock's goroutine and must
// not block.
type due interface{ due(now time.Time) }

// startClock keeps the time of a node: idleness and timers of all actors.
func startClock() *wheel.Clock[due] {
	return wheel.Start(grain, func(now time.Time, d due) { d.due(now) })
}

// timer is a message that an activation sends itself later. Its list and stopped belong to the activation's
// turns.
type timer struct {
	entry      wheel.Timer[due]
	a          *activation
	msg        any
	prev, next *timer
	stopped    bool
}

// due implements due; after the activation's end the mailbox takes nothing.
func (t *timer) due(time.Time) { t.a.box.post(own, t) }

// Timer is a message to come, made by Turn.After. The zero Timer is one that has come.
type Timer struct{ t *timer }

// Stop withdraws the message: it will not be received. Call it in a turn of the actor that made the timer;
// once the message was received it does nothing.
func (t Timer) Stop() {
	if t.t != nil && !t.t.stopped {
		t.t.a.unlink(t.t)
		t.t.a.node.clock.Disarm(&t.t.entry)
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
	a.node.clock.Arm(&t.entry, at)
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
