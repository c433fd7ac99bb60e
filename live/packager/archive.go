package packager

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/live/recording"
)

const (
	// archiveQueue is how many segments may wait for the recorder, archiveBytes how many bytes the
	// waiting ones and the one being written may have together: a count alone would let a fat stream hold
	// gigabytes. What exceeds either bound, or that of the node, is lost, counted and logged.
	archiveQueue = 64
	archiveBytes = 64 << 20
	// waitingBytes is the bound of all broadcasts of a node together.
	waitingBytes = 256 << 20
	// archiveParts is how many may wait where a part is added: behind more it would not survive the process
	// in time, and the room is for segments.
	archiveParts = 16
	// archiveTries is how often one is tried, archiveTry how long each may take, archivePause how long
	// after a failure.
	archiveTries = 4
	archiveTry   = 20 * time.Second
	archivePause = time.Second
	// archiveGrace is how long closing waits for what is queued, and archiveLimit how long it waits at all: a
	// call that hangs in the kernel ends when the kernel likes.
	archiveGrace = 10 * time.Second
	archiveLimit = 25 * time.Second
)

// Waiting counts the bytes that the Packagers of a node hold for their recorders. The zero value is ready.
type Waiting struct{ bytes atomic.Int64 }

// take counts bytes unless there are too many then.
func (w *Waiting) take(n int64) bool {
	if w.bytes.Add(n) <= waitingBytes {
		return true
	}
	w.give(n)
	return false
}

func (w *Waiting) give(n int64) { w.bytes.Add(-n) }

// archive hands parts and complete segments to the recorder, in order, in a goroutine of its own.
type archive struct {
	cfg    Config
	queue  chan recording.Part          // one of no Index is a complete segment
	held   atomic.Int64                 // bytes handed over and neither written nor given up
	listed atomic.Pointer[index.Listed] // never nil
	whole  atomic.Uint64                // that behind the newest one that was handed over complete
	done   chan struct{}
	ctx    context.Context //nolint:containedctx // the life of the goroutine
	cancel context.CancelFunc
	result func(sequence uint64, err error)
}

func startArchive(cfg Config, result func(uint64, error)) *archive {
	a := &archive{cfg: cfg, queue: make(chan recording.Part, archiveQueue), done: make(chan struct{}), result: result}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	a.listed.Store(&index.Listed{})
	go a.run()
	return a
}

// complete is the Index of a complete segment.
const complete = -1

// put hands a segment over without waiting.
func (a *archive) put(p recording.Piece) error {
	a.whole.Store(p.Sequence + 1)
	if !a.push(recording.Part{Piece: p, Index: complete}) {
		return fault.New(fault.Exhausted, "archive_full", "the recording does not keep up")
	}
	return nil
}

// part hands a part over, if there is much room: its segment comes again when it is complete.
func (a *archive) part(p recording.Part) {
	if len(a.queue) < archiveParts {
		a.push(p)
	}
}

// push queues what there is room for.
func (a *archive) push(p recording.Part) bool {
	size := int64(len(p.Body))
	if !a.cfg.Waiting.take(size) {
		return false
	}
	if a.held.Add(size) <= archiveBytes {
		select {
		case a.queue <- p:
			return true
		default:
		}
	}
	a.give(size)
	return false
}

func (a *archive) give(size int64) {
	a.held.Add(-size)
	a.cfg.Waiting.give(size)
}

// close ends the recording and waits until everything handed over was written or given up. put must not be
// called any more.
func (a *archive) close() {
	close(a.queue)
	soon, late := time.AfterFunc(archiveGrace, a.cancel), time.NewTimer(archiveLimit)
	defer soon.Stop()
	defer late.Stop()
	select {
	case <-a.done:
	case <-late.C:
		a.cfg.Log.Error("the recording does not end: the storage hangs")
	}
	a.cancel()
}

func (a *archive) run() {
	defer close(a.done)
	for p := range a.queue {
		switch {
		case p.Index == complete:
			a.store(p.Piece)
		case p.Sequence < a.whole.Load() && len(a.queue) > 1:
			// The storage does not keep up: one call for all of the segment, which waits already, takes less.
		default:
			a.append(p)
		}
		a.give(int64(len(p.Body))) // last: until then the packager keeps the bytes too
	}
	// Not under a.ctx: the end is told however long the segments took.
	ctx, cancel := context.WithTimeout(context.Background(), archiveTry)
	defer cancel()
	if err := a.cfg.Recorder.End(ctx, time.Now()); err != nil {
		a.cfg.Log.Error("the recording stays open until it is recovered", slog.Any("error", err))
	}
}

// append records a part. What becomes of it shows when its segment is complete.
func (a *archive) append(p recording.Part) {
	ctx, cancel := context.WithTimeout(a.ctx, archiveTry)
	defer cancel()
	p.Listed = *a.listed.Load()
	if err := a.cfg.Recorder.Append(ctx, p); err != nil && !errors.Is(err, recording.ErrPaused) {
		a.cfg.Log.Warn("part not recorded", slog.Uint64("segment", p.Sequence), slog.Int("part", p.Index), slog.Any("error", err))
	}
}

// store records a segment, and tells what came of it.
func (a *archive) store(p recording.Piece) {
	start := time.Now()
	err := a.try(p)
	if err == nil {
		a.cfg.Metrics.stored.Observe(time.Since(start).Seconds())
	}
	a.result(p.Sequence, err)
}

// try records a segment, several times if need be. What is given up is recorded as a gap.
func (a *archive) try(p recording.Piece) (err error) {
	for n := range archiveTries {
		if n > 0 {
			select {
			case <-time.After(archivePause):
			case <-a.ctx.Done():
				return err
			}
		}
		if err = a.keep(p); err == nil || errors.Is(err, recording.ErrPaused) {
			return err
		}
		a.cfg.Log.Warn("segment not recorded", slog.Uint64("segment", p.Sequence), slog.Any("error", err))
		if fault.KindOf(err) == fault.Fenced || fault.CodeOf(err) == "storage_full" {
			break // and will be the next time
		}
	}
	p.Gap, p.Place = true, index.Place{}
	_ = a.keep(p) // without it the segment is simply missing
	return err
}

func (a *archive) keep(p recording.Piece) error {
	ctx, cancel := context.WithTimeout(a.ctx, archiveTry)
	defer cancel()
	p.Listed = *a.listed.Load()
	return a.cfg.Recorder.Keep(ctx, p) //nolint:wrapcheck // it says all there is to say
}
