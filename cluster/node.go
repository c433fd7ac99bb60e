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
	"github.com/barrage-live/barrage/cluster/internal/ownership"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/wheel"
)

// Node is the actors of this process. It is safe for concurrent use.
type Node struct {
	cfg    Config
	log    *slog.Logger
	lease  atomic.Pointer[coordination.Lease]
	born   time.Time
	asleep func() time.Duration
	kinds  map[string]*kind

	system  *actor.ActorSystem
	runners runners
	clock   *wheel.Clock[due]
	claims  pool
	shards  [coordination.Shards]atomic.Pointer[shardActor]

	// work is the parent of every work's context; stopWork ends it.
	work     context.Context //nolint:containedctx // the life of the node itself
	stopWork context.CancelFunc

	// state publishes what Start makes: whoever finds the node open sees all fields above.
	state atomic.Uint32
	trust trust
	// doubted and losses tell the keeper of the lease what others found out; kept is closed when it has
	// ended.
	doubted chan struct{}
	losses  chan coordination.Lease
	kept    chan struct{}

	live  atomic.Int64 // activations in the registers
	empty chan struct{}

	mu        sync.Mutex // guards the making of shards
	starting  sync.Mutex // held by Start, and by Close while it says that there is no more starting
	closing   sync.Once
	closeDone chan struct{}

	released struct {
		sync.Mutex
		shards  []coordination.Shard
		calling bool // to be given back
	}
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
	codec   *codec // nil: messages are handed over as they are
}

// New makes a node that has an address and does nothing yet: clients may be made for it, and whatever they
// send is refused Unavailable "not_started". It fails with what Config.Validate says.
func New(cfg Config) (*Node, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	return &Node{
		cfg: cfg, log: cfg.Log.With(slog.String("node", string(cfg.ID))),
		kinds: map[string]*kind{}, doubted: make(chan struct{}, 1), losses: make(chan coordination.Lease, 1), kept: make(chan struct{}),
		empty: make(chan struct{}, 1), closeDone: make(chan struct{}), asleep: asleep,
	}, nil
}

// Start joins the cluster and takes messages for actors of the kinds. ctx bounds the joining only; Close
// ends the node. A Start that failed may be repeated. It fails with Invalid "bad_kind", Conflict "started",
// Unavailable "closed", and what the coordination store says to the joining.
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
	n.trust.begin(n.asleep)
	lease, err := n.cfg.Coordination.Join(ctx, n.cfg.ID)
	if err != nil {
		return err
	}
	n.work, n.stopWork = context.WithCancel(context.WithoutCancel(ctx))
	n.claims = pool{limit: n.cfg.Workers}
	n.system = newSystem(n.log)
	for _, k := range kinds {
		n.kinds[k.Name] = newKind(k, n.cfg)
	}
	n.clock = startClock()
	n.beginLease(lease)
	n.state.Store(stateOpen)
	return nil
}

// beginLease takes the first lease, which was asked for when the node was born, and has it kept.
func (n *Node) beginLease(lease coordination.Lease) {
	k := &keeper{n: n, ended: make(chan attempt), timer: time.NewTimer(time.Hour)}
	k.state.Joined(0, n.elapsed(time.Now()), lease.TTL)
	n.take(lease)
	if until, bounded := k.state.Until(); bounded {
		n.trust.until.Store(int64(until))
	}
	go n.keepLease(k)
}

