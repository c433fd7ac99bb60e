// Package coordinationtest is the conformance suite of the coordination port. Every driver's test calls
// Run; the promises below are what package cluster relies on, and each is one subtest that carries its
// number.
//
//	P01  The epoch of a lease is higher than that of every lease and grant given before.
//	P02  A claim of a free shard grants it, with an epoch not below the lease's; claiming again gives the same grant.
//	P03  A shard of a living node is refused to others, Conflict "shard_owned", and stays with its owner.
//	P04  Every change of ownership grows the shard's epoch, also when the shard goes back to an earlier owner.
//	P05  A shard never claimed, released or left behind is free: the next who claims it gets it.
//	P06  Releasing shards frees those, no others, and never another node's.
//	P07  Releasing the lease frees everything and ends it: Renew, Claim and Release are refused Fenced "lease_lost".
//	P08  A lease that ran out is lost in the same way; its shards are free, and the next owner's epoch is higher.
//	P09  A renewed lease lives for its TTL from the renewal.
//	P10  A node that holds a lease is refused a second one, Conflict "node_joined"; after the first ended it gets one.
//	P11  Of many nodes that claim a shard at once exactly one gets it.
//	P12  After the store was opened again, every epoch is higher than all before.
//	P13  A call whose context has ended is refused and changes nothing.
//	P14  A claim of a shard beyond the last is refused Invalid.
package coordinationtest

import (
	"context"
	_ "embed"
	"testing"
	"time"

	"github.com/barrage-live/barrage/cluster/coordination"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/promisetest"
)

//go:embed coordinationtest.go
var list string

// Harness is one fresh store under test.
type Harness struct {
	// Store has leases that live for TTL, or for ever if it is zero.
	Store coordination.Store
	TTL   time.Duration
	// Pass lets time pass for the leases. Nil, or a TTL of zero, leaves P08 and P09 out.
	Pass func(time.Duration)
	// Reopen ends the store as a crash would and opens what it left behind. Nil leaves P12 out.
	Reopen func() coordination.Store
}

// suite runs one promise.
type suite struct {
	*testing.T
	Harness
}

// Run checks every promise, each on a store of its own.
func Run(t *testing.T, fresh func(t *testing.T) Harness) {
	t.Helper()
	promisetest.Run(t, promisetest.Suite[suite]{
		Letter: "P", List: list,
		Open: func(t *testing.T) suite { t.Helper(); return suite{t, fresh(t)} },
		Promises: []promisetest.Promise[suite]{
			{Number: 1, Name: "lease epochs grow", Prove: leaseEpochsGrow},
			{Number: 2, Name: "a claim grants", Prove: claimGrants},
			{Number: 3, Name: "one owner", Prove: oneOwner},
			{Number: 4, Name: "ownership grows the epoch", Prove: ownershipGrows},
			{Number: 5, Name: "free shards", Prove: freeShards},
			{Number: 6, Name: "release shards", Prove: releaseShards},
			{Number: 7, Name: "release the lease", Prove: releaseLease},
			{Number: 8, Name: "a lease runs out", Prove: leaseRunsOut},
			{Number: 9, Name: "renewal", Prove: renewal},
			{Number: 10, Name: "a node joins once", Prove: joinsOnce},
			{Number: 11, Name: "contention", Prove: contention},
			{Number: 12, Name: "reopen", Prove: reopen},
			{Number: 13, Name: "ended context", Prove: endedContext},
			{Number: 14, Name: "unknown shard", Prove: unknownShard},
		},
	})
}

func (s suite) join(node id.Node) coordination.Lease {
	s.Helper()
	l, err := s.Store.Join(s.Context(), node)
	if err != nil {
		s.Fatalf("Join(%s): %v", node, err)
	}
	if l.Node != node || l.Epoch == 0 || l.TTL != s.TTL {
		s.Fatalf("Join(%s) = %+v, want that node, an epoch and TTL %v", node, l, s.TTL)
	}
	return l
}

func (s suite) claim(l coordination.Lease, shard coordination.Shard) coordination.Grant {
	s.Helper()
	g, err := s.Store.Claim(s.Context(), l, shard)
	if err != nil {
		s.Fatalf("Claim(%s, %d): %v", l.Node, shard, err)
	}
	if g.Node != l.Node || g.Shard != shard || g.Epoch < l.Epoch {
		s.Fatalf("Claim(%s, %d) = %+v with a lease of epoch %d", l.Node, shard, g, l.Epoch)
	}
	return g
}

func (s suite) release(l coordination.Lease, shards ...coordination.Shard) {
	s.Helper()
	if err := s.Store.Release(s.Context(), l, shards...); err != nil {
		s.Fatalf("Release(%s, %v): %v", l.Node, shards, err)
	}
}

// refused checks the code of an error.
func (s suite) refused(err error, code string) {
	s.Helper()
	if fault.CodeOf(err) != code {
		s.Errorf("got %v, want %s", err, code)
	}
}

func (s suite) claimRefused(l coordination.Lease, shard coordination.Shard, code string) {
	s.Helper()
	_, err := s.Store.Claim(s.Context(), l, shard)
	s.refused(err, code)
}

// stranger is a node that owns nothing, for a while.
func (s suite) stranger(f func(l coordination.Lease)) {
	s.Helper()
	l := s.join("stranger")
	f(l)
	s.release(l)
}

// owned checks that a shard is the lease's under this grant, and nobody else's.
func (s suite) owned(l coordination.Lease, g coordination.Grant) {
	s.Helper()
	s.stranger(func(other coordination.Lease) { s.claimRefused(other, g.Shard, "shard_owned") })
	if again := s.claim(l, g.Shard); again != g {
		s.Errorf("%s claims shard %d again and gets %+v; want %+v", l.Node, g.Shard, again, g)
	}
}

// free checks that whoever claims the shards gets them, and leaves them free.
func (s suite) free(shards ...coordination.Shard) {
	s.Helper()
	s.stranger(func(other coordination.Lease) {
		for _, shard := range shards {
			s.claim(other, shard)
		}
	})
}

func (s suite) lost(l coordination.Lease) {
	s.Helper()
	s.refused(s.Store.Renew(s.Context(), l), "lease_lost")
	s.claimRefused(l, 9, "lease_lost")
	s.refused(s.Store.Release(s.Context(), l), "lease_lost")
}

func ended(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}
