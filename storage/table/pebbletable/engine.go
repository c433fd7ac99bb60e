package pebbletable

import (
	"hash/maphash"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"

	"github.com/barrage-live/barrage/storage/table"
)

const (
	// stripes spreads partitions over the marks by which reads find the writes they must wait for.
	stripes = 1024
	// troubleGrace is how long a write that is on its way may still succeed after the disk got into trouble.
	troubleGrace = 50 * time.Millisecond
)

// engine is one life of Pebble in the directory. It is replaced, not repaired.
type engine struct {
	cfg   Config
	db    *pebble.DB
	guard *guard

	requests  chan *request // waits when full
	flights   chan *flight  // waits when full
	stop      chan struct{} // closed: the committer ends
	committed chan struct{} // closed: the committer has ended
	waited    chan struct{} // closed: the waiter has ended

	seed  maphash.Seed
	marks [stripes]atomic.Pointer[flight] // the last flight that wrote to a partition of the stripe

	latest atomic.Pointer[flight] // the last flight that wrote at all
	fences fences

	// The committer's own.
	version, ceiling table.Version
}

func openEngine(cfg Config, cache *pebble.Cache, s *seal) (*engine, error) {
	e := &engine{
		cfg:       cfg,
		guard:     newGuard(cfg.FS, s, cfg.Metrics.down),
		requests:  make(chan *request, cfg.Queue),
		flights:   make(chan *flight, flightGroups),
		stop:      make(chan struct{}),
		committed: make(chan struct{}),
		waited:    make(chan struct{}),
		seed:      maphash.MakeSeed(),
	}
	e.fences.known = make(map[string]fence)
	db, err := pebble.Open(cfg.Dir, e.options(cache))
	if err != nil {
		e.guard.revoke()
		return nil, openFault(err)
	}
	e.db = db
	h, _, _, err := e.load(metaCeiling())
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	e.version, e.ceiling = h.version, h.version
	e.guard.opened()
	go e.commit()
	go e.wait()
	return e, nil
}

func (e *engine) options(cache *pebble.Cache) *pebble.Options {
	o := &pebble.Options{
		Cache:                      cache,
		FS:                         e.guard,
		FormatMajorVersion:         pebble.FormatNewest,
		Logger:                     logger{e.cfg.Log, e.guard},
		MemTableSize:               e.cfg.MemTableBytes,
		L0CompactionThreshold:      2,
		L0StopWritesThreshold:      1000,
		LBaseMaxBytes:              64 << 20,
		CompactionConcurrencyRange: func() (int, int) { return 1, 2 },
		EventListener: &pebble.EventListener{
			DataCorruption: func(info pebble.DataCorruptionInfo) {
				e.cfg.Log.Error("stored file is damaged", slog.String("path", info.Path), slog.Any("error", info.Details))
			},
			BackgroundError: func(err error) {
				e.cfg.Log.Warn("storage background work failed", slog.Any("error", err))
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

// submit sends a request through the committer. It gives nil once the request's own errors may be read, or the one
// error that holds for all of it.
func (e *engine) submit(r *request) error {
	trouble := e.guard.trouble()
	select {
	case <-trouble:
		return refusal(e.guard.why())
	case <-e.stop:
		return ErrClosed
	default:
	}
	select {
	case e.requests <- r:
	case <-r.ctx.Done():
		return notDone(r.ctx.Err())
	case <-trouble:
		return refusal(e.guard.why())
	case <-e.stop:
		return ErrClosed
	}
	select {
	case <-r.done:
		return nil
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
			return nil
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
		return refusal(cause)
	}
	grace := time.NewTimer(troubleGrace)
	defer grace.Stop()
	select {
	case <-r.done:
		return nil
	case <-grace.C:
		return unknown(cause)
	}
}

// warm reads what the committer is going to read for a batch, so that it finds it in memory: one cold block of the disk must not
// hold up every writer. What is wrong with it the committer will say.
func (e *engine) warm(w *writing) {
	if w.fenceKey != nil {
		if _, known := e.fences.get(w.fenceKey); !known {
			e.touch(w.fenceKey)
		}
	}
	for _, c := range w.conditions {
		e.touch(c.key)
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

// close ends the engine. In trouble it gives it up instead: what is durable is in the log already.
func (e *engine) close() error {
	close(e.stop)
	trouble := e.guard.trouble()
	for _, ended := range []chan struct{}{e.committed, e.waited} {
		select {
		case <-ended:
		case <-trouble:
			e.guard.revoke()
			e.cfg.Metrics.abandoned.Inc()
			return refusal(e.guard.why())
		}
	}
	closed := make(chan error, 1)
	go func() { closed <- e.db.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			return refusal(err)
		}
		return nil
	case <-trouble:
		e.guard.revoke()
		e.cfg.Metrics.abandoned.Inc()
		return refusal(e.guard.why())
	}
}
