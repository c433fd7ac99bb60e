package cluster_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/cluster/coordination"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

func echo(t *cluster.Turn, msg any) { t.Reply(msg) }

// remembering counts its messages in memory, so that a life that ended shows.
func remembering() cluster.Kind {
	return cluster.Kind{Name: "memory", Idle: -1, Activate: func(context.Context, cluster.Activation) (cluster.Actor, error) {
		n := 0
		return turnFunc(func(t *cluster.Turn, msg any) {
			if msg == "block" {
				stubborn(t, msg)
				return
			}
			n++
			t.Reply(n)
		}), nil
	}}
}

func TestLeaseIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := script(t)
		n := start(t, cluster.Config{Coordination: store}, kindOf("a", echo))
		time.Sleep(time.Hour)
		mustAsk(t, n, "a", "k", 1)
		if got := store.called("renew"); got < 1000 || got > 1100 {
			t.Errorf("%d renewals in an hour of a lease of %v", got, ttl)
		}
	})
}

// TestOutagesOfTheCoordinationStore has the store misbehave in one way for a while, right after a renewal,
// with an actor asked every 100 ms. What the actor remembers must last for as long as the lease does; after
// that the node is there again by itself.
func TestOutagesOfTheCoordinationStore(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(s *scripted)
		for_ time.Duration
		// refused bounds for how long messages are refused, lost says that the ownership is another one
		// afterwards.
		refused [2]time.Duration
		lost    bool
	}{
		{"one renewal hangs", func(s *scripted) { hangOnce(s, true) }, 30 * time.Second, [2]time.Duration{}, false},
		{"one renewal hangs longer than it may", func(s *scripted) { hangOnce(s, false) }, 30 * time.Second, [2]time.Duration{}, false},
		{"every other renewal fails", func(s *scripted) {
			s.on("renew", func(_ context.Context, call int) error { return []error{errors.New("as told"), nil}[call%2] })
		}, time.Minute, [2]time.Duration{}, false},
		{"away for less than the trust", func(s *scripted) { s.away(true) }, 7 * time.Second, [2]time.Duration{}, false},
		{"away for 0.9 of the lease", func(s *scripted) { s.away(true) }, 9 * time.Second, [2]time.Duration{0, 600 * time.Millisecond}, false},
		{"away for 1.5 of the lease", func(s *scripted) { s.away(true) }, 15 * time.Second, [2]time.Duration{6 * time.Second, 7 * time.Second}, true},
		{
			"frozen for twice the lease", func(s *scripted) { thaw := s.freeze(); time.AfterFunc(20*time.Second, thaw) }, 20 * time.Second,
			[2]time.Duration{11 * time.Second, 12 * time.Second},
			true,
		},
		{"the lease is lost for certain", func(s *scripted) { s.fail("renew", coordination.ErrLeaseLost) }, 4 * time.Second, [2]time.Duration{}, true},
		{"nobody may join at once", func(s *scripted) {
			s.fail("renew", coordination.ErrLeaseLost)
			s.on("join", func(_ context.Context, call int) error {
				return []error{nil, nil, errors.New("as told"), coordination.ErrNodeJoined, nil}[min(call, 4)]
			})
		}, 4 * time.Second, [2]time.Duration{0, time.Second}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := script(t)
				r := prometheus.NewRegistry()
				n := start(t, cluster.Config{Coordination: store, Metrics: cluster.NewMetrics(r)}, remembering())
				mustAsk(t, n, "memory", "k", 1)
				epoch := n.Epoch()
				renewed(store)
				c.do(store)
				time.AfterFunc(c.for_, func() { store.away(false) })
				refused, answered := askFor(t, n, c.for_+5*time.Second)
				if refused < c.refused[0] || refused > c.refused[1] {
					t.Errorf("refused for %v, want %v", refused, c.refused)
				}
				again := mustAsk(t, n, "memory", "k", 1).(int)
				if lost := n.Epoch() != epoch; lost != c.lost || lost != (again < answered+2) {
					t.Errorf("epoch %d after %d, the actor remembers %d messages; want that the ownership is lost: %v", n.Epoch(), epoch, again, c.lost)
				}
				if got := gauge(t, r, "barrage_cluster_suspended"); got != 0 {
					t.Errorf("the gauge of suspended nodes is %v in the end", got)
				}
			})
		})
	}
}

