package cluster

import (
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/barrage-live/barrage/cluster/internal/life"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wheel"
)

// signal steers an activation from outside.
type signal uint8

const (
	signalIdle   signal = iota // it may have been idle long enough
	signalDrain                // finish what waits, flush and end
	signalClose                // end now, without a flush: the node closes
	signalLose                 // end now, without a flush: the lease is lost
	signalResume               // the lease is trusted again
	signalExpel                // what waits in doubt has waited long enough
)

// concerns reports whether the activation need be told.
func (m signal) concerns(a *activation) bool {
	switch m {
	case signalResume:
		return a.held.Load()
	case signalExpel:
		return a.box.depth() > 0
	case signalIdle, signalDrain, signalClose, signalLose:
	}
	return true
}

// granted tells an activation that its shard is owned, or why it is not.
type granted struct{ err *fault.Error }

// checkDrained is a timer's message: look again whether an activation that drains has given the answers it
// owes.
type checkDrained struct{}

// checkPause is how long a drain waits before it looks again.
const checkPause = 5 * grain

// activation is one actor in memory: the process at an address, the shell of a life.State. One process
// may live several lives, one after the other; each has its own Actor and fence. All fields below held
// belong to its turns.
type activation struct {
	node  *Node
	shard *shardActor
	kind  *kind
	key   string
	// touched is when the last message came, in nanoseconds since the node began.
	touched atomic.Int64
	idle    wheel.Timer[due]
	box     mailbox
	// spawned belongs to the turns of the shard.
	spawned bool
	// held says that something was kept back in doubt: it must be told when the doubt is over.
	held atomic.Bool

	state   life.State
	actor   Actor
	fence   position.Fence // of the present life
	timers  *timer
	owed    []*envelope // whose Reply went out of its turn
	turn    Turn
	refusal error // answers what waits if the shard or the state could not be had, or the actor rests
}

var _ actor.Actor = (*activation)(nil)

func newActivation(s *shardActor, at address) *activation {
	a := &activation{node: s.node, shard: s, kind: at.kind, key: at.key, state: life.New(at.kind.State != nil)}
	a.idle.Value = a
	a.box.limit = at.kind.mailbox
	a.box.mu.paused = life.PauseOwn
	return a
}

// Receive implements actor.Actor. It never panics: what may panic runs in guard.
func (a *activation) Receive(ctx actor.Context) {
	if a.state.Phase() == life.Ended {
		return
	}
	now := time.Now()
	switch m := ctx.Message().(type) {
	case *actor.Started:
		a.enter(now)
	case *envelope:
		a.receive(m, now)
	case *timer:
		a.fire(m, now)
	case *completion:
		a.step(life.Event{What: life.WorkEnded, Life: m.life, Await: m.await}, m, now)
	case loaded:
		a.step(life.Event{What: life.Loaded, Life: m.life, Outcome: m.outcome, Rests: m.rests}, m, now)
	case flushed:
		a.step(life.Event{What: life.Flushed, Outcome: m.outcome}, m, now)
	case granted:
		a.granted(m, now)
	case signal:
		a.steer(m, now)
	}
	if a.state.Phase() == life.Ended {
		ctx.Stop(ctx.Self())
	}
}

// receive gives a message its turn. Nearly all come to an actor that is steady and trusted: the core, which
// would only say Run, is not asked about those.
func (a *activation) receive(e *envelope, now time.Time) {
	expired := e.expired(now)
	if !expired && a.state.Steady() && a.node.standing(now, a.fence.Epoch) == life.Trusted {
		a.run(e, now)
		return
	}
	a.step(life.Event{What: life.Message, Expired: expired}, e, now)
}

// step hands an event to the core, with what the clock says of the ownership, and performs what comes of
// it. of is the message that is the event, nil for others.
func (a *activation) step(e life.Event, of any, now time.Time) {
	e.Standing, e.Idle = a.node.standing(now, a.fence.Epoch), a.kind.idle
	var buf [4]life.Effect
	for _, f := range a.state.Step(e, buf[:0]) {
		a.perform(f, of, now)
	}
	if held := a.state.Held(); held != a.held.Load() {
		a.held.Store(held)
		if held && !a.node.trust.suspended.Load() { // the doubt was over before it was noted
			a.box.post(steering, signalResume)
		}
	}
}

