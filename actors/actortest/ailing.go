package actortest

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/barrage-live/barrage/cluster"
)

// What an Ailing can be told; it answers everything else.
const (
	Panic = "panic"
	Hang  = "hang"
)

// Ailing is the client of actors that fail as they are told, for tests of those who ask actors and pass the
// faults on. Each takes one message while it handles another.
type Ailing struct {
	node   *cluster.Node
	began  chan struct{}
	healed chan struct{}
	turns  atomic.Int64
}

// NewAiling starts a node of its own for them.
func NewAiling(tb testing.TB) *Ailing {
	tb.Helper()
	a := &Ailing{began: make(chan struct{}, 16), healed: make(chan struct{})}
	a.node = Node(tb, cluster.Kind{
		Name: "ailing", Mailbox: 1, Idle: time.Hour,
		Activate: func(context.Context, cluster.Activation) (cluster.Actor, error) { return patient{a}, nil },
	})
	return a
}

// Tell has the actor of the key do what it is told.
func (a *Ailing) Tell(ctx context.Context, key, what string) error {
	_, err := cluster.Ask[any](ctx, a.node, "ailing", key, what)
	return err
}

// TellFunc is Tell for those who do not wait.
func (a *Ailing) TellFunc(deadline time.Time, key, what string, done func(error)) {
	cluster.AskFunc(a.node, deadline, "ailing", key, what, func(_ any, err error) { done(err) })
}

// AwaitHang returns once an actor hangs.
func (a *Ailing) AwaitHang() { <-a.began }

// Heal lets all that hang go on, and hang no more.
func (a *Ailing) Heal() { close(a.healed) }

// Turns is how many messages were executed.
func (a *Ailing) Turns() int64 { return a.turns.Load() }

// patient is the actor.
type patient struct{ *Ailing }

func (p patient) Receive(t *cluster.Turn, msg any) {
	p.turns.Add(1)
	switch msg {
	case Panic:
		panic("as told")
	case Hang:
		t.Await(func(ctx context.Context) (any, error) {
			p.began <- struct{}{}
			select {
			case <-p.healed:
			case <-ctx.Done():
			}
			return nil, nil
		}, func(t *cluster.Turn, _ any, _ error) { t.Reply(nil) })
	default:
		t.Reply(nil)
	}
}
