package cluster

import (
	"context"
	"log/slog"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
)

// Kind is a sort of actor. Every pair of kind and key names one actor, which exists without being created:
// the first message activates it.
type Kind struct {
	// Name is the first part of every address; required.
	Name string
	// Activate loads the state of a.Key and returns its actor; required. It runs outside any turn and may
	// block on storage until ctx ends; messages wait meanwhile. Its error answers every waiting message and
	// nothing stays active.
	Activate func(ctx context.Context, a Activation) (Actor, error)
	// State names the partition of an owned table that holds the state of a key: before Activate is called,
	// the partition is fenced with the activation's fence, so that what Activate reads, no earlier
	// activation can change any more. Nil: the kind keeps nothing durable. It needs Config.Fencer.
	State func(key string) (t table.Table, partition string)
	// Messages are what crosses to and from the actors of this kind: commands, and the answers to them.
	// Numbers and types are each named once; a number is never given a second meaning. Nil: what is sent is
	// handed over as it is.
	Messages []Message
	// Mailbox is how many messages may wait for one activation. The next is refused Exhausted "mailbox_full".
	// Zero means 1024.
	Mailbox int
	// Idle is how long an activation stays without a message (its own timers do not count) before it is
	// passivated. Zero means 60 s, negative means for ever.
	Idle time.Duration
}

// Activation is what an actor is told about itself when it is activated.
type Activation struct {
	// Key is the second part of the address.
	Key string
	// Fence is carried by every durable write of this activation. No other activation, before or after, has
	// the same.
	Fence position.Fence
	// Exists says that the partition of Kind.State was fenced before. Without it nothing is stored, and the
	// partition was not fenced now either: whoever creates the state fences it in the same work.
	Exists bool
	// Log carries kind and key.
	Log *slog.Logger
}

// Actor has state that only its turns touch, one turn at a time. It needs no lock and starts no goroutine.
type Actor interface {
	// Receive handles one message in one turn. It does not block: what blocks goes through Turn.Await or
	// Turn.Pipe.
	Receive(t *Turn, msg any)
}

// Starter is an Actor with a first turn before any message.
type Starter interface {
	Start(t *Turn)
}

// Passivator is an Actor that has something to flush before its activation ends by idleness, Turn.Stop or
// Node.Drain. Passivate runs outside any turn while messages wait, and may block until ctx ends. After an
// error of an idle activation the actor goes on and is passivated later; Stop, Drain and a Fenced error end
// it all the same. It must not Ask other actors, which a draining node refuses.
type Passivator interface {
	Passivate(ctx context.Context) error
}

// Closer is an Actor that owns something which the garbage collector does not free: a stream, a goroutine
// of another package, its part of a gauge. Close is called exactly once for every Actor that Activate
// returned, as the last call to it, whatever ended the activation, after Passivate if there is one, and
// also if it never had a turn. It must not block, do I/O or use storage: flushing is Passivate's.
//
// cause is nil after an end in order (idleness, Turn.Stop), else what a message would be refused with:
// Unavailable "draining" or "closed", Internal "actor_panicked", Fenced "lease_lost". Works of Turn.Pipe
// may still be under way; their done functions are not called any more.
type Closer interface {
	Close(cause error)
}

const (
	defaultMailbox = 1024
	defaultIdle    = time.Minute
)

func (k Kind) validate() error {
	if k.Name == "" || k.Activate == nil {
		return fault.Newf(fault.Invalid, "bad_kind", "kind %q needs a name and an Activate function", k.Name)
	}
	return nil
}

// validateKinds reports the first kind that cannot work.
func validateKinds(kinds []Kind, f Fencer) error {
	names := map[string]bool{}
	for _, k := range kinds {
		if err := k.validate(); err != nil {
			return err
		}
		if names[k.Name] {
			return fault.Newf(fault.Invalid, "bad_kind", "kind %q is listed twice", k.Name)
		}
		if k.State != nil && f == nil {
			return fault.Newf(fault.Invalid, "bad_kind", "kind %q has durable state, and nobody can fence it", k.Name)
		}
		if _, err := newCodec(k); err != nil {
			return err
		}
		names[k.Name] = true
	}
	return nil
}
