package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"runtime/debug"
	"slices"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
)

// loaded tells an activation what its kind's Activate gave.
type loaded struct {
	actor    Actor
	err      error
	panicked bool
}

// flushed tells an activation how its Passivate ended.
type flushed struct{ err error }

// load begins a life: the state is read by a worker while messages wait.
func (a *activation) load() {
	a.phase, a.fence = loading, position.Fence{Epoch: a.epoch, Activation: a.gate.number.Add(1)}
	made := func() {
		l := a.activate()
		if !a.box.post(urgent, l) { // dropped meanwhile
			a.release(l.actor, errEnded)
		}
	}
	if !a.kind.loaders.submit(made) {
		a.kind.failed.Inc()
		a.finish("dropped", errBusy)
	}
}

// activate runs on a worker.
func (a *activation) activate() (l loaded) {
	ctx, cancel := a.node.workContext()
	defer cancel()
	defer func() {
		if reason := recover(); reason != nil {
			a.reportPanic("activation", reason, nil)
			l = loaded{err: errPanicked, panicked: true}
		}
	}()
	exists := false
	if a.kind.State != nil {
		t, partition := a.kind.State(a.key)
		var err error
		if exists, err = a.node.cfg.Fencer.FenceExisting(ctx, t, partition, a.fence); err != nil {
			return loaded{err: err}
		}
	}
	made, err := a.kind.Activate(ctx, Activation{Key: a.key, Fence: a.fence, Exists: exists, Log: a.log()})
	switch {
	case err != nil:
		return loaded{err: err}
	case made == nil:
		return loaded{err: fault.New(fault.Internal, "no_actor", "Activate gave no actor")}
	}
	return loaded{actor: made}
}

// loaded lets the messages in, after the actor's first turn.
func (a *activation) loaded(l loaded) {
	now := time.Now()
	if l.err != nil {
		a.kind.failed.Inc()
		refusal := activationFault(l.err)
		if l.panicked {
			if left := a.gate.crash(a, now); left > 0 {
				refusal = quarantined(left)
			}
		}
		a.finish("dropped", refusal)
		return
	}
	a.kind.activated.Inc()
	a.actor, a.phase = l.actor, active
	a.touch(now)
	if a.kind.idle > 0 {
		a.node.clock.Arm(&a.idle, now.Add(a.kind.idle))
	}
	if s, ok := a.actor.(Starter); ok {
		a.step(nil, now, s.Start)
		return
	}
	a.settle()
}

// activationFault gives an Activate's error a kind: whatever it was, no message was executed.
func activationFault(err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	return fault.Wrap(fault.Unavailable, "activation_failed", "the actor could not be activated", err)
}

// flush ends a life in order: the actor writes what it still holds while messages wait.
func (a *activation) flush() {
	a.phase = flushing
	a.setHold(holdAll)
	p, ok := a.actor.(Passivator)
	if !ok {
		a.flushed(nil)
		return
	}
	if !a.kind.loaders.insist(func() { a.box.post(urgent, flushed{a.passivate(p)}) }) {
		a.flushed(errClosed)
	}
}

// passivate runs on a worker.
func (a *activation) passivate(p Passivator) (err error) {
	ctx, cancel := a.node.workContext()
	defer cancel()
	defer func() {
		if reason := recover(); reason != nil {
			a.reportPanic("flush", reason, nil)
			err = errWorkPanic
		}
	}()
	return p.Passivate(ctx)
}

// flushed ends the life, unless only idleness asked for it and the state could not be written.
func (a *activation) flushed(err error) {
	if a.dropped != nil {
		a.finish("dropped", a.dropped)
		return
	}
	if err != nil {
		a.kind.flushErrors.Inc()
		a.log().Error("flush failed", slog.Any("error", err), slog.String("cause", a.cause()))
		if a.ending == endIdle && fault.KindOf(err) != fault.Fenced {
			now := time.Now()
			a.phase, a.ending = active, endNone
			a.node.clock.Arm(&a.idle, now.Add(a.kind.idle))
			a.settle()
			return
		}
	}
	a.finish(a.cause(), nil)
}

func (a *activation) cause() string {
	switch a.ending {
	case endIdle:
		return "idle"
	case endDrain:
		return "drain"
	case endStop, endNone:
	}
	return "stop"
}

// crash ends a life whose turn panicked. Its state is not trusted and not flushed. Works it left behind may still
// write; unless storage refuses that, because the next life raises the fence, it must not read before they are done.
func (a *activation) crash(now time.Time) {
	left := a.gate.crash(a, now)
	if left > 0 {
		a.refusal = quarantined(left)
		a.log().Error("actor quarantined", slog.Duration("rest", left))
	}
	a.bury("panic", errPanicked)
	a.phase = crashed
	if a.kind.State != nil || a.outstanding == 0 { // what fenced works still write is refused
		a.finish("", a.refusal)
		return
	}
	a.setHold(holdUser)
}

