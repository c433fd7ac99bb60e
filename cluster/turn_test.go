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
	"github.com/barrage-live/barrage/internal/fault"
)

func TestOrderOfOneSender(t *testing.T) {
	type from struct{ sender, n int }
	const senders, each = 8, 2000
	last := map[int]int{}
	var wrong int
	n := start(t, cluster.Config{}, cluster.Kind{
		Name: "a", Idle: time.Millisecond, Mailbox: senders*each + 1,
		Activate: func(context.Context, cluster.Activation) (cluster.Actor, error) {
			return turnFunc(func(t *cluster.Turn, msg any) {
				switch m := msg.(type) {
				case from:
					if m.n != last[m.sender]+1 {
						wrong++
					}
					last[m.sender] = m.n
					if m.n%100 == 0 {
						t.Stop()
					}
				default:
					t.Reply(wrong)
				}
			}), nil
		},
	})
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for i := range each {
				if err := cluster.Tell(n, "a", "k", from{s, i + 1}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if wrong := mustAsk(t, n, "a", "k", "wrong"); wrong != 0 {
		t.Errorf("%v messages out of order", wrong)
	}
	for s := range senders {
		if last[s] != each {
			t.Errorf("sender %d: %d of %d received", s, last[s], each)
		}
	}
}

// scribe writes down what happens to it.
type scribe struct{ journal }

func (s *scribe) Start(t *cluster.Turn) { s.add("start") }

func (s *scribe) Receive(t *cluster.Turn, msg any) {
	wait := func(d time.Duration, name string) func(context.Context) (any, error) {
		return func(context.Context) (any, error) {
			time.Sleep(d)
			return name, nil
		}
	}
	done := func(t *cluster.Turn, v any, err error) {
		s.add("%v done", v)
		t.Reply(fmt.Sprint(v))
	}
	s.add("%v", msg)
	switch msg {
	case "await":
		t.Await(wait(time.Second, "await"), done)
	case "two awaits":
		t.Await(wait(2*time.Second, "slow"), done)
		t.Await(wait(time.Second, "fast"), done)
	case "chain":
		t.Await(wait(time.Second, "one"), func(t *cluster.Turn, v any, _ error) {
			s.add("%v done", v)
			t.Await(wait(time.Second, "two"), done)
		})
	case "pipe":
		t.Pipe(wait(time.Second, "pipe"), done)
	case "timer":
		t.After(500*time.Millisecond, "tick")
		t.Reply("ok")
	case "journal":
		t.Reply(slices.Clone(s.lines))
	default:
		t.Reply(msg)
	}
}

func scribes() cluster.Kind {
	return cluster.Kind{
		Name:     "scribe",
		Activate: func(context.Context, cluster.Activation) (cluster.Actor, error) { return &scribe{}, nil },
	}
}

func TestWhatWaitsForWork(t *testing.T) {
	cases := []struct {
		name  string
		tells []string
		want  []string
	}{
		{"a message waits for an await", []string{"await", "x"}, []string{"start", "await", "await done", "x"}},
		{"a message passes a pipe", []string{"pipe", "x"}, []string{"start", "pipe", "x", "pipe done"}},
		{"a timer waits for an await", []string{"timer", "await", "x"}, []string{"start", "timer", "await", "await done", "tick", "x"}},
		{"a timer passes a pipe", []string{"timer", "pipe", "x"}, []string{"start", "timer", "pipe", "x", "tick", "pipe done"}},
		{"a pipe waits for an await", []string{"pipe", "chain", "x"}, []string{"start", "pipe", "chain", "one done", "two done", "pipe done", "x"}},
		{"two awaits run at once", []string{"two awaits", "x"}, []string{"start", "two awaits", "fast done", "slow done", "x"}},
		{"an await in a done function", []string{"chain", "x"}, []string{"start", "chain", "one done", "two done", "x"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := start(t, cluster.Config{}, scribes())
				begin := time.Now()
				for _, msg := range c.tells {
					mustTell(t, n, "scribe", "k", msg)
				}
				time.Sleep(4 * time.Second)
				got := mustAsk(t, n, "scribe", "k", "journal").([]string)
				if got = got[:len(got)-1]; !slices.Equal(got, c.want) {
					t.Errorf("got  %q\nwant %q", got, c.want)
				}
				if d := time.Since(begin); d != 4*time.Second {
					t.Errorf("answered after %v", d)
				}
			})
		})
	}
}

func TestDoneAnswersTheAskThatStartedTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, cluster.Config{}, scribes())
		for _, msg := range []string{"await", "pipe", "chain"} {
			want := msg
			if msg == "chain" {
				want = "two"
			}
			if got := mustAsk(t, n, "scribe", "k", msg); got != want {
				t.Errorf("%s: answered %v, want %v", msg, got, want)
			}
		}
	})
}

