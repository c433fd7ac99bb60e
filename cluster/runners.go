package cluster

import "sync"

// maxIdleRunners is how many goroutines wait for a mailbox to become busy: as many as a tick of the clock
// may wake at one moment in a busy node. With stacks of 8 KiB, which ordinary turns need, they hold 2 MiB.
const maxIdleRunners = 256

// runners is protoactor's Dispatcher: it runs each busy mailbox on a goroutine. One whose mailbox is empty
// waits for the next, because its stack has grown to what turns need; a new one would copy it there again,
// which costs more than a short turn. Beyond maxIdleRunners they end.
type runners struct {
	wg sync.WaitGroup // the runs
	mu struct {
		sync.Mutex
		idle   []*runner
		closed bool
	}
}

// runner is a goroutine and where it takes its next run from. The channel holds one: only an idle runner is
// handed a run, and so Schedule never blocks.
type runner struct{ next chan func() }

// Schedule implements actor.Dispatcher.
func (r *runners) Schedule(run func()) {
	r.wg.Add(1)
	if idle := r.take(); idle != nil {
		idle.next <- run
		return
	}
	go r.work(run)
}

// Throughput implements actor.Dispatcher: after so many messages others may run.
func (*runners) Throughput() int { return 300 }

// take gives the goroutine that became idle last, whose stack is the likeliest to be in a cache.
func (r *runners) take() *runner {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.mu.idle) - 1
	if last < 0 {
		return nil
	}
	idle := r.mu.idle[last]
	r.mu.idle[last] = nil
	r.mu.idle = r.mu.idle[:last]
	return idle
}

// work does one run after the other.
func (r *runners) work(run func()) {
	self := &runner{next: make(chan func(), 1)}
	for run != nil {
		run()
		again := r.wait(self)
		r.wg.Done()
		if !again {
			return
		}
		run = <-self.next
	}
}

// wait makes a goroutine an idle one, unless there are enough.
func (r *runners) wait(self *runner) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.closed || len(r.mu.idle) == maxIdleRunners {
		return false
	}
	r.mu.idle = append(r.mu.idle, self)
	return true
}

// close waits for the runs and ends the idle goroutines. What is scheduled after it is run all the same.
func (r *runners) close() {
	r.wg.Wait()
	r.mu.Lock()
	idle := r.mu.idle
	r.mu.idle, r.mu.closed = nil, true
	r.mu.Unlock()
	for _, i := range idle {
		close(i.next)
	}
}
