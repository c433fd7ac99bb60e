package cluster_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/cluster/coordination"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
)

// barred is a store that lets nobody join while err is set.
type barred struct {
	coordination.Store
	err error
}

func (s *barred) Join(ctx context.Context, n id.Node) (coordination.Lease, error) {
	if s.err != nil {
		return coordination.Lease{}, s.err
	}
	return s.Store.Join(ctx, n)
}

func TestANodeThatHasNotStartedRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &barred{Store: script(t), err: errors.New("connection refused")}
		n, err := cluster.New(cluster.Config{ID: "n1", Coordination: store})
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		if n.ID() != "n1" {
			t.Errorf("its address is %s", n.ID())
		}
		refused := func() {
			t.Helper()
			_, err := ask(t, n, "a", "k", 1)
			wantFault(t, err, fault.Unavailable, "not_started")
			wantFault(t, cluster.Tell(n, "a", "k", 1), fault.Unavailable, "not_started")
			var got told
			cluster.AskFunc(n, time.Time{}, "a", "k", 1, got.tell(time.Now()))
			wantFault(t, got.err, fault.Unavailable, "not_started")
		}
		refused()
		if err := n.Start(t.Context(), []cluster.Kind{kindOf("a", echo)}); !errors.Is(err, store.err) {
			t.Errorf("started: %v", err)
		}
		refused()
		store.err = nil
		if err := n.Start(t.Context(), []cluster.Kind{kindOf("a", echo)}); err != nil {
			t.Fatal(err)
		}
		mustAsk(t, n, "a", "k", 1)
		wantFault(t, n.Start(t.Context(), nil), fault.Conflict, "started")
	})
}

func TestANodeThatNeverStartedCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, err := cluster.New(cluster.Config{Coordination: script(t)})
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		n.Close()
		n.Close()
		wantFault(t, n.Start(t.Context(), nil), fault.Unavailable, "closed")
		_, err = ask(t, n, "a", "k", 1)
		wantFault(t, err, fault.Unavailable, "closed")
	})
}
