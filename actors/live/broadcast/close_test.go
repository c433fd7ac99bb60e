package broadcast_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/actors/live/broadcast"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/cluster/coordination"
	"github.com/barrage-live/barrage/cluster/coordination/localstore"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/live/recording/recordingtest"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// losing is a store whose leases are lost when the test says.
type losing struct {
	coordination.Store
	lost atomic.Bool
}

func (s *losing) Renew(ctx context.Context, l coordination.Lease) error {
	if s.lost.Load() {
		return coordination.ErrLeaseLost
	}
	return s.Store.Renew(ctx, l)
}

// TestWhatABroadcastOwnsEndsWithItsActivation drops the activation of a running broadcast: nobody goes on
// cutting what a publisher writes to an actor that is gone.
func TestWhatABroadcastOwnsEndsWithItsActivation(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(n *cluster.Node, s *losing)
		want error
	}{
		{"lease lost", func(_ *cluster.Node, s *losing) { s.lost.Store(true); time.Sleep(10 * time.Second) }, fault.New(fault.Fenced, "lease_lost", "")},
		{"node closed", func(n *cluster.Node, _ *losing) { n.Close() }, fault.New(fault.Unavailable, "closed", "")},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := recordingtest.New(t)
				local, err := localstore.Open(t.Context(), localstore.Config{Tables: pebbletest.Open(t), Fresh: true, TTL: 10 * time.Second})
				if err != nil {
					t.Fatal(err)
				}
				store := &losing{Store: local}
				n, err := cluster.New(cluster.Config{Coordination: store})
				if err != nil {
					t.Fatal(err)
				}
				if err := n.Start(t.Context(), []cluster.Kind{kind(r)}); err != nil {
					t.Fatal(err)
				}
				client := broadcast.NewClient(n, r)
				s, err := client.Open(t.Context(), opening(b1, 1, tracks()))
				if err != nil {
					t.Fatal(err)
				}
				p, err := client.Locate(t.Context(), ch)
				if err != nil {
					t.Fatal(err)
				}
				publish(t, s, 5*time.Second)
				c.end(n, store)
				synctest.Wait()
				if !errors.Is(s.Err(), c.want) || !p.Ended() {
					t.Errorf("the stream says %v, want %v; the playlist has ended: %v", s.Err(), c.want, p.Ended())
				}
				n.Close()
				_ = local.Close()
			})
		})
	}
}
