package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
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

// unloadable fails to activate as its key says.
func unloadable(ctx context.Context, a cluster.Activation) (cluster.Actor, error) {
	switch a.Key {
	case "fault":
		return nil, fault.New(fault.NotFound, "no_room", "no such room")
	case "panic":
		panic("as told")
	case "slow":
		<-ctx.Done()
		return nil, ctx.Err()
	case "nothing":
		return nil, nil
	}
	return nil, errors.New("disk on fire")
}

// refusing is a node of stubborn and unloadable actors; the first never idle and take four messages.
func refusing(t *testing.T, limit time.Duration) *cluster.Node {
	t.Helper()
	a := kindOf("a", stubborn)
	a.Mailbox, a.Idle = 4, -1
	return start(t, cluster.Config{
		WorkTimeout: limit,
	}, a, cluster.Kind{Name: "unloadable", Activate: unloadable})
}

func TestRefusalsOfAMessage(t *testing.T) {
	cases := []struct {
		name    string
		to, key string
		msg     any
		kind    fault.Kind
		code    string
	}{
		{"unknown kind", "nobody", "k", 1, fault.NotFound, "unknown_kind"},
		{"empty key", "a", "", 1, fault.Invalid, "bad_actor_key"},
		{"long key", "a", strings.Repeat("k", 513), 1, fault.Invalid, "bad_actor_key"},
		{"panic", "a", "k", "panic", fault.Internal, "actor_panicked"},
		{"no answer", "a", "k", "silence", fault.Internal, "unanswered"},
		{"activation gives a fault", "unloadable", "fault", 1, fault.NotFound, "no_room"},
		{"activation gives an error", "unloadable", "error", 1, fault.Unavailable, "activation_failed"},
		{"activation panics", "unloadable", "panic", 1, fault.Internal, "actor_panicked"},
		{"activation takes too long", "unloadable", "slow", 1, fault.Unavailable, "activation_failed"},
		{"activation gives nothing", "unloadable", "nothing", 1, fault.Internal, "no_actor"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := refusing(t, time.Second)
				_, err := ask(t, n, c.to, c.key, c.msg)
				wantFault(t, err, c.kind, c.code)
				synctest.Wait()
				if c.to == "unloadable" && n.Active() != 0 {
					t.Errorf("%d active after a failed activation", n.Active())
				}
			})
		})
	}
}

// TestAMessageIsTheCauseOfOneActivation: what cannot be activated is tried once for each message, however
// soon it fails, or three tries for one message would put the actor to rest.
func TestAMessageIsTheCauseOfOneActivation(t *testing.T) {
	t.Parallel()
	var tries atomic.Int64
	n := start(t, cluster.Config{}, cluster.Kind{Name: "away", Activate: func(context.Context, cluster.Activation) (cluster.Actor, error) {
		tries.Add(1)
		return nil, fault.New(fault.NotFound, "no_room", "no such room")
	}})
	const askers, each = 8, 500
	var all sync.WaitGroup
	for i := range askers {
		all.Go(func() {
			for j := range each {
				if _, err := ask(t, n, "away", fmt.Sprint(i, "-", j), 1); fault.CodeOf(err) != "no_room" {
					t.Errorf("%v", err)
				}
			}
		})
	}
	all.Wait()
	if got := tries.Load(); got != askers*each {
		t.Errorf("%d messages were the cause of %d activations", askers*each, got)
	}
}

func TestRefusalsByCircumstance(t *testing.T) {
	cases := []struct {
		name string
		// make brings the circumstance about and gives the error of the message that meets it.
		make func(t *testing.T, n *cluster.Node) error
		kind fault.Kind
		code string
	}{
		{"full mailbox", fullMailbox, fault.Exhausted, "mailbox_full"},
		{"deadline passed while queued", timedOut, fault.Timeout, "deadline_exceeded"},
		{"default deadline", unlimited, fault.Timeout, "deadline_exceeded"},
		{"asker cancelled", cancelled, fault.Timeout, "abandoned"},
		{"context already ended", endedContext, fault.Timeout, "deadline_exceeded"},
		{"answer of another type", otherType, fault.Internal, "bad_reply"},
		{"quarantined", afterPanics, fault.Unavailable, "quarantined"},
		{"draining", drained, fault.Unavailable, "draining"},
		{"closed", closed, fault.Unavailable, "closed"},
		{"closed while waiting", closedWhileWaiting, fault.Unavailable, "closed"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := refusing(t, time.Minute)
				wantFault(t, c.make(t, n), c.kind, c.code)
			})
		})
	}
}

func plain(t *testing.T, n *cluster.Node) error {
	t.Helper()
	_, err := ask(t, n, "a", "k", 1)
	return err
}

func fullMailbox(t *testing.T, n *cluster.Node) error {
	t.Helper()
	mustTell(t, n, "a", "k", "block")
	synctest.Wait()
	for range 4 {
		mustTell(t, n, "a", "k", "fill")
	}
	return plain(t, n)
}

// queued asks a blocked actor something that would panic. What the actor does once it is free shows whether
// a message that nobody waits for is executed.
func queued(ctx context.Context, t *testing.T, n *cluster.Node) error {
	t.Helper()
	mustTell(t, n, "a", "k", "block")
	_, err := cluster.Ask[any](ctx, n, "a", "k", "panic")
	time.Sleep(2 * time.Minute)
	synctest.Wait()
	if n.Active() != 1 {
		t.Error("the message was executed: its panic ended the actor")
	}
	return err
}

func unlimited(t *testing.T, n *cluster.Node) error {
	t.Helper()
	return queued(t.Context(), t, n)
}

func timedOut(t *testing.T, n *cluster.Node) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	return queued(ctx, t, n)
}

func cancelled(t *testing.T, n *cluster.Node) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Second, cancel)
	return queued(ctx, t, n)
}

func endedContext(t *testing.T, n *cluster.Node) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), -1)
	defer cancel()
	_, err := cluster.Ask[any](ctx, n, "a", "k", "panic")
	return err
}

func otherType(t *testing.T, n *cluster.Node) error {
	t.Helper()
	_, err := cluster.Ask[string](t.Context(), n, "a", "k", 1)
	return err
}

func afterPanics(t *testing.T, n *cluster.Node) error {
	t.Helper()
	for range 3 {
		_, _ = ask(t, n, "a", "k", "panic")
	}
	return plain(t, n)
}

func drained(t *testing.T, n *cluster.Node) error {
	t.Helper()
	if err := n.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	return plain(t, n)
}

func closed(t *testing.T, n *cluster.Node) error {
	t.Helper()
	n.Close()
	return plain(t, n)
}

func closedWhileWaiting(t *testing.T, n *cluster.Node) error {
	t.Helper()
	mustTell(t, n, "a", "k", "block")
	time.AfterFunc(time.Second, n.Close)
	return plain(t, n)
}
