package cluster

import (
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/barrage-live/barrage/cluster/coordination"
	"github.com/barrage-live/barrage/cluster/internal/life"
	"github.com/barrage-live/barrage/cluster/internal/ownership"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
)

// shardActor is the actor of one shard: it claims the shard, begins the processes of its activations and
// admits them once the shard is owned. It is not their parent in protoactor's sense, because a parent there
// keeps the memory of as many children as it ever had. Messages do not pass through it: they are queued in
// the activation's own mailbox, which exists before the shard is claimed and the process begun, and which
// senders find in the register.
type shardActor struct {
	node  *Node
	shard coordination.Shard
	box   mailbox
	props *actor.Props
	register
	// epoch is that of the present ownership, zero without one.
	epoch atomic.Uint64
	// number is that of the last activation, from 1; with the epoch it makes the fence.
	number atomic.Uint64
	// denial is why nobody is admitted for a while; nil: ask.
	denial atomic.Pointer[denial]

	// These belong to the shard's turns.
	state    ownership.Shard
	pending  []*activation
	spawning *activation
	told     ownership.Outcome // what was logged last
}

// denial refuses whoever comes before until, in the node's time.
type denial struct {
	until time.Duration
	err   *fault.Error
}

// Messages of a shardActor, beside the activations that want to be admitted.
type (
	// claimed tells what the coordination store said to a claim under a lease.
	claimed struct {
		lease coordination.Lease
		grant coordination.Grant
		err   error
	}
	// shardEvent is an event without more to it.
	shardEvent ownership.What
)

func newShard(n *Node, shard coordination.Shard) *shardActor {
	s := &shardActor{node: n, shard: shard}
	s.register.init()
	s.props = actor.PropsFromProducer(
		func() actor.Actor { return s.spawning },
		actor.WithMailbox(func() actor.Mailbox { return &s.spawning.box }),
		actor.WithDispatcher(&n.runners),
	)
	return s
}

// find gives the activation of the address, a new one if there is none, which is for begin then.
func (s *shardActor) find(at address) (a *activation, made bool, err error) {
	if a := s.register.find(at); a != nil {
		return a, false, nil
	}
	now := time.Now()
	if d := s.denial.Load(); d != nil {
		if left := d.until - s.node.elapsed(now); left > 0 {
			return nil, false, d.err.After(left)
		}
	}
	return s.register.add(at, now, func() (*activation, error) {
		if err := s.node.refusal(); err != nil { // under the register's lock: a node that closes sees it or is seen
			return nil, err
		}
		s.node.live.Add(1)
		return newActivation(s, at), nil
	})
}

// begin gives a new activation its process.
func (s *shardActor) begin(a *activation) {
	a.kind.active.Inc()
	s.box.post(own, a)
}

// retire takes the activation off the register, if nothing waits for it or a refusal says that it must go.
// It reports whether it did; then the mailbox is sealed, and who still holds the activation finds the next
// one.
func (s *shardActor) retire(a *activation, refusal error) bool {
	waiting, ordered, ok := s.register.remove(a, refusal != nil)
	if !ok {
		return false
	}
	a.refuseAll(waiting, refusal)
	for _, msg := range ordered {
		a.discard(msg)
	}
	a.kind.active.Dec()
	s.node.retired()
	if s.node.state.Load() != stateOpen && s.register.empty() {
		s.box.post(own, shardEvent(ownership.Emptied))
	}
	return true
}

// signal steers every activation of the shard for which it is meant.
func (s *shardActor) signal(m signal) {
	s.register.each(func(a *activation) {
		if m.concerns(a) {
			a.box.post(steering, m)
		}
	})
}

// fence gives the next activation its fence, if the shard is owned for certain.
func (s *shardActor) fence(now time.Time) (position.Fence, bool) {
	epoch := position.Epoch(s.epoch.Load())
	if epoch == 0 || s.node.standing(now, epoch) != life.Trusted {
		return position.Fence{}, false
	}
	return position.Fence{Epoch: epoch, Activation: s.number.Add(1)}, true
}