func (a *activation) perform(f life.Effect, of any, now time.Time) {
	switch f.Do {
	case life.Run:
		a.run(of, now)
	case life.Refuse:
		a.refuse(of.(*envelope), errExpired)
	case life.Discard:
		a.discard(of)
	case life.Keep:
		a.keep(of)
	case life.Pause:
		a.box.pause(f.Level)
	case life.Enter:
		a.enter(now)
	case life.Load:
		a.load(now)
	case life.Flush:
		a.flush(now)
	case life.Check:
		a.step(life.Event{What: life.Checked, Quiet: a.quiet(now), Backlog: a.box.depth() > 0, Owed: a.owes(now)}, nil, now)
	case life.CheckLater:
		a.after(now.Add(checkPause), checkDrained{})
	case life.ArmIdle:
		if a.kind.idle > 0 {
			a.node.clock.Arm(&a.idle, now.Add(f.After))
		}
	case life.EndLife:
		a.endLife(f.Cause)
	case life.RefuseWaiting:
		a.refuseAll(a.box.takeAll(), errSuspended)
	case life.Retire:
		a.retire(f.Cause, of, now)
	}
}

// steer obeys a signal.
func (a *activation) steer(m signal, now time.Time) {
	e := life.Event{}
	switch m {
	case signalIdle:
		e.What, e.Quiet, e.Backlog = life.IdleDue, a.quiet(now), a.box.depth() > 0
	case signalDrain:
		e.What = life.Drain
	case signalClose:
		e.What = life.Close
	case signalLose:
		e.What = life.Lose
	case signalResume:
		e.What = life.Resume
	case signalExpel:
		if !a.node.trust.refusing.Load() {
			return // the doubt is over
		}
		e.What = life.Expel
	}
	a.step(e, nil, now)
}

// enter asks for the fence of the next life, or waits until the shard is owned.
func (a *activation) enter(now time.Time) {
	fence, ok := a.shard.fence(now)
	if !ok {
		a.shard.box.post(own, a)
		return
	}
	a.fence = fence
	a.step(life.Event{What: life.Granted}, nil, now)
}

func (a *activation) granted(g granted, now time.Time) {
	switch {
	case a.state.Phase() != life.Waiting:
	case g.err != nil:
		a.refusal = g.err
		a.step(life.Event{What: life.Granted, Outcome: life.Failed}, nil, now)
	default:
		a.enter(now)
	}
}

// fire hands a due timer to the core, unless it was stopped meanwhile.
func (a *activation) fire(t *timer, now time.Time) {
	switch {
	case t.stopped:
	case t.msg == any(checkDrained{}):
		a.unlink(t)
		a.step(life.Event{What: life.Drain}, nil, now)
	default:
		a.step(life.Event{What: life.Timer}, t, now)
	}
}

// keep puts a message back to the head of its queue.
func (a *activation) keep(of any) {
	p := awaited
	switch m := of.(type) {
	case *timer:
		p = own
	case *completion:
		p = m.priority()
	}
	a.box.putBack(p, of)
}

// discard drops a message that is of an earlier life, or that nobody takes any more.
func (a *activation) discard(of any) {
	switch m := of.(type) {
	case *completion:
		m.env.answer(nil, errEnded)
	case loaded:
		a.release(m.actor, errEnded)
	}
}

// refuse answers a message that is not executed, and counts it.
func (a *activation) refuse(e *envelope, err error) {
	e.answer(nil, err)
	a.kind.refused.WithLabelValues(fault.CodeOf(err)).Inc()
}

// refuseAll refuses a list of messages.
func (a *activation) refuseAll(e *envelope, err error) {
	for e != nil {
		next := e.next
		e.next = nil
		a.refuse(e, err)
		e = next
	}
}

// touch notes that something came from outside.
func (a *activation) touch(now time.Time) { a.touched.Store(int64(now.Sub(a.node.born))) }

// quiet is how long nothing came.
func (a *activation) quiet(now time.Time) time.Duration {
	return now.Sub(a.node.born) - time.Duration(a.touched.Load())
}

// due implements due for the idle timer, on the clock's goroutine: an actor that was touched is only looked
// at again later, without being woken.
func (a *activation) due(now time.Time) {
	if quiet := a.quiet(now); quiet < a.kind.idle {
		a.node.clock.Arm(&a.idle, now.Add(a.kind.idle-quiet))
		return
	}
	a.box.post(steering, signalIdle)
}
