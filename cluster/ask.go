package cluster

import (
	"context"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
)

// MaxAsk bounds how long an Ask waits; it is also the deadline of one whose context has none.
const MaxAsk = 5 * time.Second

const maxKey = 512

// Ask sends msg to the actor and waits for its answer, which must be an R.
//
// The deadline of ctx, at most and by default MaxAsk from now, travels with the message: a message that is
// still queued when it passes is not executed. Ask never sends twice.
//
// Two sorts of errors of this package leave the outcome unknown: every Timeout, and the Internal ones
// "activation_ended", "actor_panicked", "unanswered" and "bad_reply". All others mean that nothing was
// executed. An error that the actor answered with means what the actor says it means.
//
// An actor must not Ask itself, nor Ask inside a turn: use Turn.Await or Turn.Pipe.
func Ask[R any](ctx context.Context, n *Node, kind, key string, msg any) (R, error) {
	var zero R
	v, err := n.ask(ctx, kind, key, msg)
	if err != nil || v == nil {
		return zero, err
	}
	r, ok := v.(R)
	if !ok {
		return zero, fault.Newf(fault.Internal, "bad_reply", "%s answered %T with %T, want %T", kind, msg, v, zero)
	}
	return r, nil
}

// Tell sends msg to the actor and does not wait. It refuses as Ask does; nil means that the message was
// queued, not that it was executed.
func Tell(n *Node, kind, key string, msg any) error {
	return n.deliver(kind, key, &envelope{msg: msg})
}

func (n *Node) ask(ctx context.Context, kind, key string, msg any) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, gaveUp(err)
	}
	now := time.Now()
	env := &envelope{msg: msg, deadline: now.Add(MaxAsk), reply: make(chan result, 1)}
	var limit <-chan time.Time
	if d, ok := ctx.Deadline(); ok && d.Before(env.deadline) {
		env.deadline = d
	} else {
		timer := time.NewTimer(MaxAsk)
		defer timer.Stop()
		limit = timer.C
	}
	if err := n.deliver(kind, key, env); err != nil {
		return nil, err
	}
	select {
	case r := <-env.reply:
		return r.value, r.err
	case <-ctx.Done():
		env.flags.Or(abandoned)
		return nil, gaveUp(ctx.Err())
	case <-limit:
		env.flags.Or(abandoned)
		return nil, gaveUp(context.DeadlineExceeded)
	}
}

// gaveUp is the error of an asker that stopped waiting: whether the message was or will be executed is
// unknown.
func gaveUp(cause error) error {
	if cause == context.Canceled { //nolint:errorlint // ctx.Err returns the value itself
		return fault.Wrap(fault.Timeout, "abandoned", "the caller stopped waiting; the outcome is unknown", cause)
	}
	return fault.From(cause)
}
