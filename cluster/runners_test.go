package cluster

import (
	"testing"
	"testing/synctest"
)

// A goroutine is used again, more than may wait end, and none is left after close.
func TestRunners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r runners
		idle := func() int {
			synctest.Wait()
			r.mu.Lock()
			defer r.mu.Unlock()
			return len(r.mu.idle)
		}
		stop, runs := make(chan struct{}), 0
		for range maxIdleRunners + 10 {
			r.Schedule(func() { <-stop })
		}
		if n := idle(); n != 0 {
			t.Errorf("%d wait while all run", n)
		}
		close(stop)
		if n := idle(); n != maxIdleRunners {
			t.Errorf("%d wait, want %d", n, maxIdleRunners)
		}
		hold := make(chan struct{})
		r.Schedule(func() { <-hold })
		if n := idle(); n != maxIdleRunners-1 {
			t.Errorf("%d wait during a run, want %d: it was to be on one that waited", n, maxIdleRunners-1)
		}
		close(hold)
		for range 100 {
			r.Schedule(func() { runs++ })
			synctest.Wait()
		}
		if n := idle(); runs != 100 || n != maxIdleRunners {
			t.Errorf("%d of 100 were run, and %d wait", runs, n)
		}
		r.close() // the bubble fails if a goroutine is left
		r.Schedule(func() { runs++ })
		if n := idle(); n != 0 || runs != 101 {
			t.Errorf("%d wait after close, and %d of 101 were run", n, runs)
		}
	})
}
