package cluster_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/cluster/coordination"
	"github.com/barrage-live/barrage/cluster/coordination/localstore"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// scripted is a store whose renewals and claims fail as the test says.
type scripted struct {
	coordination.Store
	renewErr atomic.Pointer[error]
	claimErr atomic.Pointer[error]
	renewals atomic.Int32
}

func (s *scripted) Renew(ctx context.Context, l coordination.Lease) error {
	s.renewals.Add(1)
	if err := s.renewErr.Load(); err != nil {
		return *err
	}
	return s.Store.Renew(ctx, l)
}

func (s *scripted) Claim(ctx context.Context, l coordination.Lease, shard coordination.Shard) (coordination.Grant, error) {
	if err := s.claimErr.Load(); err != nil {
		return coordination.Grant{}, *err
	}
	return s.Store.Claim(ctx, l, shard)
}

const ttl = 10 * time.Second

func script(t *testing.T) *scripted {
	t.Helper()
	store, err := localstore.Open(t.Context(), localstore.Config{Tables: pebbletest.Open(t), Fresh: true, TTL: ttl})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return &scripted{Store: store}
}

func echo(t *cluster.Turn, msg any) { t.Reply(msg) }

func TestLeaseIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := script(t)
		n := start(t, cluster.Config{Coordination: store}, kindOf("a", echo))
		time.Sleep(time.Hour)
		mustAsk(t, n, "a", "k", 1)
		if got := store.renewals.Load(); got < 1000 || got > 1100 {
			t.Errorf("%d renewals in an hour of a lease of %v", got, ttl)
		}
	})
}

func TestNodeStepsDown(t *testing.T) {
	cases := []struct {
		name string
		err  error
		// after says when the first message is refused, once renewals fail at 5 s.
		after time.Duration
	}{
		{"the store says that the lease is lost", coordination.ErrLeaseLost, 2 * time.Second},
		{"the store cannot be reached", errors.New("connection refused"), 7 * time.Second},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := script(t)
				n, r := start(t, cluster.Config{Coordination: store}, kindOf("a", echo), kindOf("stubborn", stubborn)), make(chan error, 1)
				mustAsk(t, n, "a", "k", 1)
				mustTell(t, n, "stubborn", "k", "block")
				time.Sleep(5 * time.Second)
				store.renewErr.Store(&c.err)
				go func() { _, err := ask(t, n, "stubborn", "k", "waits"); r <- err }()
				begin := time.Now()
				<-n.Lost()
				if d := time.Since(begin); d > c.after {
					t.Errorf("stepped down after %v, want at most %v", d, c.after)
				}
				for _, key := range []string{"k", "new"} {
					_, err := ask(t, n, "a", key, 1)
					wantFault(t, err, fault.Fenced, "lease_lost")
				}
				if err := <-r; fault.KindOf(err) != fault.Fenced && fault.KindOf(err) != fault.Timeout {
					t.Errorf("the waiting message: %v", err)
				}
				synctest.Wait()
				if n.Active() != 0 {
					t.Errorf("%d still active", n.Active())
				}
			})
		})
	}
}

// TestAPausedProcessStepsDownFirst plays SIGSTOP and SIGCONT: the renewals do not return while the clock goes on, and
// the first thing that happens afterwards is a message that was queued before.
func TestAPausedProcessStepsDownFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := script(t)
		received := 0
		n := start(t, cluster.Config{Coordination: store}, kindOf("a", func(t *cluster.Turn, msg any) {
			if msg == "pause" {
				time.Sleep(2 * ttl)
				return
			}
			received++
		}))
		slow := coordination.ErrNoOwner
		var err error = slow
		store.renewErr.Store(&err)
		mustTell(t, n, "a", "k", "pause")
		mustTell(t, n, "a", "k", "too late")
		time.Sleep(3 * ttl)
		if received != 0 {
			t.Error("a message was executed after the lease had run out")
		}
		<-n.Lost()
	})
}

