package ownership

import "time"

const (
	// foreignFor is how long a shard that is another node's is not claimed again, failedFor one whose owner
	// could not be settled.
	foreignFor = time.Second
	failedFor  = 250 * time.Millisecond
)

// Phase is how a node and a shard stand to each other.
type Phase uint8

// The phases.
const (
	// Unclaimed: nobody here needed it yet.
	Unclaimed Phase = iota
	// Claiming: the store was asked.
	Claiming
	// Owned by this node.
	Owned
	// Refused: the store did not grant it; it is not asked again for a while.
	Refused
)

// What happened to a shard.
type What uint8

// The events.
const (
	// Enter: an activation waits to be admitted.
	Enter What = iota
	// Claimed: the claim has ended with Outcome. Stale says that it was made under an earlier lease.
	Claimed
	// Resumed: the lease is trusted again, or is a new one.
	Resumed
	// Dropped: the lease of the ownership is lost.
	Dropped
	// Overruled: storage knows a later owner.
	Overruled
	// Drained: the node takes nothing new.
	Drained
	// Emptied: no activation is left.
	Emptied
)

// Event is one thing that happened to a shard.
type Event struct {
	What    What
	Now     time.Duration
	Trusted bool // the node's lease
	Outcome Outcome
	Stale   bool
	Empty   bool // no activation is left
}

// Do is what the shell is to do.
type Do uint8

// The effects.
const (
	// Claim asks the store for the shard and comes back with Claimed.
	Claim Do = iota
	// Admit lets everybody in who waits.
	Admit
	// Deny refuses everybody who waits, and everybody who comes within After, for Outcome.
	Deny
	// Release gives the shard back to the store.
	Release
)

// Effect is one thing for the shell to do.
type Effect struct {
	Do      Do
	Outcome Outcome
	After   time.Duration
}

// Shard is one shard. The zero value is unclaimed.
type Shard struct {
	phase    Phase
	waiting  bool // somebody is to be admitted
	draining bool
	outcome  Outcome       // Refused: why
	until    time.Duration // Refused: when it may be claimed again
}

// Phase tells how node and shard stand to each other.
func (s *Shard) Phase() Phase { return s.phase }

// Draining reports whether the shard is given back once it is empty.
func (s *Shard) Draining() bool { return s.draining }

// Step takes one event and appends what is to be done.
func (s *Shard) Step(e Event, dst []Effect) []Effect {
	switch e.What {
	case Enter:
		s.waiting = true
	case Claimed:
		return s.claimed(e, dst)
	case Dropped, Overruled:
		if s.phase == Owned {
			s.phase = Unclaimed
		}
		return dst
	case Drained:
		s.draining = true
	case Resumed, Emptied:
	}
	if s.draining && e.Empty && s.phase == Owned && !s.waiting {
		s.phase = Unclaimed
		return append(dst, Effect{Do: Release})
	}
	return s.admit(e, dst)
}

// admit lets those in who wait, or finds out whose the shard is.
func (s *Shard) admit(e Event, dst []Effect) []Effect {
	switch {
	case !s.waiting:
		return dst
	case s.phase == Refused && e.Now < s.until:
		s.waiting = false
		return append(dst, Effect{Do: Deny, Outcome: s.outcome, After: s.until - e.Now})
	case !e.Trusted, s.phase == Claiming:
		return dst // until Resumed, until Claimed
	case s.phase == Owned:
		s.waiting = false
		return append(dst, Effect{Do: Admit})
	}
	s.phase = Claiming
	return append(dst, Effect{Do: Claim})
}

// claimed takes what the store said. A grant that comes in doubt is kept, and admits nobody before the
// doubt is over.
func (s *Shard) claimed(e Event, dst []Effect) []Effect {
	switch {
	case e.Stale, e.Outcome == Gone:
		s.phase = Unclaimed
	case e.Outcome == Done:
		s.phase = Owned
	default:
		s.phase, s.outcome, s.until = Refused, e.Outcome, e.Now+failedFor
		if e.Outcome == Foreign {
			s.until = e.Now + foreignFor
		}
	}
	if e.Outcome == Gone && !e.Stale {
		return dst // Resumed comes with the next lease
	}
	return s.admit(e, dst)
}