// hangOnce has the next renewal hang, until its context ends or far longer.
func hangOnce(s *scripted, polite bool) {
	var once sync.Once
	s.on("renew", func(ctx context.Context, _ int) (err error) {
		once.Do(func() {
			if polite {
				<-ctx.Done()
				err = ctx.Err()
				return
			}
			err = errors.New("too late")
		})
		if err != nil && !polite {
			time.Sleep(20 * time.Second)
		}
		return err
	})
}

// renewed returns right after the next renewal.
func renewed(s *scripted) {
	for before := s.called("renew"); s.called("renew") == before; {
		time.Sleep(time.Millisecond)
	}
	synctest.Wait()
}

// askFor asks every 100 ms for a while and tells for how long it was refused, and how many were answered.
// Nothing else but "suspended" may come.
func askFor(t *testing.T, n *cluster.Node, d time.Duration) (refused time.Duration, answered int) {
	t.Helper()
	begin := time.Now()
	var first, last time.Time
	for time.Since(begin) < d {
		_, err := ask(t, n, "memory", "k", 1)
		if err != nil {
			wantFault(t, err, fault.Unavailable, "suspended")
			if first.IsZero() {
				first = time.Now()
			}
			last = time.Now()
		} else {
			answered++
		}
		time.Sleep(100 * time.Millisecond)
	}
	return last.Sub(first), answered
}

// gauge reads a figure without labels.
func gauge(t *testing.T, r *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no %s", name)
	return 0
}

// TestMessagesWaitForAShortDoubt: what comes in doubt is held, in its order, and executed when the doubt is
// over within a second.
func TestMessagesWaitForAShortDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := script(t)
		var got []any
		n := start(t, cluster.Config{Coordination: store}, kindOf("a", func(t *cluster.Turn, msg any) {
			got = append(got, msg)
			t.Reply(msg)
		}))
		mustAsk(t, n, "a", "k", 0)
		renewed(store)
		store.away(true)
		time.Sleep(8*time.Second + 100*time.Millisecond)
		var answers [5]told
		for i := range answers {
			cluster.AskFunc(n, time.Time{}, "a", "k", i, answers[i].tell(time.Now()))
		}
		time.Sleep(500 * time.Millisecond)
		if len(got) != 1 {
			t.Errorf("executed in doubt: %v", got)
		}
		store.away(false)
		time.Sleep(time.Second)
		synctest.Wait()
		for i, a := range answers {
			if a.err != nil || a.value != i || a.after > time.Second {
				t.Errorf("message %d: %+v", i, a)
			}
		}
		if want := []any{0, 0, 1, 2, 3, 4}; !slices.Equal(got, want) {
			t.Errorf("executed %v, want %v", got, want)
		}
	})
}

// TestMessagesAreRefusedInALongDoubt: nobody is left to a deadline. Who came early in the doubt is told
// after a second at most, who comes later at once, and nothing of it is executed later.
func TestMessagesAreRefusedInALongDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := script(t)
		var got []any
		n := start(t, cluster.Config{Coordination: store}, kindOf("a", func(t *cluster.Turn, msg any) {
			got = append(got, msg)
			t.Reply(msg)
		}))
		mustAsk(t, n, "a", "k", 0)
		renewed(store)
		store.away(true)
		time.Sleep(8*time.Second + 100*time.Millisecond)
		var early [3]told
		for i, key := range []string{"k", "new", "k"} {
			cluster.AskFunc(n, time.Time{}, "a", key, "early", early[i].tell(time.Now()))
		}
		mustTell(t, n, "a", "k", "told")
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		for _, a := range early {
			wantFault(t, a.err, fault.Unavailable, "suspended")
			if a.after > time.Second {
				t.Errorf("told after %v", a.after)
			}
		}
		begin := time.Now()
		_, err := ask(t, n, "a", "k", "late")
		wantFault(t, err, fault.Unavailable, "suspended")
		if time.Since(begin) != 0 || fault.From(err).RetryAfter == 0 {
			t.Errorf("refused after %v: %v", time.Since(begin), fault.From(err).RetryAfter)
		}
		store.away(false)
		time.Sleep(5 * time.Second)
		mustAsk(t, n, "a", "k", "after")
		mustAsk(t, n, "a", "new", "after")
		if want := []any{0, "after", "after"}; !slices.Equal(got, want) {
			t.Errorf("executed %v, want %v", got, want)
		}
	})
}

