package cluster_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/cluster/coordination/localstore"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/pebbletable"
)

// greeter counts whom it greeted.
type greeter struct{ greeted int }

type greet struct{ name string }

func (g *greeter) Receive(t *cluster.Turn, msg any) {
	if m, ok := msg.(greet); ok {
		g.greeted++
		t.Reply(fmt.Sprintf("hello %s, you are number %d of %s", m.name, g.greeted, t.Key()))
	}
}

// One node with one kind of actor; the actor begins with the first message to it.
func Example() {
	folder := filepath.Join(os.TempDir(), fmt.Sprint("barrage-example-", os.Getpid()))
	defer func() { _ = os.RemoveAll(folder) }()
	engine, err := pebbletable.Open(pebbletable.Config{Dir: folder})
	if err != nil {
		fmt.Fprintln(os.Stdout, err)
		return
	}
	tables := table.New(engine)
	defer func() { _ = tables.Close() }()
	ctx := context.Background()
	store, err := localstore.Open(ctx, localstore.Config{Tables: tables, Fresh: true})
	if err != nil {
		fmt.Fprintln(os.Stdout, err)
		return
	}
	defer func() { _ = store.Close() }()
	n, err := cluster.New(cluster.Config{Coordination: store})
	if err != nil {
		fmt.Fprintln(os.Stdout, err)
		return
	}
	defer n.Close()
	err = n.Start(ctx, []cluster.Kind{{
		Name: "greeter",
		Activate: func(context.Context, cluster.Activation) (cluster.Actor, error) {
			return &greeter{}, nil
		},
	}})
	if err != nil {
		fmt.Fprintln(os.Stdout, err)
		return
	}
	for _, name := range []string{"Ada", "Grace"} {
		answer, err := cluster.Ask[string](ctx, n, "greeter", "today", greet{name})
		fmt.Fprintln(os.Stdout, answer, err)
	}
	_, err = cluster.Ask[string](ctx, n, "shouter", "today", greet{"Ada"})
	fmt.Fprintln(os.Stdout, err)
	// Output:
	// hello Ada, you are number 1 of today <nil>
	// hello Grace, you are number 2 of today <nil>
	// unknown_kind: no such kind of actor lives here
}
