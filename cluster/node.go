package cluster

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/cespare/xxhash/v2"

	"github.com/barrage-live/barrage/cluster/coordination"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wheel"
)

// Node is the actors of this process. It is safe for concurrent use.
type Node struct {
	cfg   Config
	log   *slog.Logger
	lease coordination.Lease
	born  time.Time
	kinds map[string]*kind

	system     *actor.ActorSystem
	dispatcher dispatcher
	turns      sync.WaitGroup
	clock      *wheel.Clock[due]
	claims     pool
	gates      [coordination.Shards]atomic.Pointer[gate]

	// work is the parent of every work's context; stopWork ends it.
	work     context.Context //nolint:containedctx // the life of the node itself
	stopWork context.CancelFunc

	// state publishes what Start makes: whoever finds the node open sees all fields above.
	state   atomic.Uint32
	revoked atomic.Bool
	lost    chan struct{}
	fenceAt atomic.Int64 // nanoseconds since born after which the lease cannot be trusted; zero: never
	renewed chan struct{}

	live  atomic.Int64 // activations in the registers
	empty chan struct{}

	mu        sync.Mutex // guards the making of gates
	starting  sync.Mutex // held by Start, and by Close while it says that there is no more starting
	closing   sync.Once
	closeDone chan struct{}
}

const (
	stateNew uint32 = iota
	stateOpen
	stateDraining
	stateClosed
)

// kind is a Kind at work.
type kind struct {
	Kind
	figures
	mailbox int
	idle    time.Duration
	log     *slog.Logger
	workers pool
	loaders pool
}

// New makes a node that has an address and does nothing yet: clients may be made for it, and whatever they send is refused
// Unavailable "not_started". It fails with what Config.Validate says.
func New(cfg Config) (*Node, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	return &Node{
		cfg: cfg, log: cfg.Log.With(slog.String("node", string(cfg.ID))),
		kinds: map[string]*kind{}, lost: make(chan struct{}), renewed: make(chan struct{}),
		empty: make(chan struct{}, 1), closeDone: make(chan struct{}),
	}, nil
}

// Start joins the cluster and takes messages for actors of the kinds. ctx bounds the joining only; Close ends the node. A
// Start that failed may be repeated. It fails with Invalid "bad_kind", Conflict "started", Unavailable "closed", and what
// the coordination store says to the joining.
func (n *Node) Start(ctx context.Context, kinds []Kind) error {
	if err := validateKinds(kinds, n.cfg.Fencer); err != nil {
		return err
	}
	n.starting.Lock()
	defer n.starting.Unlock()
	switch n.state.Load() {
	case stateNew:
	case stateClosed:
		return errClosed
	default:
		return errStarted
	}
	n.born = time.Now()
	lease, err := n.cfg.Coordination.Join(ctx, n.cfg.ID)
	if err != nil {
		return err
	}
	n.lease = lease
	n.work, n.stopWork = context.WithCancel(context.WithoutCancel(ctx))
	n.dispatcher = dispatcher{&n.turns}
	n.claims = pool{limit: n.cfg.Workers}
	n.system = newSystem(n.log)
	for _, k := range kinds {
		n.kinds[k.Name] = newKind(k, n.cfg)
	}
	n.clock = startClock()
	n.trust(n.born)
	go n.keepLease()
	n.state.Store(stateOpen)
	return nil
}

func newKind(k Kind, cfg Config) *kind {
	return &kind{
		Kind:    k,
		figures: cfg.Metrics.of(k.Name),
		mailbox: cmp.Or(k.Mailbox, defaultMailbox),
		idle:    cmp.Or(k.Idle, defaultIdle),
		log:     cfg.Log.With(slog.String("kind", k.Name)),
		workers: pool{limit: cfg.Workers, backlog: cfg.Backlog},
		loaders: pool{limit: cfg.Workers, backlog: cfg.Backlog},
	}
}

// ID names this run of the process.
func (n *Node) ID() id.Node { return n.cfg.ID }

// Epoch is that of the node's lease: higher than every epoch of any earlier run. Call it once the node has started.
func (n *Node) Epoch() position.Epoch { return n.lease.Epoch }

// Lost is closed when the node lost its lease and stepped down. The process should then end and start again.
func (n *Node) Lost() <-chan struct{} { return n.lost }

// Active is the number of actors in memory.
func (n *Node) Active() int { return int(n.live.Load()) }

// Ref gives the present reference of an actor. It claims the actor's shard, but activates nothing.
func (n *Node) Ref(ctx context.Context, kind, key string) (Ref, error) {
	if err := n.refusal(); err != nil {
		return Ref{}, err
	}
	if n.kinds[kind] == nil {
		return Ref{}, errUnknownKind
	}
	g, err := n.gate(shardOf(kind, key))
	if err != nil {
		return Ref{}, err
	}
	if err := g.wait(ctx); err != nil {
		return Ref{}, err
	}
	return Ref{Kind: kind, Key: key, Epoch: position.Epoch(g.epoch.Load())}, nil
}

