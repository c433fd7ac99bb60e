package pebbletable

import (
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"

	"github.com/barrage-live/barrage/storage/internal/durable"
	"github.com/barrage-live/barrage/storage/table"
)

const (
	// stripes spreads partitions over the marks by which reads find the writes they must wait for.
	stripes = 1024
	// openPatience is how long a full disk may get room again while an engine is opened.
	openPatience = time.Second
	// stallAfter is how long the disk may take for a write before further ones are refused.
	stallAfter = time.Second
	// troubleGrace is how long a write that is on its way may still succeed after the disk got into trouble.
	troubleGrace = 50 * time.Millisecond
)

// engine is Pebble in the directory. When the disk fails it dies for good.
type engine struct {
	cfg   Config
	db    *pebble.DB
	guard *guard
	seal  *seal
	clock *clock
	low   atomic.Bool // the disk has less room than the reserve

	requests  chan *request // waits when full
	flights   chan *flight  // waits when full
	stop      chan struct{} // closed: the committer ends
	committed chan struct{} // closed: the committer has ended
	waited    chan struct{} // closed: the waiter has ended

	seed  maphash.Seed
	marks [stripes]atomic.Pointer[flight] // the last flight that wrote to a partition of the stripe

	latest            atomic.Pointer[flight] // the last flight that wrote at all
	building, landing atomic.Pointer[flight] // what committer and waiter are at; nil while they rest
	fences            fences
	passed            passed

	// The committer's own.
	version, ceiling table.Version
	mark             time.Time // the stored mark of the clock
}

func newEngine(cfg Config, s *seal) *engine {
	e := &engine{
		cfg:       cfg,
		guard:     newGuard(cfg, s),
		seal:      s,
		requests:  make(chan *request, cfg.Queue),
		flights:   make(chan *flight, flightGroups),
		stop:      make(chan struct{}),
		committed: make(chan struct{}),
		waited:    make(chan struct{}),
		seed:      maphash.MakeSeed(),
	}
	e.fences.known = make(map[string]fence)
	return e
}

func openEngine(cfg Config, cache *pebble.Cache, s *seal) (*engine, error) {
	e := newEngine(cfg, s)
	if err := e.open(e.options(cache), e.recall); err != nil {
		return nil, err
	}
	go e.commit()
	go e.wait()
	return e, nil
}

// open opens Pebble and then does what else belongs to opening. Where the disk does not let them, they stay
// behind in the guard, and the refusal says errAbandoned too.
func (e *engine) open(options *pebble.Options, then func() error) error {
	done := make(chan error, 1)
	go func() {
		db, err := pebble.Open(e.cfg.Dir, options)
		if err != nil {
			done <- openFault(err)
			return
		}
		e.db = db
		if err = then(); err != nil {
			err = errors.Join(err, db.Close())
		}
		done <- err
	}()
	for {
		trouble := e.guard.trouble()
		select {
		case err := <-done:
			return err
		case <-trouble:
		}
		patience := time.NewTimer(openPatience)
		select {
		case err := <-done:
			patience.Stop()
			return err
		case <-e.guard.dead:
		case <-patience.C:
		}
		patience.Stop()
		if cause := e.guard.why(); cause != nil { // else it has passed
			e.guard.end()
			return durable.Refusal(fmt.Errorf("%w: %w", errAbandoned, cause))
		}
	}
}

// recall reads what the last life left for this one.
func (e *engine) recall() error {
	found, err := e.checkFormat()
	if err == nil && !found {
		err = e.writeFormat()
	}
	if err != nil {
		return err
	}
	ceiling, _, _, err := e.load(metaCeiling())
	if err != nil {
		return err
	}
	mark, _, _, err := e.load(metaClock())
	if err != nil {
		return err
	}
	e.version, e.ceiling, e.mark = ceiling.version, ceiling.version, time.UnixMilli(int64(mark.version))
	e.clock = newClock(e.cfg.Now, e.mark)
	return nil
}

