package table

import (
	"context"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/internal/fault"
)

// The refusals of a Writer, beside those of Store.WriteAll.
var (
	ErrWriterFull   = fault.New(fault.Exhausted, "writer_full", "too many writes wait for the disk")
	ErrWriterClosed = fault.New(fault.Unavailable, "writer_closed", "the writer is closed")
)

// WriterConfig shapes a Writer. The zero value is useful.
type WriterConfig struct {
	// Queue is how many batches may wait; zero means 4096. The next is refused with ErrWriterFull, and counted.
	Queue int
	// Group is how many batches are written at once at most; zero means 512.
	Group int
	// Metrics counts; nil counts into the void.
	Metrics *WriterMetrics
}

// Writer gathers the writes of many actors into groups, so that they share flushes while none of them waits in its turn.
//
// Batches are performed in the order they were appended, each atomically by itself. A goroutine exists only while there
// is something to write; Close waits for it. All methods may be called concurrently.
type Writer struct {
	store *Store
	cfg   WriterConfig
	mu    struct {
		sync.Mutex
		queue   []pendingWrite
		running bool
		closed  bool
		idle    chan struct{} // closed when the goroutine has ended; made anew with it
	}
}

// pendingWrite is one accepted batch.
type pendingWrite struct {
	ctx   context.Context //nolint:containedctx // checked once more where the batch is taken
	batch Batch
	done  func(error)
}

// NewWriter makes a writer over s, which must outlive it.
func NewWriter(s *Store, cfg WriterConfig) *Writer {
	if cfg.Queue <= 0 {
		cfg.Queue = 4096
	}
	if cfg.Group <= 0 {
		cfg.Group = 512
	}
	if cfg.Metrics == nil {
		cfg.Metrics = NewWriterMetrics(prometheus.NewRegistry())
	}
	return &Writer{store: s, cfg: cfg}
}

// Append takes a batch and returns at once. If it gives an error nothing will happen; otherwise done is called exactly
// once with the outcome, when the batch is durable or refused. Calls of done come one after the other, in the order of
// Append, and must not block. A batch whose ctx ends while it waits is dropped with the context's error. The batch's
// bytes belong to the Writer until done.
func (w *Writer) Append(ctx context.Context, b Batch, done func(error)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.closed {
		return ErrWriterClosed
	}
	if len(w.mu.queue) >= w.cfg.Queue {
		w.cfg.Metrics.refused.Inc()
		return ErrWriterFull
	}
	w.mu.queue = append(w.mu.queue, pendingWrite{ctx, b, done})
	if !w.mu.running {
		w.mu.running = true
		w.mu.idle = make(chan struct{})
		go w.run(w.mu.idle)
	}
	return nil
}

// Close refuses further batches and waits until all that were taken are answered, or ctx ends.
func (w *Writer) Close(ctx context.Context) error {
	w.mu.Lock()
	w.mu.closed = true
	idle := w.mu.idle
	w.mu.Unlock()
	if idle == nil {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return fault.From(ctx.Err())
	}
}

// run writes groups until the queue is empty.
func (w *Writer) run(idle chan struct{}) {
	defer close(idle)
	var spare []pendingWrite
	for {
		group := w.take(spare[:0])
		if len(group) == 0 {
			return
		}
		w.write(group)
		clear(group)
		spare = group
	}
}

// take moves the next group out of the queue. With nothing to take the goroutine has, from then on, ended.
func (w *Writer) take(group []pendingWrite) []pendingWrite {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(w.mu.queue), w.cfg.Group)
	group = append(group, w.mu.queue[:n]...)
	rest := copy(w.mu.queue, w.mu.queue[n:])
	clear(w.mu.queue[rest:])
	w.mu.queue = w.mu.queue[:rest]
	w.mu.running = n > 0
	w.cfg.Metrics.queue.Set(float64(rest))
	return group
}

// write performs a group and tells the outcomes.
func (w *Writer) write(group []pendingWrite) {
	batches := make([]Batch, 0, len(group))
	outcome := make([]error, len(group))
	for i, p := range group {
		if err := p.ctx.Err(); err != nil {
			outcome[i] = fault.Wrap(fault.From(err).Kind, "write_dropped", "the write was given up before it began", err)
			continue
		}
		batches = append(batches, p.batch)
	}
	w.cfg.Metrics.group.Observe(float64(len(batches)))
	errs := w.store.WriteAll(context.Background(), batches)
	next := 0
	for i, p := range group {
		if outcome[i] == nil {
			outcome[i] = errs[next]
			next++
		}
		p.done(outcome[i])
	}
}
