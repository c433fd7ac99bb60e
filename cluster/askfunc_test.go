package cluster_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/fault"
)

// told collects what a done function was told.
type told struct {
	value any
	err   error
	times int
	after time.Duration
}

// tell is a done function that writes to got.
func (got *told) tell(begin time.Time) func(any, error) {
	return func(v any, err error) { *got = told{v, err, got.times + 1, time.Since(begin)} }
}

func TestAskFuncIsToldOnce(t *testing.T) {
	for _, c := range []struct {
		name      string
		kind, key string
		msg       any
		want      any
		code      string
	}{
		{"answered", "a", "k", 7, 7, ""},
		{"answered with an error", "a", "k", fault.New(fault.Conflict, "as_told", ""), nil, "as_told"},
		{"answered twice", "a", "k", "twice", 1, ""},
		{"answered later", "a", "k", "later", "late", ""},
		{"panic", "a", "k", "panic", nil, "actor_panicked"},
		{"no answer", "a", "k", "silence", nil, "unanswered"},
		{"unknown kind", "b", "k", 1, nil, "unknown_kind"},
		{"bad key", "a", "", 1, nil, "bad_actor_key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var kept cluster.Reply
				n := start(t, cluster.Config{}, kindOf("a", func(t *cluster.Turn, msg any) {
					switch msg := msg.(type) {
					case error:
						t.Fail(msg)
					case string:
						switch msg {
						case "twice":
							t.Reply(1)
							t.Reply(2)
						case "later":
							kept = t.Later()
							t.After(time.Second, "now")
						case "now":
							kept.Send("late")
						default:
							stubborn(t, msg)
						}
					default:
						t.Reply(msg)
					}
				}))
				var got told
				cluster.AskFunc(n, time.Time{}, c.kind, c.key, c.msg, got.tell(time.Now()))
				time.Sleep(2 * cluster.MaxAsk)
				synctest.Wait()
				if got.times != 1 || got.value != c.want || fault.CodeOf(got.err) != c.code {
					t.Errorf("told %+v, want %v %q once", got, c.want, c.code)
				}
			})
		})
	}
}

func TestAskFuncKeepsItsDeadline(t *testing.T) {
	for _, c := range []struct {
		name     string
		deadline time.Duration // zero: none
		after    time.Duration
	}{
		{"its own", time.Second, time.Second},
		{"none", 0, cluster.MaxAsk},
		{"too late a one", time.Hour, cluster.MaxAsk},
		{"one that has passed", -time.Second, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				executed := false
				n := start(t, cluster.Config{WorkTimeout: time.Minute}, kindOf("a", func(t *cluster.Turn, msg any) {
					executed = executed || msg == "x"
					stubborn(t, msg)
				}))
				mustTell(t, n, "a", "k", "block")
				synctest.Wait()
				var deadline time.Time
				if c.deadline != 0 {
					deadline = time.Now().Add(c.deadline)
				}
				var got told
				cluster.AskFunc(n, deadline, "a", "k", "x", got.tell(time.Now()))
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				if got.times != 1 || fault.KindOf(got.err) != fault.Timeout || got.after < c.after || got.after > c.after+10*time.Millisecond {
					t.Errorf("told %+v, want Timeout after %v", got, c.after)
				}
				if executed {
					t.Error("executed after its asker was told Timeout")
				}
			})
		})
	}
}

// TestAskFuncIsToldByANodeThatCloses has the node close between the deadline of an asker and the clock's
// next grain.
func TestAskFuncIsToldByANodeThatCloses(t *testing.T) {
	for _, wait := range []time.Duration{0, time.Second, time.Second + time.Millisecond, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			n := start(t, cluster.Config{}, kindOf("a", func(t *cluster.Turn, msg any) {
				if msg == "owe" {
					t.Later()
				} else {
					stubborn(t, msg)
				}
			}))
			var got [3]told
			deadline := time.Now().Add(time.Second)
			cluster.AskFunc(n, deadline, "a", "k", "owe", got[0].tell(time.Now()))
			cluster.AskFunc(n, deadline, "a", "k", "block", got[1].tell(time.Now()))
			cluster.AskFunc(n, deadline, "a", "k", "queued", got[2].tell(time.Now()))
			time.Sleep(wait)
			n.Close()
			for i := range got {
				if got[i].times != 1 || got[i].err == nil {
					t.Errorf("closed after %v: asker %d told %+v, want an error once", wait, i, got[i])
				}
			}
		})
	}
}

func TestAskFuncMayAskAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		n := start(t, cluster.Config{Log: slog.New(slog.NewTextHandler(&log, nil))}, kindOf("a", echo))
		left := 100
		var done func(v any, err error)
		done = func(v any, err error) {
			if left--; left > 0 && err == nil {
				cluster.AskFunc(n, time.Time{}, "a", "k", left, done)
				return
			}
			panic("done panics")
		}
		cluster.AskFunc(n, time.Time{}, "a", "k", left, done)
		synctest.Wait()
		if left != 0 {
			t.Errorf("%d asks left of a chain", left)
		}
		if got := mustAsk(t, n, "a", "k", "x"); got != "x" || !strings.Contains(log.String(), "asker panicked") {
			t.Errorf("after a done that panicked: %v, log %s", got, log.String())
		}
	})
}

// TestEveryAskFuncIsToldOnceUnderLoad mixes answers, panics, silence, passivation and deadlines, and closes
// in the middle.
func TestEveryAskFuncIsToldOnceUnderLoad(t *testing.T) {
	for round := range 8 {
		a := kindOf("a", stubborn)
		a.Idle = time.Millisecond
		n := start(t, cluster.Config{}, a)
		const askers, each = 4, 500
		var times [askers * each]atomic.Int32
		var wg sync.WaitGroup
		var asked atomic.Int32
		half := make(chan struct{})
		for i := range askers {
			rnd := rand.New(rand.NewPCG(uint64(round), uint64(i)))
			wg.Go(func() {
				for j := range each {
					msg := []any{1, 1, 1, 1, 1, "silence", "block", "panic"}[rnd.IntN(8)]
					deadline := time.Now().Add(time.Duration(rnd.IntN(20)) * time.Millisecond)
					cluster.AskFunc(n, deadline, "a", fmt.Sprint(rnd.IntN(9)), msg, func(any, error) { times[i*each+j].Add(1) })
					if asked.Add(1) == askers*each/2 {
						close(half)
					}
				}
			})
		}
		<-half
		n.Close()
		wg.Wait()
		for i := range times {
			if got := times[i].Load(); got != 1 {
				t.Fatalf("round %d: asker %d was told %d times", round, i, got)
			}
		}
	}
}

// TestAskFuncHoldsNoGoroutine has many askers wait for one actor.
func TestAskFuncHoldsNoGoroutine(t *testing.T) {
	a := kindOf("a", stubborn)
	a.Mailbox = 1 << 20
	n := start(t, cluster.Config{}, a)
	mustTell(t, n, "a", "k", "block")
	before := runtime.NumGoroutine()
	for range 10_000 {
		cluster.AskFunc(n, time.Time{}, "a", "k", 1, func(any, error) {})
	}
	if more := runtime.NumGoroutine() - before; more > 10 {
		t.Errorf("%d goroutines more for 10,000 askers", more)
	}
}

func TestAskFuncAllocates(t *testing.T) {
	n := start(t, cluster.Config{}, smalls(-1))
	mustAsk(t, n, "small", "k", nil)
	back := make(chan struct{}, 1)
	done := func(any, error) { back <- struct{}{} }
	got := testing.AllocsPerRun(2000, func() {
		cluster.AskFunc(n, time.Time{}, "small", "k", nil, done)
		<-back
	})
	if got > 4 {
		t.Errorf("%v allocations an AskFunc, budget 4", got)
	}
}

// How fast are asks that block nobody, each with its deadline on the clock?
func BenchmarkAskFunc(b *testing.B) {
	for _, flying := range []int{1, 64} {
		b.Run(fmt.Sprintf("flying=%d", flying), func(b *testing.B) {
			n := start(b, cluster.Config{}, smalls(-1))
			mustAsk(b, n, "small", "k", nil)
			free := make(chan struct{}, flying)
			done := func(any, error) { free <- struct{}{} }
			for range flying {
				free <- struct{}{}
			}
			b.ReportAllocs()
			for b.Loop() {
				<-free
				cluster.AskFunc(n, time.Time{}, "small", "k", nil, done)
			}
			for range flying {
				<-free
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "asks/s")
		})
	}
}
