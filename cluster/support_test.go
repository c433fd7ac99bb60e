package cluster_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/cluster/coordination"
	"github.com/barrage-live/barrage/cluster/coordination/localstore"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// turnFunc is an actor made of its Receive.
type turnFunc func(t *cluster.Turn, msg any)

func (f turnFunc) Receive(t *cluster.Turn, msg any) { f(t, msg) }

// kindOf is a kind whose activations all run f.
func kindOf(name string, f turnFunc) cluster.Kind {
	return cluster.Kind{
		Name:     name,
		Activate: func(context.Context, cluster.Activation) (cluster.Actor, error) { return f, nil },
	}
}

// start starts a node on a store of its own and closes both after the test.
func start(tb testing.TB, cfg cluster.Config, kinds ...cluster.Kind) *cluster.Node {
	tb.Helper()
	if cfg.Coordination == nil {
		cfg.Coordination = onTables(tb, pebbletest.Open(tb), 0)
	}
	n, err := cluster.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	if err := n.Start(context.Background(), kinds); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(n.Close)
	return n
}

// onTables is a coordination store that keeps its epoch in tables. Zero: its leases do not end by time.
func onTables(tb testing.TB, tables *table.Store, ttl time.Duration) coordination.Store {
	tb.Helper()
	store, err := localstore.Open(context.Background(), localstore.Config{Tables: tables, Fresh: true, TTL: ttl})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = store.Close() })
	return store
}

func ask(tb testing.TB, n *cluster.Node, kind, key string, msg any) (any, error) {
	tb.Helper()
	return cluster.Ask[any](context.Background(), n, kind, key, msg)
}

func mustAsk(tb testing.TB, n *cluster.Node, kind, key string, msg any) any {
	tb.Helper()
	v, err := ask(tb, n, kind, key, msg)
	if err != nil {
		tb.Fatalf("Ask(%s, %s, %v): %v", kind, key, msg, err)
	}
	return v
}

func mustTell(tb testing.TB, n *cluster.Node, kind, key string, msg any) {
	tb.Helper()
	if err := cluster.Tell(n, kind, key, msg); err != nil {
		tb.Fatalf("Tell(%s, %s, %v): %v", kind, key, msg, err)
	}
}

// wantFault checks kind and code of an error.
func wantFault(tb testing.TB, err error, kind fault.Kind, code string) {
	tb.Helper()
	if err == nil || fault.KindOf(err) != kind || fault.CodeOf(err) != code {
		tb.Errorf("got %v (kind %v), want %v %q", err, fault.KindOf(err), kind, code)
	}
}

// journal is what an actor saw, asked for with the message "journal".
type journal struct{ lines []string }

func (j *journal) add(format string, args ...any) {
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

// within is a context for things that must happen soon in real time.
func within(tb testing.TB, d time.Duration) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	tb.Cleanup(cancel)
	return ctx
}

func wantDraining(tb testing.TB, err error) {
	tb.Helper()
	wantFault(tb, err, fault.Unavailable, "draining")
}
