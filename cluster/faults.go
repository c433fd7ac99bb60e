package cluster

import (
	"time"

	"github.com/barrage-live/barrage/internal/fault"
)

// The refusals of this package. All but Timeout and Internal mean that the message was not executed.
var (
	errUnknownKind = fault.New(fault.NotFound, "unknown_kind", "no such kind of actor lives here")
	errBadKey      = fault.New(fault.Invalid, "bad_actor_key", "a key is 1 to 512 bytes")
	errMailboxFull = fault.New(fault.Exhausted, "mailbox_full", "too many messages wait for this actor").After(time.Second)
	errBusy        = fault.New(fault.Exhausted, "workers_busy", "too much work waits").After(time.Second)
	errNotStarted  = fault.New(fault.Unavailable, "not_started", "the node has not started yet").After(time.Second)
	errStarted     = fault.New(fault.Conflict, "started", "the node was started before")
	errDraining    = fault.New(fault.Unavailable, "draining", "the node takes no new work").After(time.Second)
	errClosed      = fault.New(fault.Unavailable, "closed", "the node is closed")
	errLeaseLost   = fault.New(fault.Fenced, "lease_lost", "the node lost its lease and has stepped down")
	errNotOwner    = fault.New(fault.Unavailable, "not_owner", "another node owns the actor")
	errSuspended   = fault.New(fault.Unavailable, "suspended", "the node waits to learn whether the actor is still its own").After(time.Second)
	errPanicked    = fault.New(fault.Internal, "actor_panicked", "the actor failed while it handled the message")
	errWorkPanic   = fault.New(fault.Internal, "work_panicked", "the work failed")
	errUnanswered  = fault.New(fault.Internal, "unanswered", "the actor did not answer")
	errEnded       = fault.New(fault.Internal, "activation_ended", "the actor ended before it answered")
	errExpired     = fault.New(fault.Timeout, "deadline_exceeded", "the deadline passed before the message was executed")
	errUnknown     = fault.New(fault.Timeout, "deadline_exceeded", "the deadline passed; the outcome is unknown")
)

func quarantined(left time.Duration) error {
	return fault.New(fault.Unavailable, "quarantined", "the actor failed repeatedly and rests").After(left)
}
