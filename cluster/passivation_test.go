package cluster_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/fault"
)

const ms = time.Millisecond

// sleeper counts its lives and flushes.
type sleeper struct {
	*records
	turn turnFunc
}

type records struct {
	lives   int
	flushes []time.Duration
	fail    error
	begin   time.Time
}

func (s sleeper) Receive(t *cluster.Turn, msg any) { s.turn(t, msg) }

func (s sleeper) Passivate(context.Context) error {
	s.flushes = append(s.flushes, time.Since(s.begin))
	return s.fail
}

// sleepers is a node whose one kind is idle after a second; r is only to be read when nothing runs.
func sleepers(t *testing.T, turn turnFunc) (n *cluster.Node, r *records) {
	t.Helper()
	r = &records{begin: time.Now()}
	return start(t, cluster.Config{}, cluster.Kind{
		Name: "a", Idle: time.Second,
		Activate: func(context.Context, cluster.Activation) (cluster.Actor, error) {
			r.lives++
			return sleeper{r, turn}, nil
		},
	}), r
}

func TestIdleness(t *testing.T) {
	cases := []struct {
		name  string
		first string
		// then says when more messages come.
		then []time.Duration
		// want says when the actor is flushed within ten seconds.
		want []time.Duration
	}{
		{"no message", "x", nil, []time.Duration{1000 * ms}},
		{"messages keep it", "x", []time.Duration{900 * ms, 1800 * ms, 2700 * ms}, []time.Duration{3700 * ms}},
		{"it comes back", "x", []time.Duration{5000 * ms}, []time.Duration{1000 * ms, 6000 * ms}},
		{"timers do not keep it", "tick", nil, []time.Duration{1000 * ms}},
		{"work keeps it", "work", nil, []time.Duration{3500 * ms}},
		{"an await keeps it", "await", nil, []time.Duration{3500 * ms}},
		{"a pin keeps it until it is gone", "pin", nil, []time.Duration{6000 * ms}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, r := sleepers(t, keepBusy)
				mustTell(t, n, "a", "k", c.first)
				for _, at := range c.then {
					time.Sleep(time.Until(r.begin.Add(at)))
					mustTell(t, n, "a", "k", "x")
				}
				time.Sleep(time.Until(r.begin.Add(10 * time.Second)))
				if n.Active() != 0 {
					t.Errorf("%d still active", n.Active())
				}
				synctest.Wait()
				if !slices.EqualFunc(r.flushes, c.want, soonAfter) {
					t.Errorf("flushed at %v, want %v", r.flushes, c.want)
				}
			})
		})
	}
}

// soonAfter allows what the grain of the clock adds.
func soonAfter(got, want time.Duration) bool { return got >= want && got <= want+20*ms }

// keepBusy does what a message names.
func keepBusy(t *cluster.Turn, msg any) {
	work := func(context.Context) (any, error) { time.Sleep(2500 * time.Millisecond); return nil, nil }
	switch msg {
	case "tick":
		t.After(100*time.Millisecond, "tick")
	case "work":
		t.Pipe(work, nil)
	case "await":
		t.Await(work, nil)
	case "pin":
		t.Pin(true)
		t.After(5500*time.Millisecond, "unpin")
	case "unpin":
		t.Pin(false)
	}
}

func TestFailedFlush(t *testing.T) {
	cases := []struct {
		name          string
		fail          error
		flushes, left int
	}{
		{"the actor goes on and tries again", errors.New("disk full"), 3, 1},
		{"a fenced actor ends", fault.New(fault.Fenced, "stale_epoch", "a newer owner wrote"), 1, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, r := sleepers(t, keepBusy)
				r.fail = c.fail
				mustTell(t, n, "a", "k", "x")
				time.Sleep(3500 * time.Millisecond)
				synctest.Wait()
				if len(r.flushes) != c.flushes || n.Active() != c.left || r.lives != 1 {
					t.Errorf("%d flushes, %d active, %d lives; want %d, %d, 1",
						len(r.flushes), n.Active(), r.lives, c.flushes, c.left)
				}
			})
		})
	}
}

func TestMessagesDuringAFlushReachTheNextLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _ := sleepers(t, func(t *cluster.Turn, msg any) { t.Reply(msg) })
		for i := range 20 {
			if got := mustAsk(t, n, "a", "k", i); got != i {
				t.Fatalf("got %v, want %v", got, i)
			}
			// Closer and closer to the moment of passivation, before and after it.
			time.Sleep(time.Second + time.Duration(i-10)*2*time.Millisecond)
		}
	})
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, r := sleepers(t, func(t *cluster.Turn, msg any) {
			t.Pin(true)
			t.Await(func(context.Context) (any, error) { time.Sleep(time.Second); return nil, nil },
				func(t *cluster.Turn, _ any, _ error) { t.Reply(msg) })
		})
		answers := make(chan any, 3)
		for i := range 3 {
			go func() { v, _ := ask(t, n, "a", "k", i); answers <- v }()
		}
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		wantFault(t, n.Drain(short), fault.Timeout, "drain_unfinished")
		if err := n.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(r.begin); d != 3*time.Second {
			t.Errorf("drained after %v, want 3s: every accepted message is finished", d)
		}
		for range 3 {
			if v := <-answers; v == nil {
				t.Error("an accepted message was not answered")
			}
		}
		if len(r.flushes) != 1 || n.Active() != 0 {
			t.Errorf("%d flushes, %d active; want 1 and 0", len(r.flushes), n.Active())
		}
	})
}

// TestStopInADrain has an actor give up on its state while messages wait and the node drains: they are
// refused, not executed.
func TestStopInADrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var executed []any
		n, r := sleepers(t, func(t *cluster.Turn, msg any) {
			executed = append(executed, msg)
			t.Await(func(context.Context) (any, error) { time.Sleep(time.Second); return nil, nil },
				func(t *cluster.Turn, _ any, _ error) {
					if msg == 1 {
						t.Stop()
					}
					t.Reply(msg)
				})
		})
		answers := make(chan error, 4)
		for i := range 4 {
			go func() { _, err := ask(t, n, "a", "k", i); answers <- err }()
			synctest.Wait()
		}
		if err := n.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		refused := 0
		for range 4 {
			if err := <-answers; err != nil {
				wantDraining(t, err)
				refused++
			}
		}
		if !slices.Equal(executed, []any{0, 1}) || refused != 2 || len(r.flushes) != 1 {
			t.Errorf("executed %v, %d refused, %d flushes", executed, refused, len(r.flushes))
		}
	})
}

func TestDrainWaitsForOwedAnswers(t *testing.T) {
	cases := []struct {
		name string
		// answer is what the actor does with the Reply.
		answer func(t *cluster.Turn, r cluster.Reply)
		took   time.Duration
		code   string
	}{
		{"answered at a later tick", func(t *cluster.Turn, r cluster.Reply) { t.After(time.Second, r) }, time.Second, ""},
		{"answered outside a turn", func(_ *cluster.Turn, r cluster.Reply) {
			time.AfterFunc(time.Second, func() { r.Send("late") })
		}, time.Second, ""},
		{"never answered", func(*cluster.Turn, cluster.Reply) {}, 5 * time.Second, "deadline_exceeded"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, r := sleepers(t, func(t *cluster.Turn, msg any) {
					if r, ok := msg.(cluster.Reply); ok {
						r.Send("ticked")
						return
					}
					c.answer(t, t.Later())
				})
				err := make(chan error, 1)
				go func() { _, e := ask(t, n, "a", "k", "x"); err <- e }()
				synctest.Wait()
				if e := n.Drain(t.Context()); e != nil {
					t.Fatal(e)
				}
				if d := time.Since(r.begin); d < c.took || d > c.took+50*time.Millisecond {
					t.Errorf("drained after %v, want %v", d, c.took)
				}
				if e := <-err; fault.CodeOf(e) != c.code {
					t.Errorf("answered %v, want %q", e, c.code)
				}
			})
		})
	}
}

func TestCloseDropsWithoutFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, r := sleepers(t, keepBusy)
		mustTell(t, n, "a", "k", "x")
		synctest.Wait()
		mustTell(t, n, "a", "busy", "await")
		synctest.Wait()
		n.Close()
		n.Close()
		if len(r.flushes) != 0 || n.Active() != 0 {
			t.Errorf("%d flushes, %d active; want none", len(r.flushes), n.Active())
		}
	})
}