func (e *engine) options(cache *pebble.Cache) *pebble.Options {
	o := &pebble.Options{
		Cache:                      cache,
		FS:                         e.guard,
		FormatMajorVersion:         pebbleFormat,
		Logger:                     logger{e.cfg.Log, e.guard},
		MemTableSize:               e.cfg.MemTableBytes,
		L0CompactionThreshold:      2,
		L0StopWritesThreshold:      1000,
		LBaseMaxBytes:              64 << 20,
		CompactionConcurrencyRange: func() (int, int) { return 1, 2 },
		EventListener: &pebble.EventListener{
			DataCorruption: func(info pebble.DataCorruptionInfo) {
				e.cfg.Log.Error("stored file is damaged", slog.String("path", info.Path), slog.String("error", info.Details.Error()))
			},
			BackgroundError: func(err error) {
				e.cfg.Log.Warn("storage background work failed", slog.String("error", err.Error())) // without Pebble's stacks
			},
		},
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return o
}

// stripe is the mark of a partition.
func (e *engine) stripe(table, partition string) *atomic.Pointer[flight] {
	var h maphash.Hash
	h.SetSeed(e.seed)
	_, _ = h.WriteString(table)
	_ = h.WriteByte(0)
	_, _ = h.WriteString(partition)
	return &e.marks[h.Sum64()%stripes]
}

// submit sends a request through the committer and gives its outcome.
func (e *engine) submit(r *request) error {
	if e.oldest() > stallAfter {
		return stalled()
	}
	trouble := e.guard.trouble()
	select {
	case <-trouble:
		return durable.Refusal(e.guard.why())
	case <-e.stop:
		return ErrClosed
	default:
	}
	select {
	case e.requests <- r:
	case <-r.ctx.Done():
		return notDone(r.ctx.Err())
	case <-trouble:
		return durable.Refusal(e.guard.why())
	case <-e.stop:
		return ErrClosed
	}
	select {
	case <-r.done:
		return r.err
	case <-r.ctx.Done():
		if r.withdraw() {
			return notDone(r.ctx.Err())
		}
		return unknown(r.ctx.Err())
	case <-e.committed:
		if r.withdraw() {
			return ErrClosed
		}
		trouble = e.guard.trouble()
		select {
		case <-r.done:
			return r.err
		case <-trouble:
		}
	case <-trouble:
	}
	return e.salvage(r)
}

// salvage answers a request that is queued or flying while the disk is in trouble.
func (e *engine) salvage(r *request) error {
	cause := e.guard.why()
	if r.withdraw() {
		return durable.Refusal(cause)
	}
	grace := time.NewTimer(troubleGrace)
	defer grace.Stop()
	select {
	case <-r.done:
		return r.err
	case <-grace.C:
		return unknown(cause)
	}
}

// oldest is how long the oldest write that began has been on its way to the disk; zero if there is none.
func (e *engine) oldest() (age time.Duration) {
	for _, at := range []*atomic.Pointer[flight]{&e.landing, &e.building} {
		if f := at.Load(); f != nil {
			age = max(age, time.Since(f.start))
		}
	}
	return age
}

func stalled() error { return ErrStalled }

// warm reads what the committer is going to read for a batch, so that it finds it in memory: one cold block
// of the disk must not hold up every writer. What is wrong with it the committer will say.
func (e *engine) warm(w *writing) {
	known := false
	if w.fenceKey != nil {
		if _, known = e.fences.get(w.fenceKey); !known {
			e.touch(w.fenceKey)
		}
	}
	for _, c := range w.conditions {
		// Where a partition is in use, the filters say that a new key is not there, and they are in memory:
		// this is the way of logs, whose every append would pay for a look that tells nothing.
		if !c.absent || !known {
			e.touch(c.key)
		}
	}
	for _, s := range w.ranges {
		it, err := e.db.NewIter(&pebble.IterOptions{LowerBound: s.from, UpperBound: s.to})
		if err != nil {
			return
		}
		n := 0
		for ok := it.First(); ok && n <= rangeRows; ok = it.Next() {
			n++
		}
		_ = it.Close()
	}
}

func (e *engine) touch(key []byte) {
	if _, closer, err := e.db.Get(key); err == nil {
		_ = closer.Close()
	}
}

// close ends the engine: what is in the log goes to tables, whose every byte is checked when it is read, so
// that no damage of a log can be taken for its end. In trouble it gives up instead: what is durable is in
// the log already.
func (e *engine) close() error {
	close(e.stop)
	closed := make(chan error, 1)
	go func() {
		<-e.committed
		<-e.waited
		closed <- errors.Join(e.db.Flush(), e.db.Close())
	}()
	for {
		select {
		case err := <-closed:
			if err != nil {
				return durable.Refusal(err)
			}
			return nil
		case <-e.guard.trouble():
			if cause := e.guard.why(); cause != nil { // else it has passed
				e.guard.end()
				return durable.Refusal(cause)
			}
		}
	}
}
