package origin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/packager"
	"github.com/barrage-live/barrage/live/recording"
)

// turn is one change of a channel.
type turn struct {
	*Origin
	*place
	channel id.Channel
	tracks  []media.Track
	made    *live.Stream // the answer to an Open
}

// apply gives the core a command.
func (t *turn) apply(command any) []any {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state.apply(command, nil)
}

func (t *turn) perform(ctx context.Context, effect any) error {
	switch e := effect.(type) {
	case refuse:
		return e.err
	case begin:
		return t.begin(e.Lease)
	case resume:
		return t.resume(ctx, e.Lease)
	case attach:
		return t.attach()
	case again:
		t.made = t.stream
	case detach:
		t.swap(nil, e.reason)
		t.packager.Interrupt() // which takes no longer than writing one part
	case end:
		t.end(e.keep)
	case linger:
		t.mu.Lock()
		t.schedule(t.cfg.Linger, func() { _, _ = t.change(context.Background(), t.channel, gone(e), nil) }) // else it is gone with the node
		t.mu.Unlock()
	case free:
		t.free()
	}
	return nil
}

// recorder is a Writer whose broadcast may go on elsewhere, or later.
type recorder struct {
	*recording.Writer
	left atomic.Bool
}

// End implements packager.Recorder.
func (r *recorder) End(ctx context.Context, at time.Time) error {
	if r.left.Load() {
		r.Die()
		return nil
	}
	return r.Writer.End(ctx, at)
}

func (t *turn) begin(l Lease) error {
	w := t.cfg.Recordings.Writer(l.Broadcast, l.Record, index.Header{Channel: l.Channel, Room: l.Room, Title: l.Title, Start: l.Start})
	return t.start(l, nil, w)
}

// resume goes on from what was recorded. Where nothing was, or it has ended, there is nothing to go on from:
// what was listed may not be listed again with other media.
func (t *turn) resume(ctx context.Context, l Lease) error {
	r, w, err := t.cfg.Recordings.Resume(ctx, l.Record, l.Broadcast)
	if err == nil {
		return t.start(l, r, w)
	}
	t.apply(lost{})
	if errors.Is(err, recording.ErrNone) {
		return ErrEnded
	}
	return err
}

// start makes the packager of a broadcast that is recorded by w, and goes on from r unless that is nil.
func (t *turn) start(l Lease, r *recording.Recording, w *recording.Writer) error {
	started := false
	defer func() {
		if !started { // also after a panic: the Writer holds the recording
			w.Die()
		}
	}()
	to := &recorder{Writer: w}
	p, err := packager.Start(packager.Config{
		Channel: l.Channel, Broadcast: l.Broadcast, Start: l.Start, Recorder: to, Resume: r,
		Waiting: t.cfg.Waiting, Window: t.cfg.Window, Cut: t.cfg.Cut, Log: t.cfg.Log, Metrics: t.cfg.Metrics,
	})
	if err != nil {
		t.apply(lost{})
		return err
	}
	started = true
	t.mu.Lock()
	defer t.mu.Unlock()
	t.place.packager, t.recorder = p, to
	return nil
}

// swap puts a stream in the place of the one before, which is closed with the reason.
func (t *turn) swap(s *live.Stream, reason error) {
	t.mu.Lock()
	old := t.stream
	t.stream = s
	t.mu.Unlock()
	if old != nil {
		old.Close(reason)
	}
}

// attach waits for the pump of the stream before, which takes no longer than writing one part.
func (t *turn) attach() error {
	s := live.NewStream(id.NewStream(), t.tracks)
	t.swap(s, live.ErrTakenOver)
	if err := t.packager.Attach(s); err != nil {
		t.swap(nil, err)
		t.apply(unattached{})
		return err
	}
	t.made = s
	return nil
}

// end finishes the broadcast on the side: that waits for the storage, and viewers go on asking meanwhile.
func (t *turn) end(keep bool) {
	t.swap(nil, live.ErrEnded)
	if !keep {
		t.free()
		return
	}
	t.mu.Lock()
	p, finished := t.packager, make(chan struct{})
	t.finished = finished
	t.mu.Unlock()
	t.aside(func() {
		defer close(finished)
		p.Finish()
	})
}

// aside does something that Drain waits for. It is nobody's turn, so a panic ends there: the broadcast stays
// as it is, and its recording open until it is recovered.
func (o *Origin) aside(do func()) {
	o.works.Go(func() {
		defer func() {
			if v := recover(); v != nil {
				o.cfg.Log.Error("the end of a broadcast panicked", slog.String("panic", fmt.Sprint(v)), slog.String("stack", string(debug.Stack())))
			}
		}()
		do()
	})
}

// free frees the packager on the side.
func (t *turn) free() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.place.free(t.Origin)
}

// free frees the packager on the side, when it has finished. The caller holds the lock.
func (p *place) free(o *Origin) {
	box, finished := p.packager, p.finished
	p.packager, p.recorder, p.finished = nil, nil, nil
	if box == nil {
		return
	}
	o.aside(func() {
		if finished != nil {
			<-finished
		}
		box.Close()
	})
}

// Drain lets every publisher go and every broadcast be, and returns when what was complete is stored, or the
// context ends. Nothing opens any more.
func (o *Origin) Drain(ctx context.Context) error {
	o.mu.Lock()
	o.stopping = true
	places := make([]*place, 0, len(o.places))
	for _, p := range o.places {
		places = append(places, p)
	}
	o.mu.Unlock()
	for _, p := range places {
		select {
		case p.turn <- struct{}{}:
			o.depart(p)
			<-p.turn
		case <-ctx.Done():
			return fault.From(ctx.Err())
		}
	}
	done := make(chan struct{})
	go func() {
		o.works.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fault.From(ctx.Err())
	}
}

// depart leaves a broadcast for another node or a later time.
func (o *Origin) depart(p *place) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p.timer != nil {
		p.timer.Stop()
	}
	if p.stream != nil {
		p.stream.Close(errStopping)
	}
	if p.packager == nil || !p.state.goesOn(p.state.broadcast) {
		p.free(o)
		return
	}
	p.recorder.left.Store(true)
	o.aside(p.packager.Leave)
	p.packager = nil
}
