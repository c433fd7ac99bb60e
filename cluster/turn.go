package cluster

import (
	"context"
	"log/slog"
	"time"

	"github.com/barrage-live/barrage/internal/position"
)

// Turn is one step of an actor: one message, one due timer, one finished work or the start. It is valid
// only during the call that received it.
type Turn struct {
	a   *activation
	env *envelope // what this turn may answer; nil if nothing
	now time.Time
}

// Now is the time at which the turn began.
func (t *Turn) Now() time.Time { return t.now }

// Key is the key of the actor.
func (t *Turn) Key() string { return t.a.key }

// Fence is carried by every durable write of this activation.
func (t *Turn) Fence() position.Fence { return t.a.fence }

// Log carries kind and key.
func (t *Turn) Log() *slog.Logger { return t.a.log() }

// Reply answers the current Ask with v, which the asker then owns; it must not be changed afterwards. The
// current Ask of a done function is that of the turn that started the work. Only the first answer counts;
// for a Tell it does nothing. An Ask whose turn ends without an answer, and without anything pending that
// may still give one, fails "unanswered".
func (t *Turn) Reply(v any) { t.env.answer(v, nil) }

// Fail answers the current Ask with an error.
func (t *Turn) Fail(err error) { t.env.answer(nil, err) }

// Later takes the duty to answer the current Ask out of the turn. Whoever holds the Reply must use it, or
// the asker waits until its deadline. Idleness and Drain wait for it; if the activation ends first, the
// asker is told Internal "activation_ended".
func (t *Turn) Later() Reply {
	if t.env == nil || !t.env.asked() {
		return Reply{}
	}
	if t.env.flags.Or(taken)&taken == 0 {
		t.a.trackReply(t.env, t.now)
	}
	return Reply{t.env}
}

// After sends msg to this actor once d has passed, by at most 10 ms later. A due timer goes before waiting
// messages and is never refused. Timers end with the activation and do not keep it from being passivated.
func (t *Turn) After(d time.Duration, msg any) Timer { return t.a.after(t.now.Add(d), msg) }

// Pipe runs work on the kind's workers while the actor goes on with other messages; done is a later turn,
// ahead of waiting messages. Work must not touch the actor's state, and its context ends after
// Config.WorkTimeout or when the node closes. If no worker is to be had, done is told Exhausted
// "workers_busy"; if work panics, Internal "work_panicked". An activation with work under way is not
// passivated.
func (t *Turn) Pipe(work func(ctx context.Context) (any, error), done func(t *Turn, v any, err error)) {
	t.a.start(t.env, work, done, false)
}

// Await is Pipe, but messages, timers and other finished works wait until done has run. Two Awaits of one
// turn run at the same time, and everything waits for both.
func (t *Turn) Await(work func(ctx context.Context) (any, error), done func(t *Turn, v any, err error)) {
	t.a.start(t.env, work, done, true)
}

// Pin keeps the activation from being passivated for idleness, until Pin(false).
func (t *Turn) Pin(pinned bool) { t.a.state.Pin(pinned) }

// Stop ends the activation after this turn, its works and their done functions: it is flushed, and the next
// message, waiting or new, activates the actor anew, or is refused by a node that drains.
func (t *Turn) Stop() { t.a.state.Stop() }
