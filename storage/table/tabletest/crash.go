package tabletest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
)

// crashes is how many times the power fails in one run.
const crashes = 12

// crash takes the power while writers write and readers read, again and again, on one growing storage.
// Before each crash a new owner takes another partition over.
func crash(r *rig) {
	c, ok := r.h.(Crasher)
	if !ok {
		return
	}
	acked, read := map[string]bool{}, map[string]bool{}
	for round := range crashes {
		rng := rand.New(rand.NewPCG(uint64(round), 77))
		l := &load{store: r.store, round: round, acked: map[string]bool{}, read: map[string]bool{}, stop: make(chan struct{})}
		l.start(r)
		l.wait(5 + rng.IntN(60))
		f := newOwner(r, round)
		ackedNow, readNow := l.snapshot()
		c.Crash(rng)
		close(l.stop)
		l.wg.Wait()
		r.abandon()
		for tag := range ackedNow {
			acked[tag] = true
		}
		for tag := range readNow {
			read[tag] = true
		}
		r.open()
		checkTags(r, r.all("p"), acked, read, l.rows())
		fenceIs(r, fmt.Sprintf("after crash %d", round), "owned", f)
	}
	if len(acked) == 0 {
		r.Error("no write was acknowledged before a crash; the test shows nothing")
	}
}

// newOwner raises the fence of a partition, in turn with a row and without, and gives what was acknowledged.
func newOwner(r *rig, round int) position.Fence {
	r.Helper()
	f := at(position.Epoch(10*(round+1)), 3)
	err := r.fence(r.store, "owned", f)
	if err == nil && round%2 == 1 {
		_, err = r.settle(r.store, table.Batch{Table: owned(), Partition: "owned", Fence: f, Ops: []table.Op{table.Put([]byte("owner"), fmt.Append(nil, round))}})
	}
	if err != nil {
		r.Errorf("takeover under load: %v", err)
	}
	return f
}

// load is writers and a reader that note what they were told.
type load struct {
	store *table.Store
	round int
	stop  chan struct{}
	wg    sync.WaitGroup
	mu    sync.Mutex
	acked map[string]bool
	read  map[string]bool
	ready *sync.Cond
}

func (l *load) rows() int { return 4 }

func (l *load) start(r *rig) {
	l.ready = sync.NewCond(&l.mu)
	for w := range 6 {
		l.wg.Go(func() {
			for i := 0; !l.stopped(); i++ {
				tag := fmt.Sprintf("%d.%d.%d", l.round, w, i)
				_, err := l.store.Write(r.Context(), taggedBatch(tag, l.rows()))
				if errors.Is(err, table.ErrUnknown) {
					continue
				}
				if err != nil {
					r.Errorf("write under load: %v", err)
					return
				}
				l.note(l.acked, tag)
			}
		})
	}
	l.wg.Go(func() {
		for !l.stopped() {
			rows, _, err := l.store.Scan(r.Context(), table.Range{Table: shared(), Partition: "p", Reverse: true, Limit: 50, To: fmt.Appendf(nil, "%d/", l.round)})
			if err != nil {
				r.Errorf("read under load: %v", err)
				return
			}
			for _, row := range rows {
				l.note(l.read, string(row.Value))
			}
		}
	})
}

func (l *load) stopped() bool {
	select {
	case <-l.stop:
		return true
	default:
		return false
	}
}

func (l *load) note(set map[string]bool, tag string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	set[tag] = true
	l.ready.Broadcast()
}

// wait returns when so many writes were acknowledged.
func (l *load) wait(writes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.acked) < writes {
		l.ready.Wait()
	}
}

// snapshot is what was acknowledged and read by now.
func (l *load) snapshot() (acked, read map[string]bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	acked, read = map[string]bool{}, map[string]bool{}
	for tag := range l.acked {
		acked[tag] = true
	}
	for tag := range l.read {
		read[tag] = true
	}
	return acked, read
}
