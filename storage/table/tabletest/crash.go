package tabletest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/barrage-live/barrage/storage/table"
)

// crashes is how many times the power fails in one run.
const crashes = 12

// crash takes the power while writers write and readers read, again and again, on one growing storage.
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
		ackedNow, readNow := l.snapshot()
		c.Crash(rng)
		close(l.stop)
		l.wg.Wait()
		_ = r.store.Close()
		for tag := range ackedNow {
			acked[tag] = true
		}
		for tag := range readNow {
			read[tag] = true
		}
		r.open()
		checkTags(r, r.all("p"), acked, read, l.rows())
	}
	if len(acked) == 0 {
		r.Error("no write was acknowledged before a crash; the test shows nothing")
	}
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
				if err := l.store.Write(r.Context(), taggedBatch(tag, l.rows())); err != nil {
					r.Errorf("write under load: %v", err)
					return
				}
				l.note(l.acked, tag)
			}
		})
	}
	l.wg.Go(func() {
		for !l.stopped() {
			rows, err := l.store.Scan(r.Context(), table.Range{Table: "t", Partition: "p", Reverse: true, Limit: 50, To: fmt.Appendf(nil, "%d/", l.round)})
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

// damages is how many times the storage is damaged in one run.
const damages = 60

// damage damages a closed storage and opens it: every row that is served must be one that was written.
func damage(r *rig) {
	d, ok := r.h.(Damager)
	if !ok {
		return
	}
	written := map[string]string{}
	for i := range 400 {
		k, v := fmt.Sprintf("%04d", i), fmt.Sprintf("value %d of many", i*i)
		written[k] = v
		r.write("p", table.Put([]byte(k), []byte(v)))
	}
	r.close()
	detected, lost := 0, 0
	for seed := range damages {
		what, err := d.Damage(rand.New(rand.NewPCG(uint64(seed), 13)))
		if err != nil {
			r.Fatal(err)
		}
		switch got := inspect(r, what, written); {
		case got < 0:
			detected++
		case got < len(written):
			lost++
		}
	}
	r.Logf("%d damages: %d detected, %d cut unacknowledged or unprovable ends, the rest hit nothing that is read", damages, detected, lost)
	r.open()
}

// inspect opens a damaged storage and gives the number of rows it serves, or -1 if it reports the damage.
func inspect(r *rig, what string, written map[string]string) int {
	r.Helper()
	drv, err := r.h.Open(r.clock.Now)
	if err != nil {
		if !errors.Is(err, table.ErrCorrupt) {
			r.Errorf("%s: open: %v, want ErrCorrupt", what, err)
		}
		return -1
	}
	s := table.New(drv)
	defer func() { _ = s.Close() }()
	detected := false
	for k, v := range written {
		row, err := s.Get(r.Context(), "t", "p", []byte(k))
		switch {
		case err == nil && string(row.Value) != v:
			r.Errorf("%s: %q is served as %q", what, k, row.Value)
		case errors.Is(err, table.ErrCorrupt):
			detected = true
		case err != nil && !errors.Is(err, table.ErrNoRow):
			r.Errorf("%s: get: %v", what, err)
		}
	}
	rows, err := pages(r.Context(), s, table.Range{Table: "t", Partition: "p", Limit: 50})
	switch {
	case errors.Is(err, table.ErrCorrupt):
		detected = true
	case err != nil:
		r.Errorf("%s: scan: %v", what, err)
	}
	for _, row := range rows {
		if written[string(row.Key)] != string(row.Value) {
			r.Errorf("%s: %q is served as %q", what, row.Key, row.Value)
		}
	}
	if detected {
		return -1
	}
	return len(rows)
}
