package cluster

import (
	"context"
	"log/slog"
	"time"

	"github.com/barrage-live/barrage/cluster/internal/life"
	"github.com/barrage-live/barrage/internal/position"
)

// run gives an event its turn.
func (a *activation) run(of any, now time.Time) {
	switch m := of.(type) {
	case *envelope:
		a.touch(now)
		a.takeTurn(m, now, nil)
	case *timer:
		a.unlink(m)
		a.takeTurn(nil, now, func(t *Turn) { a.actor.Receive(t, m.msg) })
	case *completion:
		a.touch(now)
		if m.env != nil {
			m.env.holders--
		}
		a.takeTurn(m.env, now, func(t *Turn) {
			if m.done != nil {
				m.done(t, m.value, m.err)
			}
		})
	case loaded:
		a.begin(m.actor, now)
	}
}

// begin makes the Actor that was loaded the present one and gives it its first turn.
func (a *activation) begin(actor Actor, now time.Time) {
	a.kind.activated.Inc()
	a.actor = actor
	a.touch(now)
	if s, ok := actor.(Starter); ok {
		a.takeTurn(nil, now, s.Start)
		return
	}
	a.step(life.Event{What: life.TurnEnded}, nil, now)
}

// takeTurn runs one turn: the message of e, or then if given.
func (a *activation) takeTurn(e *envelope, now time.Time, then func(*Turn)) {
	a.turn = Turn{a: a, env: e, now: now}
	if e != nil {
		e.holders++
	}
	sound := a.guard(then)
	a.turn = Turn{}
	end := now.Add(time.Since(now)) // half the price of time.Now, which would ask for the wall clock as well
	a.kind.turns.Observe(end.Sub(now).Seconds())
	if e != nil {
		e.holders--
		if !sound {
			e.answer(nil, errPanicked)
		} else if e.holders == 0 && e.flags.Load()&taken == 0 && e.answer(nil, errUnanswered) {
			a.log().Error("actor did not answer", slog.String("message_type", typeOf(e.msg)))
		}
	}
	if sound && a.state.Steady() {
		return
	}
	ended := life.Event{What: life.TurnEnded}
	if !sound {
		ended.Outcome = life.Panicked
		if left := a.crash(end); left > 0 {
			ended.Rests, a.refusal = true, quarantined(left)
		}
	}
	a.step(ended, nil, end)
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

// completion is the end of a work of Turn.Pipe or Turn.Await.
type completion struct {
	life  uint32
	epoch position.Epoch
	await bool
	env   *envelope
	value any
	err   error
	done  func(t *Turn, v any, err error)
}

// priority is that of the end in the mailbox.
func (c *completion) priority() priority {
	if c.await {
		return awaited
	}
	return own
}

// start hands work to a worker.
func (a *activation) start(
	env *envelope, work func(context.Context) (any, error), done func(*Turn, any, error), await bool,
) {
	c := &completion{life: a.state.Number(), epoch: a.fence.Epoch, await: await, env: env, done: done}
	a.state.Begin(await)
	if env != nil {
		env.holders++
	}
	if a.kind.workers.submit(func() { c.value, c.err = a.work(work, c.epoch); a.deliver(c) }) {
		return
	}
	a.kind.refused.WithLabelValues(errBusy.Code).Inc()
	c.err = errBusy
	a.deliver(c)
}

// work runs on a worker, unless the ownership came in doubt while it waited for one.
func (a *activation) work(work func(context.Context) (any, error), epoch position.Epoch) (v any, err error) {
	if a.node.standing(time.Now(), epoch) != life.Trusted {
		return nil, errSuspended
	}
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
	if !a.box.post(c.priority(), c) {
		c.env.answer(nil, errEnded)
	}
}
