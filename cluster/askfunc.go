package cluster

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/barrage-live/barrage/internal/wheel"
)

// AskFunc sends msg to the actor, waits for nothing, and has done told what came of it: the answer, or an
// error that means what it means to Ask. It is the Ask of those who serve very many askers with few
// goroutines.
//
// done is called exactly once, whatever happens to the actor or the node. The call may come from any
// goroutine, also from the caller's before AskFunc returns, so done must be called without locks that it
// takes itself; it must not block, because turns of the actor and the deadlines of others wait for it. It
// may Tell and AskFunc.
//
// The deadline, at most MaxAsk from now and that by default if it is zero, travels with the message as it
// does for Ask. It is kept by the node's clock, so Timeout comes up to 10 ms late.
func AskFunc(n *Node, deadline time.Time, kind, key string, msg any, done func(v any, err error)) {
	now := time.Now()
	limit := now.Add(MaxAsk)
	if !deadline.IsZero() && deadline.Before(limit) {
		limit = deadline
	}
	switch {
	case n.state.Load() == stateNew: // it has no clock yet
		done(nil, errNotStarted)
		return
	case now.After(limit):
		done(nil, errExpired)
		return
	}
	c := &call{node: n, done: done}
	c.env = envelope{msg: msg, deadline: limit, call: c}
	c.entry.Value = c
	// The clock goes first: an answer may be there before deliver returns, and disarms.
	n.clock.Arm(&c.entry, limit)
	if err := n.deliver(kind, key, &c.env); err != nil {
		c.env.answer(nil, err)
	}
}

// call is an AskFunc under way: its message, its deadline, and whom to tell.
type call struct {
	env   envelope
	entry wheel.Timer[due]
	node  *Node
	done  func(v any, err error)
}

// due implements due: the deadline has passed.
func (c *call) due(time.Time) { c.env.answer(nil, errUnknown) }

// finish tells the asker; envelope.answer calls it once. A panic of the asker's is not the actor's whose
// turn this is.
func (c *call) finish(v any, err error) {
	c.node.clock.Disarm(&c.entry)
	defer func() {
		if reason := recover(); reason != nil {
			c.node.log.Error("asker panicked", slog.String("panic", fmt.Sprint(reason)),
				slog.String("message_type", typeOf(c.env.msg)), slog.String("stack", string(debug.Stack())))
		}
	}()
	c.done(v, err)
}
