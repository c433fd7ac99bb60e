package cluster_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/fault"
)

func TestAPanicLosesTheStateAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type put struct{ n int }
		var log bytes.Buffer
		n := start(t, cluster.Config{
			Log: slog.New(slog.NewTextHandler(&log, nil)),
		}, cluster.Kind{
			Name: "a",
			Activate: func(context.Context, cluster.Activation) (cluster.Actor, error) {
				sum := 0
				return turnFunc(func(t *cluster.Turn, msg any) {
					if p, ok := msg.(put); ok {
						sum += p.n
						t.Reply(sum)
						return
					}
					t.After(0, put{1000})
					panic("as told")
				}), nil
			},
		})
		mustAsk(t, n, "a", "k", put{1})
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := ask(t, n, "a", "k", "panic")
			wantFault(t, err, fault.Internal, "actor_panicked")
		})
		wg.Go(func() {
			if got := mustAsk(t, n, "a", "other", put{7}); got != 7 {
				t.Errorf("another actor answered %v", got)
			}
		})
		wg.Wait()
		if got := mustAsk(t, n, "a", "k", put{2}); got != 2 {
			t.Errorf("after the panic: %v, want 2: fresh state, no timer of the old one", got)
		}
		for _, want := range []string{"as told", "kind=a", "key=k", "message_type=string", "crash_test.go"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log does not tell %q:\n%s", want, log.String())
			}
		}
	})
}

func TestTheNextLifeWaitsForTheWorksOfTheCrashedOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []string
		n := start(t, cluster.Config{}, cluster.Kind{
			Name: "a",
			Activate: func(context.Context, cluster.Activation) (cluster.Actor, error) {
				events = append(events, "load")
				return turnFunc(func(t *cluster.Turn, msg any) {
					switch msg {
					case "write":
						t.Pipe(func(context.Context) (any, error) {
							time.Sleep(time.Second)
							events = append(events, "written")
							return nil, nil
						}, func(t *cluster.Turn, _ any, _ error) { t.Reply("written") })
					case "panic":
						panic("as told")
					default:
						t.Reply(msg)
					}
				}), nil
			},
		})
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := ask(t, n, "a", "k", "write")
			wantFault(t, err, fault.Internal, "activation_ended")
		})
		synctest.Wait()
		_, err := ask(t, n, "a", "k", "panic")
		wantFault(t, err, fault.Internal, "actor_panicked")
		mustAsk(t, n, "a", "k", "next")
		wg.Wait()
		if want := []string{"load", "written", "load"}; !slices.Equal(events, want) {
			t.Errorf("got %v, want %v", events, want)
		}
	})
}

func TestWhoWaitsForALaterReplyIsToldOfTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kept []cluster.Reply
		n := start(t, cluster.Config{}, kindOf("a", func(t *cluster.Turn, msg any) {
			switch msg {
			case "panic":
				panic("as told")
			case "answer":
				kept[0].Send("answered")
				t.Reply(len(kept))
			default:
				kept = append(kept, t.Later())
			}
		}))
		var wg sync.WaitGroup
		begin := time.Now()
		answered := 0
		for range 40 {
			wg.Go(func() {
				v, err := ask(t, n, "a", "k", "wait")
				if v == "answered" {
					answered++
					return
				}
				wantFault(t, err, fault.Internal, "activation_ended")
			})
			synctest.Wait()
		}
		mustAsk(t, n, "a", "k", "answer")
		_, _ = ask(t, n, "a", "k", "panic")
		wg.Wait()
		if d := time.Since(begin); d != 0 || answered != 1 {
			t.Errorf("%d answered, all told after %v; want 1 at once", answered, d)
		}
	})
}

func TestQuarantine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, cluster.Config{}, kindOf("a", stubborn))
		for _, rest := range []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second} {
			for range 3 {
				_, err := ask(t, n, "a", "k", "panic")
				wantFault(t, err, fault.Internal, "actor_panicked")
			}
			synctest.Wait()
			_, err := ask(t, n, "a", "k", "x")
			wantFault(t, err, fault.Unavailable, "quarantined")
			if got := fault.From(err).RetryAfter; got != rest {
				t.Errorf("retry after %v, want %v", got, rest)
			}
			mustAsk(t, n, "a", "sound", "x")
			time.Sleep(rest)
			mustAsk(t, n, "a", "k", "x")
		}
	})
}

func TestPanicsOutsideReceive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, cluster.Config{}, cluster.Kind{
			Name: "a", Idle: time.Second,
			Activate: func(_ context.Context, a cluster.Activation) (cluster.Actor, error) { return fragile{a.Key}, nil },
		})
		_, err := ask(t, n, "a", "done", "x")
		wantFault(t, err, fault.Internal, "actor_panicked")
		if got := mustAsk(t, n, "a", "passivate", "x"); got != "x" {
			t.Errorf("got %v", got)
		}
		time.Sleep(3 * time.Second)
		if n.Active() != 1 {
			t.Errorf("%d active, want the one whose flush panics", n.Active())
		}
		_, err = ask(t, n, "a", "start", "x")
		wantFault(t, err, fault.Unavailable, "quarantined")
	})
}

// fragile panics where its key says.
type fragile struct{ where string }

func (f fragile) Start(*cluster.Turn) {
	if f.where == "start" {
		panic("as told")
	}
}

func (f fragile) Receive(t *cluster.Turn, msg any) {
	if f.where == "done" {
		t.Await(func(context.Context) (any, error) { return nil, nil },
			func(*cluster.Turn, any, error) { panic("as told") })
		return
	}
	t.Reply(msg)
}

func (f fragile) Passivate(context.Context) error {
	if f.where == "passivate" {
		panic("as told")
	}
	return nil
}