// TestWhatWaitsWhenTheLeaseIsLost: messages that wait are executed under the next ownership; whose work was
// under way is told that the outcome is unknown.
func TestWhatWaitsWhenTheLeaseIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := script(t)
		n := start(t, cluster.Config{Coordination: store, WorkTimeout: time.Minute}, remembering())
		mustAsk(t, n, "memory", "k", 1)
		renewed(store)
		time.Sleep(3 * time.Second)
		var blocked, waiting told
		cluster.AskFunc(n, time.Time{}, "memory", "k", "block", blocked.tell(time.Now()))
		cluster.AskFunc(n, time.Time{}, "memory", "k", 1, waiting.tell(time.Now()))
		store.fail("renew", coordination.ErrLeaseLost)
		time.Sleep(time.Second)
		store.fail("renew", nil)
		synctest.Wait()
		n.Close() // the work of a kind without a fence is waited for
		wantFault(t, blocked.err, fault.Internal, "activation_ended")
		wantFault(t, waiting.err, fault.Unavailable, "closed")
	})
}

// TestTheOwnerOfALostShardIsFound: the first node does not run for twice its lease, and the second takes
// its place.
func TestTheOwnerOfALostShardIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tables := pebbletest.Open(t)
		shared := onTables(t, tables, ttl)
		store := scriptOf(shared)
		first := start(t, cluster.Config{Coordination: store, Fencer: tables}, tallyKind(tables, free))
		second := start(t, cluster.Config{Coordination: shared, Fencer: tables}, tallyKind(tables, free))
		mustAsk(t, first, "tally", "k", "add")
		_, err := ask(t, second, "tally", "k", "add")
		wantFault(t, err, fault.Unavailable, "not_owner")
		thaw := store.freeze()
		time.Sleep(2 * ttl)
		if got := mustAsk(t, second, "tally", "k", "add"); got != 2 {
			t.Errorf("the second node counts %v", got)
		}
		thaw()
		time.Sleep(ttl)
		_, err = ask(t, first, "tally", "k", "read")
		wantFault(t, err, fault.Unavailable, "not_owner")
		if first.Epoch() <= second.Epoch() {
			t.Errorf("the first node came back with epoch %d after %d", first.Epoch(), second.Epoch())
		}
		second.Close()
		time.Sleep(time.Second)
		if got := mustAsk(t, first, "tally", "k", "add"); got != 3 {
			t.Errorf("the first node counts %v once the second has gone", got)
		}
	})
}

func TestConfigFaults(t *testing.T) {
	good := kindOf("a", echo)
	fenced := tallyKind(nil, free)
	cases := []struct {
		name  string
		cfg   cluster.Config
		kinds []cluster.Kind
		code  string
	}{
		{"no store", cluster.Config{}, nil, "no_coordination"},
		{"negative workers", cluster.Config{Coordination: &scripted{}, Workers: -1}, nil, "bad_config"},
		{"nameless kind", cluster.Config{Coordination: &scripted{}}, []cluster.Kind{{Activate: good.Activate}}, "bad_kind"},
		{"kind without Activate", cluster.Config{Coordination: &scripted{}}, []cluster.Kind{{Name: "a"}}, "bad_kind"},
		{"kind twice", cluster.Config{Coordination: &scripted{}}, []cluster.Kind{good, good}, "bad_kind"},
		{"durable state without a fencer", cluster.Config{Coordination: &scripted{}}, []cluster.Kind{fenced}, "bad_kind"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			n, err := cluster.New(c.cfg)
			if err == nil {
				err = n.Start(t.Context(), c.kinds)
			}
			wantFault(t, err, fault.Invalid, c.code)
		})
	}
}
