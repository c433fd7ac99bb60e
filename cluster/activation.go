package cluster

import (
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wheel"
)

// phase is where an activation is in its life.
//
//	loading -> active -> flushing -> ended
//	   ^         |           |
//	   |         v           |
//	   +----- crashed        |    with messages waiting, the next life begins in the same process,
//	   +---------------------+    so that none is lost and their order stays
type phase uint8

const (
	loading phase = iota
	active
	flushing
	crashed // waits for the works of the failed life before the next one loads
	ended
)

// ending is why an activation is to end; higher ones win.
type ending uint8

const (
	endNone ending = iota
	endIdle
	endDrain
	endStop // an actor that gave up on its state must not execute what waits, not even in a drain
)

// owedPause is how long a drain waits before it looks again whether an activation has given the answers it owes.
const owedPause = 5 * grain

// signal steers an activation from outside.
type signal uint8

const (
	signalIdle  signal = iota // it may have been idle long enough
	signalDrain               // finish what waits, flush and end
	signalDrop                // end now, without a flush: the node is closed or has lost its lease
)

// activation is one actor in memory: the process behind an address. One process may live several lives, one after the
// other; each has its own Actor and number. All fields below box belong to its turns.
type activation struct {
	node *Node
	gate *gate
	kind *kind
	key  string
	// touched is when the last message came, in nanoseconds since the node began.
	touched atomic.Int64
	idle    wheel.Timer[due]
	box     mailbox

	epoch  position.Epoch
	fence  position.Fence // of this life
	actor  Actor
	life   uint32
	phase  phase
	ending ending
	held   hold
	pinned bool
	// awaiting counts the Awaits of this life, outstanding all works of this and earlier lives.
	awaiting    int32
	outstanding int32
	timers      *timer
	owed        []*envelope // whose Reply went out of its turn
	// waitsForOwed is set while a timer looks whether the owed answers were given, so that a drain can end.
	waitsForOwed bool
	turn         Turn
	refusal      error // answers what waits when a crashed life has ended; nil: the next life does
	dropped      error // why a flushing activation was dropped; it ends once Passivate has returned
}

var _ actor.Actor = (*activation)(nil)

// Receive implements actor.Actor. It never panics: what may panic runs in guard.
func (a *activation) Receive(ctx actor.Context) {
	if a.phase == ended {
		return
	}
	switch m := ctx.Message().(type) {
	case *actor.Started:
		a.load()
	case *envelope:
		a.handle(m)
	case *timer:
		a.fire(m)
	case *completion:
		a.complete(m)
	case loaded:
		a.loaded(m)
	case flushed:
		a.flushed(m.err)
	case signal:
		a.steer(m)
	}
	if a.phase == ended {
		ctx.Stop(ctx.Self())
	}
}

// handle gives a message its turn, unless it must not have one any more.
func (a *activation) handle(e *envelope) {
	now := time.Now()
	if err := a.admit(e, now); err != nil {
		a.refuse(e, err)
		a.settle()
		return
	}
	a.touch(now)
	a.step(e, now, nil)
}

func (a *activation) admit(e *envelope, now time.Time) error {
	switch {
	case a.node.fenced(now):
		return errLeaseLost
	case e.epoch != 0 && e.epoch != a.epoch:
		return errStaleEpoch
	case e.expired(now):
		return errExpired
	}
	return nil
}

// refuse answers a message that is not executed, and counts it.
func (a *activation) refuse(e *envelope, err error) {
	e.answer(nil, err)
	a.kind.refused.WithLabelValues(fault.CodeOf(err)).Inc()
}

// fire gives a due timer its turn.
func (a *activation) fire(t *timer) {
	now := time.Now()
	if t.stopped || a.node.fenced(now) {
		return
	}
	a.unlink(t)
	if s, ok := t.msg.(signal); ok {
		a.steer(s)
		return
	}
	a.step(nil, now, func(turn *Turn) { a.actor.Receive(turn, t.msg) })
}

// step runs one turn: the message of e, or then if given.
func (a *activation) step(e *envelope, now time.Time, then func(*Turn)) {
	a.turn = Turn{a: a, env: e, now: now}
	if e != nil {
		e.holders++
	}
	sound := a.guard(then)
	a.turn = Turn{}
	a.kind.turns.Observe(time.Since(now).Seconds())
	if e != nil {
		e.holders--
		if !sound {
			e.answer(nil, errPanicked)
		} else if e.holders == 0 && !e.taken && e.answer(nil, errUnanswered) {
			a.log().Error("actor did not answer", slog.String("message_type", typeOf(e.msg)))
		}
	}
	if !sound {
		a.crash(now)
	}
	a.settle()
}

// guard calls the actor and recovers its panic.
func (a *activation) guard(then func(*Turn)) (sound bool) {
	defer func() {
		if reason := recover(); reason != nil {
			a.reportPanic("turn", reason, a.turn.env)
		}
	}()
	if then != nil {
		then(&a.turn)
	} else {
		a.actor.Receive(&a.turn, a.turn.env.msg)
	}
	return true
}

// settle draws the consequences of a turn: who waits, and whether the activation goes on.
func (a *activation) settle() {
	if a.phase != active {
		return
	}
	switch {
	case a.awaiting > 0:
		a.setHold(holdAll)
	case a.ending == endStop && a.outstanding > 0:
		a.setHold(holdUser)
	case a.ending == endStop, a.ending == endDrain && a.finished():
		a.flush()
	default:
		a.setHold(holdNone)
	}
}

// finished reports whether a draining activation has done all it was asked. An answer given outside a turn is noticed a
// little later.
func (a *activation) finished() bool {
	if a.outstanding > 0 || a.box.depth() > 0 {
		return false
	}
	now := time.Now()
	if !a.owes(now) {
		return true
	}
	if !a.waitsForOwed {
		a.waitsForOwed = true
		a.after(now.Add(owedPause), signalDrain)
	}
	return false
}

func (a *activation) setHold(h hold) {
	if a.held != h {
		a.held = h
		a.box.setHold(h)
	}
}

// steer obeys a signal.
func (a *activation) steer(s signal) {
	switch s {
	case signalIdle:
		a.considerIdle(time.Now())
	case signalDrain:
		a.ending, a.waitsForOwed = max(a.ending, endDrain), false
		a.settle()
	case signalDrop:
		a.drop(a.node.refusal())
	}
}

// touch notes that something came from outside.
func (a *activation) touch(now time.Time) { a.touched.Store(int64(now.Sub(a.node.born))) }

// quiet is how long nothing came.
func (a *activation) quiet(now time.Time) time.Duration {
	return now.Sub(a.node.born) - time.Duration(a.touched.Load())
}

// due implements due for the idle timer, on the clock's goroutine: an actor that was touched is only looked at again
// later, without being woken.
func (a *activation) due(now time.Time) {
	if quiet := a.quiet(now); quiet < a.kind.idle {
		a.node.clock.Arm(&a.idle, now.Add(a.kind.idle-quiet))
		return
	}
	a.box.post(urgent, signalIdle)
}

// considerIdle begins the end of an activation that has nothing to do.
func (a *activation) considerIdle(now time.Time) {
	if a.phase != active || a.ending != endNone {
		return
	}
	quiet := a.quiet(now)
	switch {
	case a.pinned, a.outstanding > 0, a.box.depth() > 0, a.owes(now):
		a.node.clock.Arm(&a.idle, now.Add(a.kind.idle))
	case quiet < a.kind.idle:
		a.node.clock.Arm(&a.idle, now.Add(a.kind.idle-quiet))
	default:
		a.ending = endIdle
		a.flush()
	}
}
