package room_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/cluster/coordination/localstore"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/pebbletable"
)

// prints is a fan-out to nobody but the reader.
type prints struct{}

func (prints) Deliver(node id.Node, b *room.Batch) {
	fmt.Println(node, "gets batch", b.Seq, "up to", b.To.Offset)
}

func Example() {
	folder, err := os.MkdirTemp("", "room")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	engine, err := pebbletable.Open(pebbletable.Config{Dir: filepath.Join(folder, "tables")})
	if err != nil {
		panic(err)
	}
	tables := table.New(engine)
	defer tables.Close()
	owners, err := localstore.Open(context.Background(), localstore.Config{Tables: tables, Fresh: true})
	if err != nil {
		panic(err)
	}
	defer owners.Close()
	ctx := context.Background()
	kind := room.Kind(room.Deps{Store: tables, Fanout: prints{}, Metrics: room.NewMetrics(prometheus.NewRegistry())})
	node, err := cluster.New(cluster.Config{Coordination: owners, Fencer: tables})
	if err != nil {
		panic(err)
	}
	defer node.Close()
	if err := node.Start(ctx, []cluster.Kind{kind}); err != nil {
		panic(err)
	}

	rooms := room.NewClient(node)
	fmt.Println(rooms.Create(ctx, "7", "8", "1"))
	_, err = rooms.Attach(ctx, "7", "n1", 1)
	fmt.Println(err)
	first, duplicate, err := rooms.Post(ctx, "7", room.Author{User: "2", Name: "Ann"}, room.Draft{Key: "k1", Text: "hello"})
	fmt.Println(first.Offset, duplicate, err)
	again, duplicate, err := rooms.Post(ctx, "7", room.Author{User: "2", Name: "Ann"}, room.Draft{Key: "k1", Text: "hello"})
	fmt.Println(again == first, duplicate, err)
	rows, _, err := rooms.History(ctx, "7", position.Position{}, 10)
	fmt.Println(rows[0].Text, err)
	// Unordered output:
	// <nil>
	// <nil>
	// n1 gets batch 1 up to 1
	// 1 false <nil>
	// true true <nil>
	// hello <nil>
}
