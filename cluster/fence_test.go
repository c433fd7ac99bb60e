package cluster_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/cluster/coordination"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

func tallies() table.Table { return table.Owned("tally") }

// tally is a number in a document. Its writes wait while the test holds them.
type tally struct {
	docs    table.Document[int]
	n       int
	version table.Version
	hold    func(context.Context)
}

func (c *tally) Receive(t *cluster.Turn, msg any) {
	switch msg {
	case "add":
		fence, key, n, version := t.Fence(), t.Key(), c.n+1, c.version
		t.Pipe(func(ctx context.Context) (any, error) {
			if version == 0 {
				if err := c.docs.Store.Fence(ctx, c.docs.Table, key, fence); err != nil {
					return nil, err
				}
			}
			c.hold(ctx)
			return c.docs.Save(ctx, fence, key, n, version, 0)
		}, func(t *cluster.Turn, v any, err error) {
			if err != nil {
				t.Fail(err)
				return
			}
			c.n, c.version = n, v.(table.Version)
			t.Reply(n)
		})
	case "fence":
		t.Reply(t.Fence())
	case "stop":
		t.Stop()
		t.Reply(c.n)
	case "read":
		t.Reply(c.n)
	default:
		stubborn(t, msg)
	}
}

// tallyKind keeps tallies in tables. hold may keep a write back.
func tallyKind(tables *table.Store, hold func(context.Context)) cluster.Kind {
	docs := table.Document[int]{Store: tables, Table: tallies(), Key: []byte("doc"), Name: "tally"}
	return cluster.Kind{
		Name:  "tally",
		State: func(key string) (table.Table, string) { return tallies(), key },
		Activate: func(ctx context.Context, a cluster.Activation) (cluster.Actor, error) {
			c := &tally{docs: docs, hold: hold}
			var err error
			if a.Exists {
				c.n, c.version, err = docs.Load(ctx, a.Key)
			}
			return c, err
		},
	}
}

func free(context.Context) {}

// TestNoFenceIsGivenTwice has activations of two runs follow each other in every way.
func TestNoFenceIsGivenTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tables := pebbletest.Open(t)
		var fences []position.Fence
		for range 2 {
			n := start(t, cluster.Config{Coordination: onTables(t, tables, 0), Fencer: tables}, tallyKind(tables, free))
			for _, end := range []any{"stop", "panic", "idle"} {
				fences = append(fences, mustAsk(t, n, "tally", "k", "fence").(position.Fence))
				if end == "idle" {
					time.Sleep(2 * time.Minute)
				} else {
					_, _ = ask(t, n, "tally", "k", end)
				}
			}
			n.Close()
		}
		if !slices.IsSortedFunc(fences, position.Fence.Compare) || len(slices.Compact(slices.Clone(fences))) != 6 || fences[0].Activation != 1 {
			t.Errorf("fences %v, want each higher than the one before", fences)
		}
	})
}

func TestAnActivationFencesWhatExists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tables := pebbletest.Open(t)
		n := start(t, cluster.Config{Coordination: onTables(t, tables, 0), Fencer: tables}, tallyKind(tables, free))
		mustAsk(t, n, "tally", "new", "read")
		if exists, err := tables.FenceExisting(t.Context(), tallies(), "new", position.Fence{Epoch: 99, Activation: 1}); exists || err != nil {
			t.Errorf("an actor that was only read left a fence: %v, %v", exists, err)
		}
		if got := mustAsk(t, n, "tally", "k", "add"); got != 1 {
			t.Errorf("counted %v", got)
		}
		mustAsk(t, n, "tally", "k", "stop")
		if got := mustAsk(t, n, "tally", "k", "add"); got != 2 {
			t.Errorf("counted %v", got)
		}
		if err := tables.Fence(t.Context(), tallies(), "k", position.Fence{Epoch: 99, Activation: 1}); err != nil {
			t.Fatal(err)
		}
		_, err := ask(t, n, "tally", "k", "add")
		wantFault(t, err, fault.Fenced, "fenced")
		mustAsk(t, n, "tally", "k", "stop")
		_, err = ask(t, n, "tally", "k", "read")
		wantFault(t, err, fault.Fenced, "fenced")
	})
}

// TestTheNextLifeOfAFencedKindWaitsForNoWork panics while a write is under way: the next life goes on at
// once, and the late write is refused.
func TestTheNextLifeOfAFencedKindWaitsForNoWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tables := pebbletest.Open(t)
		hold := make(chan struct{})
		var held atomic.Bool
		n := start(t, cluster.Config{Coordination: onTables(t, tables, 0), Fencer: tables}, tallyKind(tables, func(context.Context) {
			if held.CompareAndSwap(false, true) {
				<-hold
			}
		}))
		var late told
		cluster.AskFunc(n, time.Time{}, "tally", "k", "add", late.tell(time.Now()))
		synctest.Wait()
		begin := time.Now()
		_, err := ask(t, n, "tally", "k", "panic")
		wantFault(t, err, fault.Internal, "actor_panicked")
		if got := mustAsk(t, n, "tally", "k", "add"); got != 1 || time.Since(begin) != 0 {
			t.Errorf("the next life counted %v after %v", got, time.Since(begin))
		}
		close(hold)
		synctest.Wait()
		wantFault(t, late.err, fault.Internal, "activation_ended")
		if got := mustAsk(t, n, "tally", "k", "add"); got != 2 {
			t.Errorf("after the late write: %v", got)
		}
	})
}

// TestAZombieIsNotHeard has two nodes own one shard, as if the first had slept through the end of its
// lease: what it acknowledges, the second knows.
func TestAZombieIsNotHeard(t *testing.T) {
	tables := pebbletest.Open(t)
	first := start(t, cluster.Config{Coordination: &stolen{Store: onTables(t, tables, 0), epoch: 1}, Fencer: tables}, tallyKind(tables, free))
	second := start(t, cluster.Config{Coordination: &stolen{Store: onTables(t, pebbletest.Open(t), 0), epoch: 2}, Fencer: tables}, tallyKind(tables, free))
	mustAsk(t, first, "tally", "k", "add")
	if got := mustAsk(t, second, "tally", "k", "read"); got != 1 {
		t.Errorf("the second node reads %v", got)
	}
	_, err := ask(t, first, "tally", "k", "add")
	wantFault(t, err, fault.Fenced, "fenced")
	if got := mustAsk(t, second, "tally", "k", "add"); got != 2 {
		t.Errorf("the second node counts %v", got)
	}
}

// stolen grants every claim under an epoch of the test's choice, whoever owns the shard.
type stolen struct {
	coordination.Store
	epoch position.Epoch
}

func (s *stolen) Claim(_ context.Context, l coordination.Lease, shard coordination.Shard) (coordination.Grant, error) {
	return coordination.Grant{Shard: shard, Node: l.Node, Epoch: s.epoch}, nil
}
