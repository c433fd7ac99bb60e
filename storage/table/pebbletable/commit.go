package pebbletable

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/barrage-live/barrage/storage/internal/durable"
	"github.com/barrage-live/barrage/storage/table"
)

const (
	// groupCalls is how many calls are put into one group at most.
	groupCalls = 512
	// flightGroups is how many groups may wait for the disk. Enough to keep it busy, few enough that what
	// arrives meanwhile gathers into the next group.
	flightGroups = 4
	// ceilingStep is how many versions are reserved at once.
	ceilingStep = 1 << 20
)

// The states of a request. Exactly one of committer and caller takes it out of queued.
const (
	queued uint32 = iota
	claimed
	withdrawn
)

// request is one call of Write or Fence, or one sweep, on its way through the committer. Exactly one of
// write, raise and sweep is set.
type request struct {
	ctx   context.Context //nolint:containedctx // the caller's deadline is checked where the request is taken
	write *writing
	raise *raising
	sweep *sweeping
	err   error // the committer's until done is closed, like the answers in write, raise and sweep
	state atomic.Uint32
	done  chan struct{}
}

// withdraw takes the request back; false means that the committer has it.
func (r *request) withdraw() bool { return r.state.CompareAndSwap(queued, withdrawn) }

// flight is a group between the log and the disk.
type flight struct {
	requests []*request
	barrier  *pebble.Batch // the synced record behind the group; nil if the group wrote nothing
	batches  int
	start    time.Time
	done     chan struct{} // closed when everything up to here is durable
	err      error         // set before done is closed; then the outcome is unknown
}

// fail notes that the outcome of all the group wrote is unknown. What was refused was not done; but why it
// was refused may rest on a row that is now gone.
func (f *flight) fail(cause error) {
	f.err = unknown(cause)
	for _, r := range f.requests {
		switch {
		case r.state.Load() != claimed:
		case r.err == nil:
			r.err = f.err
		case errors.Is(r.err, table.ErrConflict), errors.Is(r.err, table.ErrFenced):
			r.err = durable.Refusal(cause)
		}
	}
}

// commit is the committer: the one goroutine that decides and writes. It ends when stop is closed and the
// queue is empty.
func (e *engine) commit() {
	defer close(e.committed)
	defer close(e.flights)
	for {
		select {
		case r := <-e.requests:
			e.fly(r)
			continue
		default:
		}
		select {
		case r := <-e.requests:
			e.fly(r)
		case <-e.stop:
			return
		}
	}
}

// fly gathers a group behind first, writes it and sends it to the waiter.
func (e *engine) fly(first *request) {
	f := &flight{requests: []*request{first}, start: time.Now(), done: make(chan struct{})}
gather:
	for len(f.requests) < groupCalls {
		select {
		case r := <-e.requests:
			f.requests = append(f.requests, r)
		default:
			break gather
		}
	}
	e.cfg.Metrics.queue.Set(float64(len(e.requests)))
	e.building.Store(f)
	now := e.clock.now()
	for _, r := range f.requests {
		if !r.state.CompareAndSwap(queued, claimed) {
			continue
		}
		e.decide(f, r, now)
	}
	if f.batches > 0 {
		f.barrier = e.db.NewBatch()
		err := f.barrier.LogData(nil, nil)
		if err == nil {
			err = e.db.ApplyNoSyncWait(f.barrier, pebble.Sync)
		}
		if err != nil {
			e.guard.kill(err)
		}
	}
	e.flights <- f
	e.building.Store(nil)
}

// decide performs one request as far as the log.
func (e *engine) decide(f *flight, r *request, now time.Time) {
	switch {
	case r.sweep != nil:
		r.err = e.remove(f, r.sweep, now)
	case r.ctx.Err() != nil:
		r.err = notDone(r.ctx.Err())
	case r.write != nil:
		r.err = e.write(f, r.write, now)
	case r.raise != nil:
		r.err = e.raise(f, r.raise, now)
	}
}

// wait is the waiter: it follows the committer and tells callers when their group is on the disk. After one
// group failed, no later one is believed: it may rest on the one that failed.
func (e *engine) wait() {
	defer close(e.waited)
	var failed error
	for f := range e.flights {
		e.landing.Store(f)
		if f.barrier != nil {
			if err := f.barrier.SyncWait(); err != nil {
				e.guard.kill(err)
				failed = errors.Join(failed, err)
			} else {
				_ = f.barrier.Close()
			}
			e.cfg.Metrics.sync.Observe(time.Since(f.start).Seconds())
			e.cfg.Metrics.groups.Observe(float64(f.batches))
		}
		if failed != nil {
			f.fail(failed)
		}
		e.landing.Store(nil)
		close(f.done)
		for _, r := range f.requests {
			close(r.done)
		}
		f.requests, f.barrier = nil, nil
	}
}
