package packager

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/blob"
)

const (
	// archiveQueue is how many objects may wait for the blob store, archiveBytes how many bytes the waiting
	// ones and the one being written may have together: a count alone would let a fat stream hold
	// gigabytes. What exceeds either bound is lost, counted and logged.
	archiveQueue = 64
	archiveBytes = 128 << 20
	// archiveTries is how often one is tried, archiveTry how long each may take, archivePause how long
	// after a failure.
	archiveTries = 4
	archiveTry   = 20 * time.Second
	archivePause = time.Second
	// archiveGrace is how long closing waits for what is queued.
	archiveGrace = 10 * time.Second
)

// archive writes complete segments to the blob store, one after the other, in a goroutine of its own.
type archive struct {
	cfg    Config
	queue  chan item
	held   atomic.Int64 // bytes handed over and neither written nor given up
	done   chan struct{}
	ctx    context.Context //nolint:containedctx // the life of the goroutine
	cancel context.CancelFunc
	result func(n Name, err error)
}

type item struct {
	name Name
	body []byte
}

func startArchive(cfg Config, result func(Name, error)) *archive {
	a := &archive{cfg: cfg, queue: make(chan item, archiveQueue), done: make(chan struct{}), result: result}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	go a.run()
	return a
}

// put hands an object over without waiting.
func (a *archive) put(n Name, body []byte) error {
	size := int64(len(body))
	if a.held.Add(size) <= archiveBytes {
		select {
		case a.queue <- item{n, body}:
			return nil
		default:
		}
	}
	a.held.Add(-size)
	return fault.New(fault.Exhausted, "archive_full", "the blob store does not keep up")
}

// close waits until everything handed over was written or given up. put must not be called any more.
func (a *archive) close() {
	close(a.queue)
	late := time.AfterFunc(archiveGrace, a.cancel)
	<-a.done
	late.Stop()
	a.cancel()
}

func (a *archive) run() {
	defer close(a.done)
	for it := range a.queue {
		start := time.Now()
		err := a.try(it)
		if err == nil {
			a.cfg.Metrics.stored.Observe(time.Since(start).Seconds())
		}
		a.result(it.name, err)
		a.held.Add(-int64(len(it.body))) // last: until then the packager keeps the bytes too
	}
}

// try writes an object, several times if need be: a Put of the same bytes may be repeated whatever came of
// it.
func (a *archive) try(it item) (err error) {
	for n := range archiveTries {
		if n > 0 {
			select {
			case <-time.After(archivePause):
			case <-a.ctx.Done():
				return err
			}
		}
		if err = a.write(it); err == nil {
			return nil
		}
		a.cfg.Log.Warn("segment not stored", slog.String("name", it.name.String()), slog.Any("error", err))
		if errors.Is(err, blob.ErrExists) {
			return err // and will be there the next time
		}
	}
	return err
}

func (a *archive) write(it item) error {
	ctx, cancel := context.WithTimeout(a.ctx, archiveTry)
	defer cancel()
	_, err := a.cfg.Blobs.Put(ctx, prefix(a.cfg.Channel, a.cfg.Broadcast)+it.name.String(), bytes.NewReader(it.body),
		blob.PutOptions{Size: int64(len(it.body)), ContentType: "video/mp4"})
	return err
}