func newKind(k Kind, cfg Config) *kind {
	var c *codec
	if cfg.Encode {
		c, _ = newCodec(k) // Start has validated it
	}
	return &kind{
		Kind: k, codec: c,
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

// Active is the number of actors in memory.
func (n *Node) Active() int { return int(n.live.Load()) }

// deliver queues the message at its actor or says why not.
func (n *Node) deliver(kind, key string, e *envelope) error {
	if n.state.Load() == stateNew {
		return errNotStarted
	}
	k := n.kinds[kind]
	if k == nil {
		return cmp.Or(n.refusal(), error(errUnknownKind))
	}
	var err error
	if k.codec != nil {
		e.codec = k.codec
		e.msg, err = k.codec.cross(e.msg)
	}
	if err == nil {
		err = n.route(k, key, e)
	}
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
	s, err := n.shard(shardOf(k.Name, key))
	if err != nil {
		return err
	}
	for {
		a, made, err := s.find(address{k, key})
		if err != nil {
			return err
		}
		outcome := a.box.offer(e)
		if made { // not before: what makes it fail is to fail once for the message that it is made for
			s.begin(a)
		}
		switch outcome {
		case accepted:
			return nil
		case full:
			return errMailboxFull
		case sealed: // it ended just now; the register knows the next one
		}
	}
}

// ShardOf is the shard of an address, for whoever keeps something by shard.
func ShardOf(kind, key string) coordination.Shard { return shardOf(kind, key) }

// shardOf places an address. It never changes: stored data is fenced by the epochs of these shards.
func shardOf(kind, key string) coordination.Shard {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.WriteString(kind)
	_, _ = d.WriteString("\x00")
	_, _ = d.WriteString(key)
	return coordination.Shard(d.Sum64() % coordination.Shards)
}

// shard gives the actor of a shard, which begins with its first use.
func (n *Node) shard(number coordination.Shard) (*shardActor, error) {
	if s := n.shards[number].Load(); s != nil {
		return s, nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if s := n.shards[number].Load(); s != nil {
		return s, nil
	}
	if err := n.refusal(); err != nil {
		return nil, err
	}
	s := newShard(n, number)
	n.system.Root.Spawn(actor.PropsFromProducer(
		func() actor.Actor { return s },
		actor.WithMailbox(func() actor.Mailbox { return &s.box }),
		actor.WithDispatcher(&n.runners),
	))
	n.shards[number].Store(s)
	return s, nil
}

// each calls f with every shard in use.
func (n *Node) each(f func(s *shardActor)) {
	for i := range n.shards {
		if s := n.shards[i].Load(); s != nil {
			f(s)
		}
	}
}

// closeShards lets nothing more reach the shards.
func (n *Node) closeShards() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.each(func(s *shardActor) { s.box.seal() })
}

// refusal is why the node takes no message now, nil if it does.
func (n *Node) refusal() error {
	switch n.state.Load() {
	case stateNew:
		return errNotStarted
	case stateClosed:
		return errClosed
	case stateDraining:
		return errDraining
	}
	if n.trust.refusing.Load() {
		return errSuspended
	}
	return nil
}

// workContext is the context of one work, activation, flush or claim.
func (n *Node) workContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(n.work, n.cfg.WorkTimeout)
}

// signal steers the activations for which it is meant.
func (n *Node) signal(m signal) { n.each(func(s *shardActor) { s.signal(m) }) }

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

// Drain refuses new messages with Unavailable "draining", lets every activation finish what waits for it,
// flushes and ends it, and returns when none is left. If ctx ends before, the rest goes on by itself and
// Timeout "drain_unfinished" says how many are left. Close comes after it.
func (n *Node) Drain(ctx context.Context) error {
	n.state.CompareAndSwap(stateOpen, stateDraining)
	n.signal(signalDrain)
	n.tellShards(ownership.Drained)
	if err := n.awaitEmpty(ctx); err != nil {
		return fault.Wrap(fault.Timeout, "drain_unfinished", "actors were still active when the time was over", err)
	}
	return nil
}

// Close ends the node and waits for everything it started. What is still active is dropped without a flush,
// its messages answered Unavailable "closed"; so Drain first. Only the first call does something, but all
// wait.
func (n *Node) Close() {
	n.closing.Do(func() {
		defer close(n.closeDone)
		n.starting.Lock()
		begun := n.state.Swap(stateClosed) != stateNew
		n.starting.Unlock()
		if !begun {
			return
		}
		n.signal(signalClose) // before works end, so that their ends are not taken for success
		n.stopWork()
		_ = n.awaitEmpty(context.Background())
		n.closeShards()
		n.claims.close()
		for _, k := range n.kinds {
			k.workers.close()
			k.loaders.close()
		}
		n.clock.Close()
		<-n.kept
		n.runners.close()
		n.leave()
		n.system.Shutdown()
	})
	<-n.closeDone
}

// leave gives the lease back, so that others need not wait until it runs out.
func (n *Node) leave() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(n.work), MaxAsk)
	defer cancel()
	err := n.cfg.Coordination.Release(ctx, n.present())
	if err != nil && !errors.Is(err, coordination.ErrLeaseLost) {
		n.log.Warn("lease not released", slog.Any("error", err))
	}
}

// giveBack gives a shard back to the coordination store in which nothing is active any more, so that other
// nodes need not wait for the whole drain. Where leases do not end there are no others.
func (n *Node) giveBack(shard coordination.Shard) {
	if n.present().TTL == 0 {
		return
	}
	n.released.Lock()
	defer n.released.Unlock()
	n.released.shards = append(n.released.shards, shard)
	if !n.released.calling {
		n.released.calling = n.claims.insist(n.release)
	}
}

// release gives the collected shards back, one call at a time: what is collected during one goes into the
// next.
func (n *Node) release() {
	for {
		n.released.Lock()
		shards := n.released.shards
		n.released.shards, n.released.calling = nil, len(shards) > 0
		n.released.Unlock()
		if len(shards) == 0 {
			return
		}
		ctx, cancel := n.workContext()
		if err := n.cfg.Coordination.Release(ctx, n.present(), shards...); err != nil {
			n.log.Warn("shards not released", slog.Int("shards", len(shards)), slog.Any("error", err))
		}
		cancel()
	}
}
