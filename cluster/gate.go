package cluster

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/barrage-live/barrage/cluster/coordination"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
)

// address names an actor of this node.
type address struct {
	kind *kind
	key  string
}

// gate is the actor of one shard: it claims the shard and begins the processes of its activations. It is not their
// parent in protoactor's sense, because a parent there keeps the memory of as many children as it ever had. Beside it lies the shard's register of activations, which senders read without going through the gate: a message is
// queued in the activation's own mailbox, which exists before the shard is claimed and the process begun.
type gate struct {
	node  *Node
	shard coordination.Shard
	// epoch is that of the granted ownership, zero before.
	epoch atomic.Uint64
	// number is that of the last activation, from 1; with the epoch it makes the fence.
	number atomic.Uint64
	box    mailbox
	props  *actor.Props

	// These belong to the gate's turns.
	claiming bool
	pending  []*activation
	asking   []inquiry
	spawning *activation

	mu struct {
		sync.RWMutex
		active  map[address]*activation
		crashed map[address]*crashes
	}
}

// inquiry waits until the shard is claimed; its channel has one place.
type inquiry struct{ answer chan error }

// claimed tells the gate what the coordination store said.
type claimed struct {
	grant coordination.Grant
	err   error
}

func newGate(n *Node, shard coordination.Shard) *gate {
	g := &gate{node: n, shard: shard}
	g.mu.active = map[address]*activation{}
	g.mu.crashed = map[address]*crashes{}
	g.props = actor.PropsFromProducer(
		func() actor.Actor { return g.spawning },
		actor.WithMailbox(func() actor.Mailbox { return &g.spawning.box }),
		actor.WithDispatcher(n.dispatcher),
	)
	return g
}

// find gives the activation of the address, a new one if there is none.
func (g *gate) find(at address) (*activation, error) {
	g.mu.RLock()
	a := g.mu.active[at]
	g.mu.RUnlock()
	if a != nil {
		return a, nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if a := g.mu.active[at]; a != nil {
		return a, nil
	}
	if err := g.node.refusal(); err != nil {
		return nil, err
	}
	if c := g.mu.crashed[at]; c != nil {
		if left := c.left(time.Now()); left > 0 {
			return nil, quarantined(left)
		}
	}
	a = &activation{node: g.node, gate: g, kind: at.kind, key: at.key, held: holdAll}
	a.idle.Value = a
	a.box.limit = at.kind.mailbox
	a.box.mu.held = holdAll
	g.mu.active[at] = a
	g.node.live.Add(1)
	at.kind.active.Inc()
	g.box.post(self, a)
	return a, nil
}

// retire takes the activation off the register, if nothing waits for it or a refusal says that it must go. It reports
// whether it did; then the mailbox is sealed, and who still holds the activation finds the next one.
func (g *gate) retire(a *activation, refusal error) bool {
	g.mu.Lock()
	var waiting *envelope
	var own []any
	if refusal != nil {
		waiting, own = a.box.seal()
	} else if !a.box.sealIfEmpty() {
		g.mu.Unlock()
		return false
	}
	delete(g.mu.active, address{a.kind, a.key})
	g.mu.Unlock()
	for waiting != nil {
		next := waiting.next
		waiting.next = nil
		a.refuse(waiting, refusal)
		waiting = next
	}
	for _, msg := range own {
		switch m := msg.(type) {
		case *completion:
			m.env.answer(nil, errEnded)
		case loaded:
			a.release(m.actor, refusal)
		}
	}
	a.kind.active.Dec()
	g.node.retired()
	return true
}

// crash notes a panic of the activation and says how long the actor has to rest, zero or less for not at all.
func (g *gate) crash(a *activation, now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	for at, c := range g.mu.crashed {
		if c.forgotten(now) {
			delete(g.mu.crashed, at)
		}
	}
	at := address{a.kind, a.key}
	c := g.mu.crashed[at]
	if c == nil {
		c = &crashes{}
		g.mu.crashed[at] = c
	}
	c.add(now)
	return c.left(now)
}

// signal steers every activation of the shard.
func (g *gate) signal(s signal) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	for _, a := range g.mu.active {
		a.box.post(urgent, s)
	}
}

// Receive implements actor.Actor.
func (g *gate) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *activation:
		g.admit(m)
	case inquiry:
		if g.epoch.Load() != 0 {
			m.answer <- nil
			return
		}
		g.asking = append(g.asking, m)
		g.claim()
	case claimed:
		g.claimed(m)
	}
}

// admit begins the process of an activation, once the shard is ours.
func (g *gate) admit(a *activation) {
	if g.epoch.Load() == 0 {
		g.pending = append(g.pending, a)
		g.claim()
		return
	}
	a.epoch = position.Epoch(g.epoch.Load())
	g.spawning = a
	g.node.system.Root.Spawn(g.props)
	g.spawning = nil
}

// claim asks the coordination store for the shard, off the gate's turn.
func (g *gate) claim() {
	if g.claiming {
		return
	}
	g.claiming = true
	asked := g.node.claims.insist(func() {
		ctx, cancel := g.node.workContext()
		defer cancel()
		grant, err := g.node.cfg.Coordination.Claim(ctx, g.node.lease, g.shard)
		g.box.post(self, claimed{grant, err})
	})
	if !asked {
		g.box.post(self, claimed{err: errClosed})
	}
}

func (g *gate) claimed(c claimed) {
	g.claiming = false
	pending, asking := g.pending, g.asking
	g.pending, g.asking = nil, nil
	var refusal error
	if c.err != nil {
		g.node.log.Error("shard not claimed", slog.Int("shard", int(g.shard)), slog.Any("error", c.err))
		refusal = g.node.claimFault(c.err)
	} else {
		g.epoch.Store(uint64(c.grant.Epoch))
	}
	for _, i := range asking {
		i.answer <- refusal
	}
	for _, a := range pending {
		if refusal == nil {
			g.admit(a)
		} else {
			g.retire(a, refusal)
		}
	}
}

// wait returns when the shard is claimed.
func (g *gate) wait(ctx context.Context) error {
	if g.epoch.Load() != 0 {
		return nil
	}
	i := inquiry{make(chan error, 1)}
	if !g.box.post(self, i) {
		return errClosed
	}
	select {
	case err := <-i.answer:
		return err
	case <-g.node.work.Done():
		return errClosed
	case <-ctx.Done():
		return gaveUp(ctx.Err())
	}
}

// claimFault says what a failed claim means to a message, and steps down if it means that the lease is lost.
func (n *Node) claimFault(err error) error {
	switch {
	case errors.Is(err, coordination.ErrLeaseLost):
		n.revoke()
		return errLeaseLost
	case errors.Is(err, coordination.ErrShardOwned):
		return errNotOwner
	}
	return fault.Wrap(fault.Unavailable, "not_claimed", "the owner of the actor could not be settled", err)
}
