package room_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/actors/actortest"
	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

const (
	theRoom  = id.Room("7")
	theOwner = id.User("1")
)

// nodes keeps what each node is sent.
type nodes struct {
	mu  sync.Mutex
	all map[id.Node]*inbox
}

func (n *nodes) of(node id.Node) *inbox {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.all == nil {
		n.all = map[id.Node]*inbox{}
	}
	if n.all[node] == nil {
		n.all[node] = &inbox{}
	}
	return n.all[node]
}

// Deliver implements room.Fanout.
func (n *nodes) Deliver(node id.Node, b *room.Batch) {
	s := n.of(node)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches, s.at = append(s.batches, b), append(s.at, time.Now())
}

// inbox keeps the batches of a node.
type inbox struct {
	mu      sync.Mutex
	batches []*room.Batch
	at      []time.Time
}

// texts are those of all danmaku delivered, a bar after each batch, # for its Info and ! for its end.
func (s *inbox) texts() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := ""
	for _, b := range s.batches {
		for _, d := range b.Danmaku {
			out += d.Text
		}
		if b.Info != nil {
			out += fmt.Sprintf("#%d", b.Info.Online)
		}
		if b.Closed {
			out += "!"
		}
		out += "|"
	}
	return out
}

// gap is the time between the first two batches.
func (s *inbox) gap() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at[1].Sub(s.at[0])
}

// gate is a table store whose writes a test can refuse, or hold back until after the writer gave up.
type gate struct {
	*table.Store
	mu   sync.Mutex
	fail error
	late chan struct{} // closed to let a held write happen
	done chan error
}

func (g *gate) set(fail error, late chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fail, g.late, g.done = fail, late, make(chan error, 1)
}

func (g *gate) Write(ctx context.Context, b table.Batch) (table.Version, error) {
	g.mu.Lock()
	fail, late, done := g.fail, g.late, g.done
	g.mu.Unlock()
	switch {
	case fail != nil:
		return 0, fail
	case late != nil:
		go func() {
			<-late
			_, err := g.Store.Write(context.WithoutCancel(ctx), b)
			select {
			case done <- err:
			default: // the test wants to know of the first only
			}
		}()
		<-ctx.Done()
		return 0, table.ErrUnknown
	}
	return g.Store.Write(ctx, b)
}

type fixture struct {
	t     *testing.T
	store *gate
	rooms *room.Client
	nodes nodes
	node  *cluster.Node
	end   func()
}

// bubble runs f with a created room on the embedded engine, in fake time.
func bubble(t *testing.T, f func(t *testing.T, x *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		x := &fixture{t: t, store: &gate{Store: pebbletest.Open(t)}}
		x.start()
		defer func() { x.end() }()
		if err := x.rooms.Create(t.Context(), theRoom, "8", theOwner); err != nil {
			t.Fatal(err)
		}
		f(t, x)
	})
}

func (x *fixture) start() {
	x.node, x.end = actortest.Run(x.t, x.store.Store, room.Kind(room.Deps{
		Store: x.store, Fanout: &x.nodes, Metrics: room.NewMetrics(prometheus.NewRegistry()),
	}))
	x.rooms = room.NewClient(x.node)
}

func (x *fixture) restart() {
	x.end()
	x.start()
}

// attach attaches a node under a number and gives its inbox.
func (x *fixture) attach(node id.Node, attachment uint64) (room.Attached, *inbox) {
	x.t.Helper()
	a, err := x.rooms.Attach(x.t.Context(), theRoom, node, attachment)
	if err != nil {
		x.t.Fatalf("attach %s: %v", node, err)
	}
	return a, x.nodes.of(node)
}

func (x *fixture) post(user id.User, key, text string) (position.Position, bool, error) {
	return x.rooms.Post(x.t.Context(), theRoom, room.Author{User: user, Name: "N"}, room.Draft{Key: key, Text: text})
}

func (x *fixture) mustPost(user id.User, key, text string) position.Position {
	x.t.Helper()
	p, _, err := x.post(user, key, text)
	if err != nil {
		x.t.Fatalf("post %s: %v", key, err)
	}
	return p
}

func (x *fixture) texts() (all []string) {
	x.t.Helper()
	rows, _, err := x.rooms.History(x.t.Context(), theRoom, position.Position{}, 0)
	if err != nil {
		x.t.Fatal(err)
	}
	for _, d := range rows {
		all = append(all, d.Text)
	}
	return all
}

func wantCode(t *testing.T, err error, kind fault.Kind, code string) {
	t.Helper()
	if err == nil || fault.KindOf(err) != kind || fault.CodeOf(err) != code {
		t.Errorf("got %v, want %s %s", err, kind, code)
	}
}
