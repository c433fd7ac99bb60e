package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"
)

// serve runs the platform until ctx ends, then stops it in order: viewers' sockets told to come back,
// publishers let go, HTTP closed, actors flushed, broadcasts left as they are, storage closed.
func serve(ctx context.Context, cfg Config, stderr io.Writer) error {
	return serveUntil(ctx, cfg, cfg.Log.logger(stderr), func(*platform) error { <-ctx.Done(); return nil })
}

// serveUntil starts the platform, runs body, and stops the platform whatever body says. A listener that
// fails by itself, or a storage that does, ends it too.
func serveUntil(ctx context.Context, cfg Config, log *slog.Logger, body func(*platform) error) error {
	begin := time.Now()
	p, err := openPlatform(ctx, cfg, log)
	if err != nil {
		return err
	}
	err = p.listen(ctx)
	if err == nil {
		log.Info("ready", slog.String("version", version), slog.Duration("took", time.Since(begin)),
			slog.Uint64("epoch", uint64(p.node.Epoch())))
		err = p.watch(ctx, body)
	}
	log.Info("stopping")
	bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.Stop.Timeout)
	defer cancel()
	undone := p.steps.undo(bound, log)
	if errors.Is(err, errBroken) { // then nothing can be written at the end either, and that is not news
		log.Warn("not everything was stopped in order", slog.Any("error", undone))
		undone = nil
	}
	err = errors.Join(err, undone)
	log.Info("stopped", slog.Duration("up", time.Since(begin)))
	return err
}

// errBroken ends a process whose disk failed. What the system still does to the files is not known, so the
// next process opens them.
var errBroken = errors.New("the storage failed; what was acknowledged is safe. See to the disk and start again")

// watch runs body until it ends, or a listener or the storage fails.
func (p *platform) watch(ctx context.Context, body func(*platform) error) error {
	done := make(chan error, 1)
	go func() { done <- body(p) }()
	select {
	case err := <-done:
		return err
	case err := <-p.failed:
		return err
	case err := <-p.broken:
		return fmt.Errorf("%w: %w", errBroken, err)
	case <-ctx.Done():
		return nil
	}
}

// step is one part of the platform that has to be undone at the end.
type step struct {
	what string
	undo func(context.Context) error
}

// steps are undone in reverse order of their making.
type steps []step

func (s *steps) add(what string, undo func(context.Context) error) {
	*s = append(*s, step{what, undo})
}

// undo undoes all of them, even if some fail. Each may take half of the time that is left, so that one
// which hangs takes away the time of none that comes after it: actors are flushed though a viewer's socket
// did not close.
func (s *steps) undo(ctx context.Context, log *slog.Logger) error {
	var errs []error
	for _, part := range slices.Backward(*s) {
		begin := time.Now()
		share, cancel := halfOf(ctx, begin)
		err := part.undo(share)
		took := slog.Duration("took", time.Since(begin))
		if share.Err() != nil {
			log.Warn("a part was not stopped in its time", slog.String("part", part.what), took)
		} else {
			log.Debug("stopped part", slog.String("part", part.what), took)
		}
		cancel()
		if err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", part.what, err))
		}
	}
	return errors.Join(errs...)
}

// halfOf is the context of one step: it ends when half of the time that is left to ctx has passed.
func halfOf(ctx context.Context, now time.Time) (context.Context, context.CancelFunc) {
	end, bounded := ctx.Deadline()
	if !bounded {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, now.Add(end.Sub(now)/2))
}
