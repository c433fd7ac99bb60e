package cluster_test

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/fault"
)

// stubborn does as it is told: "block" makes messages wait until the work times out or the node closes.
func stubborn(t *cluster.Turn, msg any) {
	switch msg {
	case "block":
		t.Await(func(ctx context.Context) (any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, nil)
	case "panic":
		panic("as told")
	case "silence":
	default:
		t.Reply(msg)
	}
}

func TestRefusals(t *testing.T) {
	errLoad := fault.New(fault.NotFound, "no_room", "no such room")
	askIt := func(n *cluster.Node, kind, key string, msg any) error {
		_, err := cluster.Ask[any](context.Background(), n, kind, key, msg)
		return err
	}
	cases := []struct {
		name string
		do   func(t *testing.T, n *cluster.Node) error
		kind fault.Kind
		code string
		// limit is Config.WorkTimeout; zero means a minute.
		limit time.Duration
	}{
		{"unknown kind", func(_ *testing.T, n *cluster.Node) error { return askIt(n, "nobody", "k", 1) }, fault.NotFound, "unknown_kind", 0},
		{"empty key", func(_ *testing.T, n *cluster.Node) error { return askIt(n, "a", "", 1) }, fault.Invalid, "bad_key", 0},
		{"long key", func(_ *testing.T, n *cluster.Node) error { return askIt(n, "a", strings.Repeat("k", 513), 1) }, fault.Invalid, "bad_key", 0},
		{"full mailbox", func(t *testing.T, n *cluster.Node) error {
			mustTell(t, n, "a", "k", "block")
			synctest.Wait()
			for range 4 {
				mustTell(t, n, "a", "k", "fill")
			}
			return askIt(n, "a", "k", 1)
		}, fault.Exhausted, "mailbox_full", 0},
		{"deadline passed while queued", func(t *testing.T, n *cluster.Node) error {
			mustTell(t, n, "a", "k", "block")
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_, err := cluster.Ask[any](ctx, n, "a", "k", "panic")
			return err
		}, fault.Timeout, "deadline_exceeded", 0},
		{"default deadline", func(t *testing.T, n *cluster.Node) error {
			mustTell(t, n, "a", "k", "block")
			return askIt(n, "a", "k", 1)
		}, fault.Timeout, "deadline_exceeded", 0},
		{"asker cancelled", func(t *testing.T, n *cluster.Node) error {
			mustTell(t, n, "a", "k", "block")
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(time.Second, cancel)
			_, err := cluster.Ask[any](ctx, n, "a", "k", "panic")
			return err
		}, fault.Timeout, "abandoned", 0},
		{"context already ended", func(_ *testing.T, n *cluster.Node) error {
			ctx, cancel := context.WithTimeout(context.Background(), -1)
			defer cancel()
			_, err := cluster.Ask[any](ctx, n, "a", "k", "panic")
			return err
		}, fault.Timeout, "deadline_exceeded", 0},
		{"panic", func(_ *testing.T, n *cluster.Node) error { return askIt(n, "a", "k", "panic") }, fault.Internal, "actor_panicked", 0},
		{"no answer", func(_ *testing.T, n *cluster.Node) error { return askIt(n, "a", "k", "silence") }, fault.Internal, "unanswered", 0},
		{"wrong answer", func(_ *testing.T, n *cluster.Node) error {
			_, err := cluster.Ask[string](context.Background(), n, "a", "k", 1)
			return err
		}, fault.Internal, "bad_reply", 0},
		{"quarantined", func(_ *testing.T, n *cluster.Node) error {
			for range 3 {
				_ = askIt(n, "a", "k", "panic")
			}
			return askIt(n, "a", "k", 1)
		}, fault.Unavailable, "quarantined", 0},
		{"activation fault", func(_ *testing.T, n *cluster.Node) error { return askIt(n, "unloadable", "fault", 1) }, fault.NotFound, "no_room", 0},
		{"activation error", func(_ *testing.T, n *cluster.Node) error { return askIt(n, "unloadable", "error", 1) }, fault.Unavailable, "activation_failed", 0},
		{"activation panic", func(_ *testing.T, n *cluster.Node) error { return askIt(n, "unloadable", "panic", 1) }, fault.Internal, "actor_panicked", 0},
		{"activation takes too long", func(_ *testing.T, n *cluster.Node) error { return askIt(n, "unloadable", "slow", 1) }, fault.Unavailable, "activation_failed", time.Second},
		{"reference of another ownership", func(_ *testing.T, n *cluster.Node) error {
			ref, err := n.Ref(context.Background(), "a", "k")
			if err != nil {
				return err
			}
			ref.Epoch++
			return cluster.TellRef(n, ref, 1)
		}, fault.Fenced, "stale_epoch", 0},
		{"draining", func(_ *testing.T, n *cluster.Node) error {
			_ = n.Drain(context.Background())
			return askIt(n, "a", "k", 1)
		}, fault.Unavailable, "draining", 0},
		{"closed", func(_ *testing.T, n *cluster.Node) error {
			n.Close()
			return askIt(n, "a", "k", 1)
		}, fault.Unavailable, "closed", 0},
		{"closed while waiting", func(t *testing.T, n *cluster.Node) error {
			mustTell(t, n, "a", "k", "block")
			time.AfterFunc(time.Second, n.Close)
			return askIt(n, "a", "k", 1)
		}, fault.Unavailable, "closed", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := start(t, cluster.Config{WorkTimeout: cmp.Or(c.limit, time.Minute), Kinds: []cluster.Kind{
					{Name: "a", Mailbox: 4, Activate: func(context.Context, cluster.Activation) (cluster.Actor, error) {
						return turnFunc(stubborn), nil
					}},
					{Name: "unloadable", Activate: func(ctx context.Context, a cluster.Activation) (cluster.Actor, error) {
						switch a.Key {
						case "fault":
							return nil, errLoad
						case "panic":
							panic("as told")
						case "slow":
							<-ctx.Done()
							return nil, ctx.Err()
						}
						return nil, errors.New("disk on fire")
					}},
				}})
				wantFault(t, c.do(t, n), c.kind, c.code)
			})
		})
	}
}
