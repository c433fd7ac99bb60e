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

	"github.com/barrage-live/barrage/cluster/internal/life"
	"github.com/barrage-live/barrage/cluster/internal/ownership"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
)

// loaded tells an activation what its kind's Activate gave to one of its lives.
type loaded struct {
	life    uint32
	outcome life.Outcome
	actor   Actor
	err     error
	rests   bool
}

// flushed tells an activation how its Passivate ended.
type flushed struct{ outcome life.Outcome }

// load has the state read by a worker while messages wait.
func (a *activation) load(now time.Time) {
	number, fence := a.state.Number(), a.fence
	read := func() {
		l := a.activate(fence)
		l.life = number
		if !a.box.post(awaited, l) { // dropped meanwhile
			a.release(l.actor, errEnded)
		}
	}
	if !a.kind.loaders.submit(read) {
		a.step(life.Event{What: life.Loaded, Life: number, Outcome: life.Failed}, loaded{err: errBusy}, now)
	}
}

// activate runs on a worker.
func (a *activation) activate(fence position.Fence) (l loaded) {
	ctx, cancel := a.node.workContext()
	defer cancel()
	defer func() {
		if reason := recover(); reason != nil {
			a.reportPanic("activation", reason, nil)
			l = loaded{outcome: life.Panicked, err: errPanicked}
			if left := a.crash(time.Now()); left > 0 {
				l.rests, l.err = true, quarantined(left)
			}
		}
	}()
	exists, err := a.raise(ctx, fence)
	if err == nil {
		l.actor, err = a.kind.Activate(ctx, Activation{Key: a.key, Fence: fence, Exists: exists, Log: a.log()})
	}
	switch {
	case err != nil:
		return loaded{outcome: life.Failed, err: activationFault(err)}
	case l.actor == nil:
		return loaded{outcome: life.Failed, err: fault.New(fault.Internal, "no_actor", "Activate gave no actor")}
	}
	return l
}

// raise fences the state of the actor, so that nobody changes it any more who was there before. Who finds a
// later fence there has lost the shard, or is about to learn that.
func (a *activation) raise(ctx context.Context, fence position.Fence) (exists bool, err error) {
	if a.kind.State == nil {
		return false, nil
	}
	t, partition := a.kind.State(a.key)
	exists, err = a.node.cfg.Fencer.FenceExisting(ctx, t, partition, fence)
	if err != nil && fault.KindOf(err) == fault.Fenced {
		a.shard.box.post(own, shardEvent(ownership.Overruled))
	}
	return exists, err
}

// activationFault gives an Activate's error a kind: whatever it was, no message was executed.
func activationFault(err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	return fault.Wrap(fault.Unavailable, "activation_failed", "the actor could not be activated", err)
}

// flush has the actor write what it still holds while messages wait.
func (a *activation) flush(now time.Time) {
	p, ok := a.actor.(Passivator)
	if !ok {
		a.step(life.Event{What: life.Flushed}, nil, now)
		return
	}
	epoch := a.fence.Epoch
	if !a.kind.loaders.insist(func() { a.box.post(awaited, a.passivate(p, epoch)) }) {
		a.step(life.Event{What: life.Flushed, Outcome: life.Failed}, nil, now)
	}
}

// passivate runs on a worker, unless the ownership came in doubt while it waited for one.
func (a *activation) passivate(p Passivator, epoch position.Epoch) (f flushed) {
	if a.node.standing(time.Now(), epoch) != life.Trusted {
		return flushed{life.Held}
	}
	ctx, cancel := a.node.workContext()
	defer cancel()
	defer func() {
		if reason := recover(); reason != nil {
			a.reportPanic("flush", reason, nil)
			f = flushed{life.Panicked}
		}
	}()
	err := p.Passivate(ctx)
	if err == nil {
		return flushed{}
	}
	a.kind.flushErrors.Inc()
	a.log().Error("flush failed", slog.Any("error", err))
	if fault.KindOf(err) == fault.Fenced {
		return flushed{life.Fenced}
	}
	return flushed{life.Failed}
}

// endLife frees what a life owned.
func (a *activation) endLife(c life.Cause) {
	label, why := endOf(c)
	a.kind.passivated.WithLabelValues(label).Inc()
	a.release(a.actor, why)
	for _, e := range a.owed {
		e.answer(nil, errEnded)
	}
	a.owed, a.actor = nil, nil
	a.stopTimers()
	a.node.clock.Disarm(&a.idle)
}

// endOf is the label of a cause, and what the Actor is told.
func endOf(c life.Cause) (label string, why error) {
	switch c {
	case life.Idle:
		return "idle", nil
	case life.Stop:
		return "stop", nil
	case life.Drained:
		return "drain", errDraining
	case life.Panic:
		return "panic", errPanicked
	case life.Ownership:
		return "lost", errLeaseLost
	case life.None, life.Quarantine, life.Failure, life.Closed:
	}
	return "closed", errClosed
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

// retire ends the process, unless messages wait that nothing refuses. of is a load that failed, if that is
// why.
func (a *activation) retire(c life.Cause, of any, now time.Time) {
	if l, ok := of.(loaded); ok && l.err != nil {
		a.kind.failed.Inc()
		a.refusal = l.err
	}
	refusal := a.node.refusal()
	if c == life.Failure || c == life.Quarantine {
		refusal = a.refusal
	}
	a.refusal = nil
	gone := a.shard.retire(a, refusal)
	a.step(life.Event{What: life.Retired, Backlog: !gone}, nil, now)
}

// crash notes a panic and says how long the actor has to rest.
func (a *activation) crash(now time.Time) time.Duration {
	left := a.shard.register.crash(address{a.kind, a.key}, now)
	if left > 0 {
		a.log().Error("actor quarantined", slog.Duration("rest", left))
	}
	return left
}

// trackReply remembers an asker, for the case that the life ends before it is answered. The list forgets
// the answered when it is full and doubles when half of it is not, so that this costs little a call.
func (a *activation) trackReply(e *envelope, now time.Time) {
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
		return e.flags.Load()&answered != 0
	})
	return len(a.owed) > 0
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
