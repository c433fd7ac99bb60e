package localstore

import (
	"context"
	"sync"
	"time"

	"github.com/barrage-live/barrage/cluster/coordination"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/storage/table"
)

// Config says where the store keeps its epoch and how long leases live.
type Config struct {
	// Tables hold the epoch, and whatever it guards; required. They must outlive the store.
	Tables *table.Store
	// Fresh says that nothing was ever stored in the tables, so that there need not be an epoch yet.
	Fresh bool
	// TTL is the life of a lease after Join or Renew. Zero means that leases do not end by time.
	TTL time.Duration
}

// Store is a coordination.Store of one process. It may serve several nodes of it.
type Store struct {
	cfg Config

	mu struct {
		sync.Mutex
		closed bool
		epochs epochs
		leases map[id.Node]*lease
		// grants holds the last ownership of every shard used in this run, ended or not.
		grants map[coordination.Shard]coordination.Grant
	}
}

var _ coordination.Store = (*Store)(nil)

type lease struct {
	coordination.Lease
	ends time.Time // zero: never
}

var errClosed = fault.New(fault.Unavailable, "coordination_closed", "the coordination store is closed")

// Open reads the epoch.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Tables == nil || cfg.TTL < 0 {
		return nil, fault.New(fault.Invalid, "bad_config", "tables are required and the TTL is not negative")
	}
	s := &Store{cfg: cfg}
	s.mu.epochs.tables = cfg.Tables
	s.mu.leases = map[id.Node]*lease{}
	s.mu.grants = map[coordination.Shard]coordination.Grant{}
	if err := s.mu.epochs.load(ctx, cfg.Fresh); err != nil {
		return nil, err
	}
	return s, nil
}

// Close ends the store, not the tables. Everything afterwards is refused Unavailable "coordination_closed".
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.closed = true
	return nil
}

// begin locks the store for one call.
func (s *Store) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	s.mu.Lock()
	if s.mu.closed {
		s.mu.Unlock()
		return errClosed
	}
	return nil
}

// Join implements coordination.Store.
func (s *Store) Join(ctx context.Context, node id.Node) (coordination.Lease, error) {
	if node == "" {
		return coordination.Lease{}, fault.New(fault.Invalid, "bad_node", "a node needs a name")
	}
	if err := s.begin(ctx); err != nil {
		return coordination.Lease{}, err
	}
	defer s.mu.Unlock()
	now := time.Now()
	if l := s.mu.leases[node]; l != nil && l.lives(now) {
		return coordination.Lease{}, coordination.ErrNodeJoined
	}
	epoch, err := s.mu.epochs.grow(ctx)
	if err != nil {
		return coordination.Lease{}, err
	}
	l := &lease{Lease: coordination.Lease{Node: node, Epoch: epoch, TTL: s.cfg.TTL}}
	l.renew(now)
	s.mu.leases[node] = l
	return l.Lease, nil
}

// Renew implements coordination.Store.
func (s *Store) Renew(ctx context.Context, of coordination.Lease) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	now := time.Now()
	l := s.living(of, now)
	if l == nil {
		return coordination.ErrLeaseLost
	}
	l.renew(now)
	return nil
}

// Claim implements coordination.Store.
func (s *Store) Claim(
	ctx context.Context, of coordination.Lease, shard coordination.Shard,
) (coordination.Grant, error) {
	if shard >= coordination.Shards {
		return coordination.Grant{}, fault.New(fault.Invalid, "bad_shard", "there is no such shard")
	}
	if err := s.begin(ctx); err != nil {
		return coordination.Grant{}, err
	}
	defer s.mu.Unlock()
	now := time.Now()
	l := s.living(of, now)
	if l == nil {
		return coordination.Grant{}, coordination.ErrLeaseLost
	}
	last, used := s.mu.grants[shard]
	switch owner := s.owner(last, now); {
	case used && owner == l:
		return last, nil
	case used && owner != nil:
		return coordination.Grant{}, coordination.ErrShardOwned
	}
	// The epoch of the lease will do, unless the shard had an owner since.
	epoch := l.Epoch
	if used && last.Epoch >= epoch {
		var err error
		if epoch, err = s.mu.epochs.grow(ctx); err != nil {
			return coordination.Grant{}, err
		}
	}
	grant := coordination.Grant{Shard: shard, Node: l.Node, Epoch: epoch}
	s.mu.grants[shard] = grant
	return grant, nil
}

// Release implements coordination.Store.
func (s *Store) Release(ctx context.Context, of coordination.Lease, shards ...coordination.Shard) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	l := s.living(of, time.Now())
	if l == nil {
		return coordination.ErrLeaseLost
	}
	if len(shards) == 0 {
		delete(s.mu.leases, l.Node)
		return nil
	}
	for _, shard := range shards {
		if g := s.mu.grants[shard]; g.Node == l.Node {
			g.Node = ""
			s.mu.grants[shard] = g
		}
	}
	return nil
}

// owner is the living lease under which a grant was given, nil if it ended.
func (s *Store) owner(g coordination.Grant, now time.Time) *lease {
	l := s.mu.leases[g.Node]
	if l == nil || !l.lives(now) || g.Epoch < l.Epoch {
		return nil
	}
	return l
}

// living is the stored lease, nil if it ended or another of the same node followed.
func (s *Store) living(of coordination.Lease, now time.Time) *lease {
	l := s.mu.leases[of.Node]
	if l == nil || l.Epoch != of.Epoch || !l.lives(now) {
		return nil
	}
	return l
}

func (l *lease) lives(now time.Time) bool { return l.ends.IsZero() || now.Before(l.ends) }

func (l *lease) renew(now time.Time) {
	if l.TTL > 0 {
		l.ends = now.Add(l.TTL)
	}
}