func TestClaimFaults(t *testing.T) {
	cases := []struct {
		name string
		err  error
		kind fault.Kind
		code string
		lost bool
	}{
		{"owned by another", coordination.ErrShardOwned, fault.Unavailable, "not_owner", false},
		{"lease lost", coordination.ErrLeaseLost, fault.Fenced, "lease_lost", true},
		{"store away", errors.New("connection refused"), fault.Unavailable, "not_claimed", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := script(t)
				n := start(t, cluster.Config{Coordination: store}, kindOf("a", echo))
				store.claimErr.Store(&c.err)
				_, err := ask(t, n, "a", "k", 1)
				wantFault(t, err, c.kind, c.code)
				_, err = n.Ref(t.Context(), "a", "k2")
				wantFault(t, err, c.kind, c.code)
				store.claimErr.Store(nil)
				_, err = ask(t, n, "a", "k", 1)
				if (err != nil) != c.lost {
					t.Errorf("once the store is well again: %v", err)
				}
			})
		})
	}
}

func TestRestartRefusesOldReferences(t *testing.T) {
	tables := pebbletest.Open(t)
	ctx := within(t, time.Minute)
	var old []cluster.Ref
	for run := range 4 {
		store, err := localstore.Open(ctx, localstore.Config{Tables: tables, Fresh: true})
		if err != nil {
			t.Fatal(err)
		}
		n := start(t, cluster.Config{Coordination: store}, kindOf("a", func(t *cluster.Turn, _ any) {
			t.Reply(t.Fence().Epoch)
		}))
		for i, ref := range old {
			_, err := cluster.AskRef[any](ctx, n, ref, "x")
			wantFault(t, err, fault.Fenced, "stale_epoch")
			mustAsk(t, n, "a", "k", "x") // active now, and refused all the same
			_, err = cluster.AskRef[any](ctx, n, ref, "x")
			wantFault(t, err, fault.Fenced, "stale_epoch")
			if ref.Epoch >= n.Epoch() {
				t.Errorf("run %d has epoch %d, run %d had %d", run, n.Epoch(), i, ref.Epoch)
			}
		}
		ref, err := n.Ref(ctx, "a", "k")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := cluster.AskRef[any](ctx, n, ref, "x"); err != nil || got != ref.Epoch {
			t.Errorf("run %d: present reference: epoch %v, %v; want %d", run, got, err, ref.Epoch)
		}
		old = append(old, ref)
		n.Close()
		_ = store.Close()
	}
}

func TestTwoNodesShareOneStore(t *testing.T) {
	store := script(t)
	kinds := []cluster.Kind{kindOf("a", func(t *cluster.Turn, _ any) { t.Reply(t.Fence().Epoch) })}
	first := start(t, cluster.Config{Coordination: store}, kinds...)
	second := start(t, cluster.Config{Coordination: store}, kinds...)
	before := mustAsk(t, first, "a", "k", 1)
	_, err := ask(t, second, "a", "k", 1)
	wantFault(t, err, fault.Unavailable, "not_owner")
	first.Close()
	if after := mustAsk(t, second, "a", "k", 1); after == before {
		t.Errorf("the epoch stayed %v over a change of owner", after)
	}
}

func TestConfigFaults(t *testing.T) {
	good := kindOf("a", echo)
	cases := []struct {
		name  string
		cfg   cluster.Config
		kinds []cluster.Kind
		code  string
	}{
		{"no store", cluster.Config{}, nil, "no_coordination"},
		{"negative workers", cluster.Config{Coordination: &scripted{}, Workers: -1}, nil, "bad_config"},
		{"nameless kind", cluster.Config{Coordination: &scripted{}}, []cluster.Kind{{Activate: good.Activate}}, "bad_kind"},
		{"kind without Activate", cluster.Config{Coordination: &scripted{}}, []cluster.Kind{{Name: "a"}}, "bad_kind"},
		{"kind twice", cluster.Config{Coordination: &scripted{}}, []cluster.Kind{good, good}, "bad_kind"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			n, err := cluster.New(c.cfg)
			if err == nil {
				err = n.Start(t.Context(), c.kinds)
			}
			wantFault(t, err, fault.Invalid, c.code)
		})
	}
}