// Receive implements actor.Actor.
func (s *shardActor) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *activation:
		if !m.spawned { // it comes back if the shard is not ours
			m.spawned = true
			s.spawning = m
			s.node.system.Root.Spawn(s.props)
			s.spawning = nil
			return
		}
		s.pending = append(s.pending, m)
		s.step(ownership.Event{What: ownership.Enter}, nil)
	case claimed:
		s.claimed(m)
	case shardEvent:
		s.step(ownership.Event{What: ownership.What(m)}, nil)
	}
}

// step takes an event and performs what comes of it. cause is that of a denial.
func (s *shardActor) step(e ownership.Event, cause error) {
	now := time.Now()
	e.Now, e.Trusted, e.Empty = s.node.elapsed(now), s.node.trusted(now), s.register.empty()
	var buf [2]ownership.Effect
	effects := s.state.Step(e, buf[:0])
	if s.state.Phase() != ownership.Owned {
		s.epoch.Store(0)
	}
	for _, f := range effects {
		switch f.Do {
		case ownership.Claim:
			s.denial.Store(nil)
			s.claim()
		case ownership.Admit:
			s.resolve(granted{})
		case ownership.Deny:
			s.deny(f, e.Now, cause)
		case ownership.Release:
			s.node.giveBack(s.shard)
		}
	}
}

// deny refuses those who wait, and without asking again those who come soon.
func (s *shardActor) deny(f ownership.Effect, now time.Duration, cause error) {
	d := s.denial.Load()
	if d == nil {
		d = &denial{until: now + f.After, err: denialFault(f.Outcome, cause)}
		s.denial.Store(d)
		s.report(f.Outcome, cause)
	}
	s.resolve(granted{d.err.After(f.After)})
}

// resolve tells everybody who waits for the shard.
func (s *shardActor) resolve(g granted) {
	for _, a := range s.pending {
		a.box.post(steering, g)
	}
	s.pending = nil
}

// claim asks the coordination store for the shard, off the shard's turn.
func (s *shardActor) claim() {
	asked := s.node.claims.insist(func() {
		ctx, cancel := s.node.workContext()
		defer cancel()
		lease := s.node.present()
		grant, err := s.node.cfg.Coordination.Claim(ctx, lease, s.shard)
		s.box.post(own, claimed{lease, grant, err})
	})
	if !asked {
		s.box.post(own, claimed{lease: s.node.present(), err: errClosed})
	}
}

func (s *shardActor) claimed(c claimed) {
	e := ownership.Event{What: ownership.Claimed, Stale: c.lease.Epoch != s.node.present().Epoch}
	switch {
	case c.err == nil:
		if !e.Stale {
			s.epoch.Store(uint64(c.grant.Epoch))
			s.told = ownership.Done
		}
	case errors.Is(c.err, coordination.ErrLeaseLost):
		e.Outcome = ownership.Gone
		s.node.lost(c.lease)
	case errors.Is(c.err, coordination.ErrShardOwned):
		e.Outcome = ownership.Foreign
	default:
		e.Outcome = ownership.Failed
	}
	s.step(e, c.err)
}

// report logs a denial, unless the one before was for the same reason.
func (s *shardActor) report(o ownership.Outcome, cause error) {
	if s.told == o {
		return
	}
	s.told = o
	if o == ownership.Foreign {
		s.node.log.Info("shard is another node's", slog.Int("shard", int(s.shard)))
		return
	}
	s.node.log.Error("shard not claimed", slog.Int("shard", int(s.shard)), slog.Any("error", cause))
}

// denialFault says what a shard that could not be had means to a message.
func denialFault(o ownership.Outcome, cause error) *fault.Error {
	if o == ownership.Foreign {
		return errNotOwner
	}
	return fault.Wrap(fault.Unavailable, "not_claimed", "the owner of the actor could not be settled", cause)
}
