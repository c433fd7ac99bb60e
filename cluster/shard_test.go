package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/cluster/coordination"
	"github.com/barrage-live/barrage/internal/fault"
)

func TestClaimFaults(t *testing.T) {
	cases := []struct {
		name string
		err  error
		code string
		rest time.Duration // after which the store is asked again
	}{
		{"owned by another", coordination.ErrShardOwned, "not_owner", time.Second},
		{"store away", errors.New("connection refused"), "not_claimed", 250 * time.Millisecond},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := script(t)
				n := start(t, cluster.Config{Coordination: store}, kindOf("a", echo))
				store.fail("claim", c.err)
				begin := time.Now()
				for range 1000 {
					_, err := ask(t, n, "a", "k", 1)
					wantFault(t, err, fault.Unavailable, c.code)
					if after := fault.From(err).RetryAfter; after <= 0 || after > c.rest {
						t.Fatalf("to be tried again after %v", after)
					}
				}
				if got := store.called("claim"); got != 1 || time.Since(begin) != 0 {
					t.Errorf("1000 messages made %d claims in %v", got, time.Since(begin))
				}
				store.fail("claim", nil)
				_, err := ask(t, n, "a", "k", 1)
				wantFault(t, err, fault.Unavailable, c.code)
				time.Sleep(c.rest)
				mustAsk(t, n, "a", "k", 1)
			})
		})
	}
}

// TestALeaseThatAClaimFindsLostIsReplaced: nobody is refused for it.
func TestALeaseThatAClaimFindsLostIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := script(t)
		n := start(t, cluster.Config{Coordination: store}, kindOf("a", echo))
		epoch := n.Epoch()
		store.on("claim", func(_ context.Context, call int) error {
			if call == 1 {
				return coordination.ErrLeaseLost
			}
			return nil
		})
		store.on("join", func(ctx context.Context, _ int) error {
			return store.Store.Release(ctx, coordination.Lease{Node: n.ID(), Epoch: epoch})
		})
		mustAsk(t, n, "a", "k", 1)
		if n.Epoch() <= epoch {
			t.Errorf("epoch %d after %d", n.Epoch(), epoch)
		}
	})
}

// TestADrainGivesShardsBackOneByOne: another node need not wait for the slowest actor.
func TestADrainGivesShardsBackOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := script(t)
		kinds := []cluster.Kind{kindOf("a", stubborn)}
		first := start(t, cluster.Config{Coordination: store, WorkTimeout: 20 * time.Second}, kinds...)
		second := start(t, cluster.Config{Coordination: store}, kinds...)
		for i := range 50 {
			mustAsk(t, first, "a", fmt.Sprint(i), 1)
		}
		mustTell(t, first, "a", "slow", "block")
		store.on("release", func(context.Context, int) error {
			time.Sleep(100 * time.Millisecond)
			return nil
		})
		done := make(chan error, 1)
		go func() { done <- first.Drain(t.Context()) }()
		time.Sleep(5 * time.Second)
		for i := range 50 {
			mustAsk(t, second, "a", fmt.Sprint(i), 1)
		}
		_, err := ask(t, second, "a", "slow", 1)
		wantFault(t, err, fault.Unavailable, "not_owner")
		if got := store.called("release"); got == 0 || got > 10 {
			t.Errorf("%d calls gave 50 shards back", got)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		mustAsk(t, second, "a", "slow", 1)
	})
}