// deliver queues the message at its actor or says why not.
func (n *Node) deliver(ref Ref, e *envelope) error {
	if n.state.Load() == stateNew {
		return errNotStarted
	}
	k := n.kinds[ref.Kind]
	if k == nil {
		return cmp.Or(n.refusal(), error(errUnknownKind))
	}
	err := n.route(k, ref.Key, e)
	if err != nil {
		k.refused.WithLabelValues(fault.CodeOf(err)).Inc()
	}
	return err
}

func (n *Node) route(k *kind, key string, e *envelope) error {
	if key == "" || len(key) > maxKey {
		return errBadKey
	}
	if err := n.refusal(); err != nil {
		return err
	}
	g, err := n.gate(shardOf(k.Name, key))
	if err != nil {
		return err
	}
	present := position.Epoch(g.epoch.Load()) // zero until the shard is claimed; then the turn compares
	if e.epoch == 0 {
		e.epoch = present
	}
	if present != 0 && e.epoch != present {
		return errStaleEpoch
	}
	for {
		a, err := g.find(address{k, key})
		if err != nil {
			return err
		}
		switch a.box.offer(e) {
		case accepted:
			return nil
		case full:
			return errMailboxFull
		case sealed: // it ended just now; the register knows the next one
		}
	}
}

// shardOf places an address. It never changes: stored data is fenced by the epochs of these shards.
func shardOf(kind, key string) coordination.Shard {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.WriteString(kind)
	_, _ = d.WriteString("\x00")
	_, _ = d.WriteString(key)
	return coordination.Shard(d.Sum64() % coordination.Shards)
}

// gate gives the actor of a shard, which begins with its first use.
func (n *Node) gate(s coordination.Shard) (*gate, error) {
	if g := n.gates[s].Load(); g != nil {
		return g, nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if g := n.gates[s].Load(); g != nil {
		return g, nil
	}
	if err := n.refusal(); err != nil {
		return nil, err
	}
	g := newGate(n, s)
	n.system.Root.Spawn(actor.PropsFromProducer(
		func() actor.Actor { return g },
		actor.WithMailbox(func() actor.Mailbox { return &g.box }),
		actor.WithDispatcher(n.dispatcher),
	))
	n.gates[s].Store(g)
	return g, nil
}

// closeGates lets nothing more reach the gates.
func (n *Node) closeGates() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range n.gates {
		if g := n.gates[i].Load(); g != nil {
			g.box.seal()
		}
	}
}

// refusal is why the node takes no message now, nil if it does.
func (n *Node) refusal() error {
	switch {
	case n.state.Load() == stateNew:
		return errNotStarted
	case n.revoked.Load():
		return errLeaseLost
	case n.state.Load() == stateClosed:
		return errClosed
	case n.state.Load() == stateDraining:
		return errDraining
	}
	return nil
}

// workContext is the context of one work, activation, flush or claim.
func (n *Node) workContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(n.work, n.cfg.WorkTimeout)
}

// signal steers all activations.
func (n *Node) signal(s signal) {
	for i := range n.gates {
		if g := n.gates[i].Load(); g != nil {
			g.signal(s)
		}
	}
}

// retired notes that an activation is off its register.
func (n *Node) retired() {
	if n.live.Add(-1) == 0 {
		n.tellEmpty()
	}
}

func (n *Node) tellEmpty() {
	select {
	case n.empty <- struct{}{}:
	default:
	}
}

// awaitEmpty returns when no activation is left.
func (n *Node) awaitEmpty(ctx context.Context) error {
	defer n.tellEmpty() // for whoever else waits
	for n.live.Load() > 0 {
		select {
		case <-n.empty:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Drain refuses new messages with Unavailable "draining", lets every activation finish what waits for it, flushes and
// ends it, and returns when none is left. If ctx ends before, the rest goes on by itself and Timeout "drain_unfinished"
// says how many are left. Close comes after it.
func (n *Node) Drain(ctx context.Context) error {
	n.state.CompareAndSwap(stateOpen, stateDraining)
	n.signal(signalDrain)
	if err := n.awaitEmpty(ctx); err != nil {
		return fault.Wrap(fault.Timeout, "drain_unfinished", "actors were still active when the time was over", err)
	}
	return nil
}

// Close ends the node and waits for everything it started. What is still active is dropped without a flush, its
// messages answered Unavailable "closed"; so Drain first. Only the first call does something, but all wait.
func (n *Node) Close() {
	n.closing.Do(func() {
		defer close(n.closeDone)
		n.starting.Lock()
		begun := n.state.Swap(stateClosed) != stateNew
		n.starting.Unlock()
		if !begun {
			return
		}
		n.signal(signalDrop) // before works end, so that their ends are not taken for success
		n.stopWork()
		_ = n.awaitEmpty(context.Background())
		n.closeGates()
		n.claims.close()
		for _, k := range n.kinds {
			k.workers.close()
			k.loaders.close()
		}
		n.clock.Close()
		<-n.renewed
		n.turns.Wait()
		n.leave()
		n.system.Shutdown()
	})
	<-n.closeDone
}

// leave gives the lease back, so that others need not wait until it runs out.
func (n *Node) leave() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(n.work), MaxAsk)
	defer cancel()
	err := n.cfg.Coordination.Release(ctx, n.lease)
	if err != nil && !errors.Is(err, coordination.ErrLeaseLost) {
		n.log.Warn("lease not released", slog.Any("error", err))
	}
}
