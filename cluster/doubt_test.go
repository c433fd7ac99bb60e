package cluster_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/cluster/coordination"
)

// TestWorkThatWaitedForAWorker: by the time a worker is free, the lease may be in doubt, or another one.
// Then the work is not done.
func TestWorkThatWaitedForAWorker(t *testing.T) {
	for name, trouble := range map[string]func(s *scripted) (mend func()){
		"in doubt": func(s *scripted) func() { return s.freeze() },
		"another lease": func(s *scripted) func() {
			s.fail("renew", coordination.ErrLeaseLost)
			time.AfterFunc(4*time.Second, func() { s.fail("renew", nil) })
			return func() {}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := script(t)
				var done atomic.Int64
				worker := func(turn *cluster.Turn, msg any) {
					turn.Pipe(func(context.Context) (any, error) {
						if msg == "long" {
							time.Sleep(12 * time.Second)
						} else {
							done.Add(1)
						}
						return nil, nil
					}, func(turn *cluster.Turn, _ any, err error) {
						if err != nil {
							turn.Fail(err)
							return
						}
						turn.Reply(nil)
					})
				}
				n := start(t, cluster.Config{Coordination: store, Workers: 1}, kindOf("a", worker))
				mustAsk(t, n, "a", "k", "short")
				renewed(store)
				mustTell(t, n, "a", "k", "long")
				time.Sleep(10 * time.Millisecond) // it has the worker
				mustTell(t, n, "a", "l", "short")
				mend := trouble(store)
				time.Sleep(13 * time.Second)
				if got := done.Load(); got != 1 {
					t.Errorf("%d works were done, one of them late", got)
				}
				mend()
				time.Sleep(20 * time.Second)
				mustAsk(t, n, "a", "m", "short")
			})
		})
	}
}

// flushing is an actor that counts its flushes; "slow" takes its time to load.
type flushing struct{ flushes *atomic.Int64 }

func (f *flushing) Receive(t *cluster.Turn, msg any) {
	if msg == "stop" {
		t.Stop()
	}
	t.Reply(nil)
}

func (f *flushing) Passivate(context.Context) error {
	f.flushes.Add(1)
	return nil
}

// TestFlushThatWaitedForAWorker is the same for the flush of an activation.
func TestFlushThatWaitedForAWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := script(t)
		var flushes atomic.Int64
		n := start(t, cluster.Config{Coordination: store, Workers: 1}, cluster.Kind{
			Name: "a", Activate: func(_ context.Context, a cluster.Activation) (cluster.Actor, error) {
				if a.Key == "slow" {
					time.Sleep(12 * time.Second)
				}
				return &flushing{&flushes}, nil
			},
		})
		mustAsk(t, n, "a", "k", 1)
		renewed(store)
		mustTell(t, n, "a", "slow", 1)
		time.Sleep(10 * time.Millisecond)
		mustTell(t, n, "a", "k", "stop")
		thaw := store.freeze()
		time.Sleep(13 * time.Second)
		if got := flushes.Load(); got != 0 {
			t.Errorf("%d flushes in doubt", got)
		}
		thaw()
		time.Sleep(20 * time.Second)
		mustAsk(t, n, "a", "k", 1)
	})
}