// bury forgets everything of the present life. why is what its Actor is told, nil after an end in order.
func (a *activation) bury(cause string, why error) {
	if a.actor != nil {
		a.kind.passivated.WithLabelValues(cause).Inc()
		a.release(a.actor, why)
	}
	for _, e := range a.owed {
		e.answer(nil, errEnded)
	}
	a.owed, a.waitsForOwed = nil, false
	a.stopTimers()
	a.node.clock.Disarm(&a.idle)
	a.actor, a.pinned, a.ending, a.awaiting = nil, false, endNone, 0
	a.life++
}

// drop ends the activation without a flush. One that flushes ends when Passivate has returned, since nothing else may touch
// the Actor before.
func (a *activation) drop(refusal error) {
	if a.phase == flushing {
		a.dropped = refusal
		return
	}
	a.finish("dropped", refusal)
}

// release lets the Actor free what it owns. It is the last that happens to it.
func (a *activation) release(actor Actor, why error) {
	c, ok := actor.(Closer)
	if !ok {
		return
	}
	defer func() {
		if reason := recover(); reason != nil {
			a.reportPanic("close", reason, nil)
		}
	}()
	c.Close(why)
}

// owe remembers an asker, for the case that the life ends before it is answered. The list forgets the answered when it is
// full and doubles when half of it is not, so that this costs little a call.
func (a *activation) owe(e *envelope, now time.Time) {
	if len(a.owed) == cap(a.owed) {
		if a.owes(now); len(a.owed) > cap(a.owed)/2 {
			a.owed = slices.Grow(a.owed, cap(a.owed))
		}
	}
	a.owed = append(a.owed, e)
}

// owes reports whether someone still waits for a Reply that went out of its turn.
func (a *activation) owes(now time.Time) bool {
	a.owed = slices.DeleteFunc(a.owed, func(e *envelope) bool {
		if e.expired(now) {
			e.answer(nil, errExpired) // whoever forgets an asker has told it; its own deadline may be a grain behind
		}
		return e.answered.Load()
	})
	return len(a.owed) > 0
}

// finish ends the present life. With a refusal, or when the node takes nothing any more, it answers whatever waits, and
// the process ends; otherwise the process ends if nothing waits, and begins its next life if something does.
func (a *activation) finish(cause string, refusal error) {
	why := refusal
	if cause == "drain" {
		why = errDraining
	}
	a.bury(cause, why)
	a.refusal = nil
	if refusal == nil {
		refusal = a.node.refusal()
	}
	if a.gate.retire(a, refusal) {
		a.phase = ended
		return
	}
	a.setHold(holdAll)
	a.load()
}

// completion is the end of a work of Turn.Pipe or Turn.Await.
type completion struct {
	life  uint32
	await bool
	env   *envelope
	value any
	err   error
	done  func(t *Turn, v any, err error)
}

// start hands work to a worker.
func (a *activation) start(
	env *envelope, work func(context.Context) (any, error), done func(*Turn, any, error), await bool,
) {
	c := &completion{life: a.life, await: await, env: env, done: done}
	a.outstanding++
	if await {
		a.awaiting++
	}
	if env != nil {
		env.holders++
	}
	if a.kind.workers.submit(func() { c.value, c.err = a.work(work); a.deliver(c) }) {
		return
	}
	a.kind.refused.WithLabelValues(errBusy.Code).Inc()
	c.err = errBusy
	a.deliver(c)
}

// work runs on a worker.
func (a *activation) work(work func(context.Context) (any, error)) (v any, err error) {
	ctx, cancel := a.node.workContext()
	defer cancel()
	defer func() {
		if reason := recover(); reason != nil {
			a.reportPanic("work", reason, nil)
			v, err = nil, errWorkPanic
		}
	}()
	return work(ctx)
}

// deliver brings the end of a work back to the activation, or answers for it if that is gone.
func (a *activation) deliver(c *completion) {
	l := self
	if c.await {
		l = urgent
	}
	if !a.box.post(l, c) {
		c.env.answer(nil, errEnded)
	}
}

// complete gives the end of a work its turn.
func (a *activation) complete(c *completion) {
	a.outstanding--
	if c.env != nil {
		c.env.holders--
	}
	now := time.Now()
	if c.life != a.life || a.node.fenced(now) {
		c.env.answer(nil, errEnded)
		if a.phase == crashed && a.outstanding == 0 {
			a.finish("", a.refusal)
		}
		return
	}
	if c.await {
		a.awaiting--
	}
	a.touch(now)
	a.step(c.env, now, func(t *Turn) {
		if c.done != nil {
			c.done(t, c.value, c.err)
		}
	})
}

// reportPanic logs and counts a recovered panic.
func (a *activation) reportPanic(during string, reason any, of *envelope) {
	a.kind.panics.Inc()
	attrs := []any{slog.String("during", during), slog.String("panic", fmt.Sprint(reason)), slog.String("stack", string(debug.Stack()))}
	if of != nil {
		attrs = append(attrs, slog.String("message_type", typeOf(of.msg)))
	}
	a.log().Error("actor panicked", attrs...)
}

func typeOf(msg any) string {
	if msg == nil {
		return "nil"
	}
	return reflect.TypeOf(msg).String()
}
