package coordinationtest

import (
	"fmt"
	"sync"

	"github.com/barrage-live/barrage/cluster/coordination"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

func leaseEpochsGrow(s suite) {
	var highest position.Epoch
	for i := range 5 {
		l := s.join(id.Node(fmt.Sprintf("n%d", i)))
		if l.Epoch <= highest {
			s.Fatalf("lease %d has epoch %d after %d", i, l.Epoch, highest)
		}
		// Two ownerships of one shard push grants beyond the lease's own epoch.
		s.claim(l, 1)
		s.release(l, 1)
		highest = s.claim(l, 1).Epoch
		s.release(l, 1)
	}
}

func claimGrants(s suite) {
	l := s.join("a")
	for _, shard := range []coordination.Shard{0, 1, coordination.Shards - 1} {
		g := s.claim(l, shard)
		if again := s.claim(l, shard); again != g {
			s.Errorf("claimed again: %+v, then %+v", g, again)
		}
		s.owned(l, g)
	}
}

func oneOwner(s suite) {
	a, b := s.join("a"), s.join("b")
	g := s.claim(a, 7)
	s.claimRefused(b, 7, "shard_owned")
	s.owned(a, g)
	if err := s.Store.Renew(s.Context(), a); err != nil {
		s.Errorf("owner's lease: %v", err)
	}
}

func ownershipGrows(s suite) {
	a, b := s.join("a"), s.join("b")
	var highest position.Epoch
	for i := range 6 {
		l := a
		if i%3 == 1 {
			l = b
		}
		g := s.claim(l, 7)
		if g.Epoch <= highest {
			s.Fatalf("ownership %d has epoch %d after %d", i, g.Epoch, highest)
		}
		highest = g.Epoch
		s.release(l, 7)
	}
}

func freeShards(s suite) {
	a := s.join("a")
	s.free(3)
	g := s.claim(a, 3)
	s.owned(a, g)
	s.release(a, 3)
	s.free(3)
	s.claim(a, 3)
	s.release(a)
	s.free(3)
}

func releaseShards(s suite) {
	a, b := s.join("a"), s.join("b")
	kept, others := s.claim(a, 1), s.claim(b, 2)
	s.claim(a, 3)
	s.release(a, 3, 2, 4)
	s.owned(a, kept)
	s.owned(b, others)
	s.free(3, 4)
}

func releaseLease(s suite) {
	a, b := s.join("a"), s.join("b")
	first := s.claim(a, 1)
	s.release(a)
	s.free(1)
	s.lost(a)
	if g := s.claim(b, 1); g.Epoch <= first.Epoch {
		s.Errorf("new owner's epoch %d is not above %d", g.Epoch, first.Epoch)
	}
}

func leaseRunsOut(s suite) {
	if s.Pass == nil || s.TTL == 0 {
		return
	}
	a := s.join("a")
	first := s.claim(a, 1)
	s.Pass(s.TTL + s.TTL/10)
	s.free(1)
	s.lost(a)
	b := s.join("b")
	if g := s.claim(b, 1); g.Epoch <= first.Epoch {
		s.Errorf("new owner's epoch %d is not above %d", g.Epoch, first.Epoch)
	}
	s.lost(a)
}

func renewal(s suite) {
	if s.Pass == nil || s.TTL == 0 {
		return
	}
	a := s.join("a")
	g := s.claim(a, 1)
	for range 5 {
		s.Pass(s.TTL / 2)
		if err := s.Store.Renew(s.Context(), a); err != nil {
			s.Fatalf("Renew: %v", err)
		}
		s.owned(a, g)
	}
	s.Pass(s.TTL / 2)
	s.owned(a, g)
}

func joinsOnce(s suite) {
	a := s.join("a")
	_, err := s.Store.Join(s.Context(), "a")
	s.refused(err, "node_joined")
	g := s.claim(a, 1)
	s.release(a)
	again := s.join("a")
	if again.Epoch <= g.Epoch {
		s.Errorf("second lease has epoch %d after %d", again.Epoch, g.Epoch)
	}
	s.free(1)
	s.lost(a)
	s.claim(again, 1)
}

func contention(s suite) {
	const nodes = 16
	leases := make([]coordination.Lease, nodes)
	for i := range leases {
		leases[i] = s.join(id.Node(fmt.Sprintf("n%d", i)))
	}
	for shard := range coordination.Shard(8) {
		var wg sync.WaitGroup
		errs := make([]error, nodes)
		for i, l := range leases {
			wg.Go(func() { _, errs[i] = s.Store.Claim(s.Context(), l, shard) })
		}
		wg.Wait()
		winners := 0
		for _, err := range errs {
			if err == nil {
				winners++
				continue
			}
			s.refused(err, "shard_owned")
		}
		if winners != 1 {
			s.Errorf("shard %d has %d owners", shard, winners)
		}
	}
}

func reopen(s suite) {
	if s.Reopen == nil {
		return
	}
	var highest position.Epoch
	for range 4 {
		a, b := s.join("a"), s.join("b")
		for _, l := range []coordination.Lease{a, b} {
			g := s.claim(l, 5)
			if l.Epoch <= highest && l == a || g.Epoch <= highest {
				s.Fatalf("lease %d and grant %d after epoch %d of an earlier run", l.Epoch, g.Epoch, highest)
			}
			highest = g.Epoch
			s.release(l, 5)
		}
		s.Store = s.Reopen()
	}
}

func endedContext(s suite) {
	a := s.join("a")
	ctx := ended(s.Context())
	_, joinErr := s.Store.Join(ctx, "b")
	_, claimErr := s.Store.Claim(ctx, a, 1)
	for name, err := range map[string]error{
		"Join": joinErr, "Claim": claimErr, "Renew": s.Store.Renew(ctx, a), "Release": s.Store.Release(ctx, a),
	} {
		if err == nil {
			s.Errorf("%s went through", name)
		}
	}
	s.free(1)
	s.join("b")
	s.claim(a, 1)
}

func unknownShard(s suite) {
	a := s.join("a")
	s.claimRefused(a, coordination.Shards, "bad_shard")
}
