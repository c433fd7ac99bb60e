package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/cluster/coordination"
	"github.com/barrage-live/barrage/internal/fault"
)

// owner owns something, and writes down what happens to it.
type owner struct {
	log *ownerLog
	key string
}

type ownerLog struct {
	sync.Mutex
	made  int
	lines []string
}

func (l *ownerLog) add(format string, args ...any) {
	l.Lock()
	defer l.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

func (l *ownerLog) all() []string {
	l.Lock()
	defer l.Unlock()
	return slices.Clone(l.lines)
}

func (o *owner) Start(*cluster.Turn) {
	if o.key == "bad start" {
		panic("as told")
	}
}

func (o *owner) Receive(t *cluster.Turn, msg any) {
	switch msg {
	case "bad done":
		t.Pipe(func(context.Context) (any, error) { return nil, nil }, func(*cluster.Turn, any, error) { panic("as told") })
	case "stop":
		t.Stop()
		t.Reply(msg)
	default:
		stubborn(t, msg)
	}
}

func (o *owner) Passivate(ctx context.Context) error {
	if o.key == "slow flush" {
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Second):
		}
	}
	o.log.add("flushed")
	if o.key == "bad flush" {
		return errors.New("as told")
	}
	return nil
}

func (o *owner) Close(cause error) {
	o.log.add("closed %s", fault.CodeOf(cause))
	if o.key == "bad close" {
		panic("as told")
	}
}

func owners(l *ownerLog) cluster.Kind {
	return cluster.Kind{
		Name: "owner", Idle: time.Minute,
		Activate: func(_ context.Context, a cluster.Activation) (cluster.Actor, error) {
			if a.Key == "slow load" {
				time.Sleep(30 * time.Second)
			}
			l.Lock()
			l.made++
			l.Unlock()
			return &owner{log: l, key: a.Key}, nil
		},
	}
}

// TestCloseIsTheLastCallToEveryActor ends activations in every way there is.
func TestCloseIsTheLastCallToEveryActor(t *testing.T) {
	lose := func(_ *testing.T, _ *cluster.Node, s *scripted) {
		s.fail("renew", coordination.ErrLeaseLost)
		time.Sleep(ttl)
	}
	stop := func(_ *testing.T, n *cluster.Node, _ *scripted) { n.Close() }
	drain := func(t *testing.T, n *cluster.Node, _ *scripted) {
		if err := n.Drain(t.Context()); err != nil {
			t.Error(err)
		}
	}
	rest := func(d time.Duration) func(*testing.T, *cluster.Node, *scripted) {
		return func(*testing.T, *cluster.Node, *scripted) { time.Sleep(d) }
	}
	for _, c := range []struct {
		name, key string
		msg       any
		then      func(*testing.T, *cluster.Node, *scripted)
		want      []string
	}{
		{"idle", "k", 1, rest(2 * time.Minute), []string{"flushed", "closed "}},
		{"stop", "k", "stop", rest(0), []string{"flushed", "closed "}},
		{"drain", "k", 1, drain, []string{"flushed", "closed draining"}},
		{"panic", "k", "panic", rest(0), []string{"closed actor_panicked"}},
		{"panic in the first turn", "bad start", 1, rest(0), slices.Repeat([]string{"closed actor_panicked"}, 3)},
		{"panic in a done function", "k", "bad done", rest(0), []string{"closed actor_panicked"}},
		{"a flush that fails is not the end", "bad flush", 1, rest(90 * time.Second), []string{"flushed"}},
		{"a Close that panics", "bad close", 1, drain, []string{"flushed", "closed draining"}},
		{"node closed", "k", 1, stop, []string{"closed closed"}},
		{"node closed during a work", "k", "block", stop, []string{"closed closed"}},
		{"node closed during the load", "slow load", 1, stop, []string{"closed activation_ended"}},
		{"node closed during the flush", "slow flush", "stop", stop, []string{"flushed", "closed closed"}},
		{"lease lost", "k", 1, lose, []string{"closed lease_lost"}},
		{"lease lost during the load", "slow load", 1, lose, []string{}},
		{"lease lost during the flush", "slow flush", "stop", lose, []string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, log := script(t), &ownerLog{}
				n := start(t, cluster.Config{Coordination: store}, owners(log))
				mustTell(t, n, "owner", c.key, c.msg)
				time.Sleep(time.Second)
				c.then(t, n, store)
				synctest.Wait()
				if got := log.all(); !slices.Equal(got, c.want) {
					t.Errorf("got %q, want %q", got, c.want)
				}
				n.Close()
				closed := slices.DeleteFunc(log.all(), func(l string) bool { return l == "flushed" })
				if len(closed) != log.made {
					t.Errorf("closed %q in the end, and %d were made", closed, log.made)
				}
			})
		})
	}
}

// TestEveryActorIsClosedOnceUnderLoad counts actors made and closed while everything ends them.
func TestEveryActorIsClosedOnceUnderLoad(t *testing.T) {
	for range 5 {
		var mu sync.Mutex
		open := map[*tallied]int{}
		k := cluster.Kind{Name: "a", Idle: time.Millisecond, Activate: func(context.Context, cluster.Activation) (cluster.Actor, error) {
			mu.Lock()
			defer mu.Unlock()
			a := &tallied{}
			a.closed = func() {
				mu.Lock()
				defer mu.Unlock()
				open[a]++
			}
			open[a] = 0
			return a, nil
		}}
		n := start(t, cluster.Config{}, k)
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for j := range 400 {
					msg := []any{1, "stop", "panic", "bad done", 1, 1, 1}[(i+j)%7]
					_, _ = ask(t, n, "a", fmt.Sprint(j), msg)
					if i == 0 && j == 300 {
						go n.Close()
					}
				}
			})
		}
		wg.Wait()
		n.Close()
		if len(open) < 50 {
			t.Errorf("only %d actors", len(open))
		}
		for _, times := range open {
			if times != 1 {
				t.Fatalf("an actor was closed %d times", times)
			}
		}
	}
}

// tallied is an owner that only tells that it was closed.
type tallied struct {
	owner
	closed func()
}

func (a *tallied) Passivate(context.Context) error { return nil }
func (a *tallied) Close(error)                     { a.closed() }