func TestWorkFaultsReachDone(t *testing.T) {
	errWork := errors.New("no such row")
	report := func(t *cluster.Turn, _ any, err error) { t.Fail(err) }
	n := start(t, cluster.Config{Workers: 1, Backlog: 1}, kindOf("a", func(t *cluster.Turn, msg any) {
		switch msg {
		case "error":
			t.Await(func(context.Context) (any, error) { return nil, errWork }, report)
		case "panic":
			t.Await(func(context.Context) (any, error) { panic("as told") }, report)
		case "crowd":
			later, failed := t.Later(), 0
			hold := make(chan struct{})
			for range 3 {
				t.Pipe(func(context.Context) (any, error) { <-hold; return nil, nil }, func(t *cluster.Turn, _ any, err error) {
					if failed++; err != nil {
						close(hold)
						later.Fail(err)
					}
				})
			}
		}
	}))
	_, err := ask(t, n, "a", "k", "error")
	if !errors.Is(err, errWork) {
		t.Errorf("error: %v", err)
	}
	_, err = ask(t, n, "a", "k", "panic")
	wantFault(t, err, fault.Internal, "work_panicked")
	_, err = ask(t, n, "a", "k", "crowd")
	wantFault(t, err, fault.Exhausted, "workers_busy")
}

func TestLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var waiting []cluster.Reply
		n := start(t, cluster.Config{}, kindOf("a", func(t *cluster.Turn, msg any) {
			if msg != "all" {
				waiting = append(waiting, t.Later())
				return
			}
			for i, r := range waiting {
				r.Send(i)
				r.Send("only the first counts")
			}
			t.Reply("done")
		}))
		mustTell(t, n, "a", "k", "a tell needs no answer")
		var wg sync.WaitGroup
		got := make([]any, 5)
		for i := range got {
			wg.Go(func() { got[i] = mustAsk(t, n, "a", "k", "wait") })
			synctest.Wait()
		}
		mustAsk(t, n, "a", "k", "all")
		wg.Wait()
		if want := []any{1, 2, 3, 4, 5}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ticks []time.Duration
		begin := time.Now()
		n := start(t, cluster.Config{}, kindOf("a", func(t *cluster.Turn, msg any) {
			switch msg {
			case "begin":
				t.Pin(true)
				t.After(100*time.Millisecond, "tick")
				stopped := t.After(50*time.Millisecond, "never")
				t.After(50*time.Millisecond, "stop").Stop()
				t.After(20*time.Millisecond, stopped)
			case "tick":
				ticks = append(ticks, t.Now().Sub(begin))
				if len(ticks) < 36_000 {
					t.After(100*time.Millisecond, "tick")
				}
			case "never", "stop":
				ticks = append(ticks, -1)
			}
			if timer, ok := msg.(cluster.Timer); ok {
				timer.Stop()
				timer.Stop()
			}
		}))
		mustTell(t, n, "a", "k", "begin")
		time.Sleep(time.Hour + time.Minute)
		synctest.Wait()
		if len(ticks) != 36_000 || ticks[0] != 100*time.Millisecond || ticks[35_999] != time.Hour {
			t.Fatalf("%d ticks, the first at %v, the last at %v", len(ticks), ticks[0], ticks[len(ticks)-1])
		}
	})
}

func TestStopActivatesAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lives := 0
		n := start(t, cluster.Config{}, cluster.Kind{
			Name: "a",
			Activate: func(context.Context, cluster.Activation) (cluster.Actor, error) {
				lives++
				life := lives
				return turnFunc(func(t *cluster.Turn, msg any) {
					if msg == "stop" {
						t.Stop()
						t.Pipe(func(context.Context) (any, error) { time.Sleep(time.Second); return life, nil },
							func(t *cluster.Turn, v any, _ error) { t.Reply(v) })
						return
					}
					t.Reply(life)
				}), nil
			},
		})
		var wg sync.WaitGroup
		wg.Go(func() {
			if got := mustAsk(t, n, "a", "k", "stop"); got != 1 {
				t.Errorf("the work of the stopping life answered %v", got)
			}
		})
		synctest.Wait()
		if got := mustAsk(t, n, "a", "k", "who"); got != 2 {
			t.Errorf("a message behind Stop was received by life %v", got)
		}
		wg.Wait()
	})
}

func TestTurnKnowsItsPlace(t *testing.T) {
	n := start(t, cluster.Config{}, kindOf("a", func(t *cluster.Turn, _ any) {
		t.Log().Info("silent")
		t.Reply(fmt.Sprintf("%s %d", t.Key(), t.Fence()))
	}))
	if got, want := mustAsk(t, n, "a", "k", 1), fmt.Sprintf("k {%d 1}", n.Epoch()); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
