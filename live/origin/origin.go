package origin

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/segmenter"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/packager"
	"github.com/barrage-live/barrage/live/recording"
)

// Config shapes an Origin. Recordings, Log and Metrics are required; the rest has defaults.
type Config struct {
	// Recordings keeps what is broadcast.
	Recordings *recording.Store
	// Waiting bounds what waits to be recorded on the node; nil: each broadcast by itself.
	Waiting *packager.Waiting
	// Window is how far back viewers can seek; 0 means 30 min.
	Window time.Duration
	// Linger is how long the playlist of an ended broadcast stays; 0 means 2 min.
	Linger time.Duration
	// Cut says how parts and segments are cut.
	Cut     segmenter.Config
	Log     *slog.Logger
	Metrics *packager.Metrics
}

const defaultLinger = 2 * time.Minute

var (
	errStopping = fault.New(fault.Unavailable, "node_stopping", "the node is stopping")
	errBusy     = fault.New(fault.Timeout, "origin_busy", "the broadcast before is still being changed")
	errPanicked = fault.New(fault.Internal, "origin_panicked", "the broadcast cannot be packaged")
)

// Origin has the broadcasts of a node. It is safe for concurrent use. Drain ends it.
type Origin struct {
	cfg   Config
	works sync.WaitGroup // broadcasts that end on the side

	mu       sync.Mutex // held for some lines, never while anything waits
	places   map[id.Channel]*place
	stopping bool
}

// place is a channel of which something is on, or was a moment ago. All but turn is guarded by Origin.mu.
type place struct {
	turn     chan struct{} // holds one token while something is being changed
	users    int           // who have the turn, or wait for it
	state    state
	packager *packager.Packager // nil: nothing is on
	recorder *recorder          // of packager
	finished chan struct{}      // of packager: closed when what waited is recorded; nil: it has not ended
	stream   *live.Stream       // of the present lease; nil without one
	timer    *time.Timer        // the end of the linger; nil: none
}

// New makes an Origin.
func New(cfg Config) *Origin {
	if cfg.Linger <= 0 {
		cfg.Linger = defaultLinger
	}
	return &Origin{cfg: cfg, places: make(map[id.Channel]*place)}
}

// Open makes the Stream that the holder of the lease writes.
func (o *Origin) Open(ctx context.Context, l Lease, tracks []media.Track) (*live.Stream, error) {
	return o.change(ctx, l.Channel, open{l}, tracks)
}

// Restore shows a broadcast again that waits for its publisher, from its recording; one that is shown is left
// as it is. It refuses ErrEnded if there is nothing to go on from.
func (o *Origin) Restore(ctx context.Context, l Lease) error {
	_, err := o.change(ctx, l.Channel, restore{l}, nil)
	return err
}

// Interrupt lets go of the publisher of the fence, who may return under a higher one and is told the reason.
// The playlist stays as it is.
func (o *Origin) Interrupt(ctx context.Context, ch id.Channel, fence uint64, reason error) error {
	_, err := o.change(ctx, ch, interrupt{fence, reason}, nil)
	return err
}

// Finish ends a broadcast for good; nobody opens it again under the fence or a lower one. What waits to be
// recorded is recorded on the side. One that is unknown or has ended is no error.
func (o *Origin) Finish(ctx context.Context, ch id.Channel, b id.Broadcast, fence uint64) error {
	_, err := o.change(ctx, ch, finish{b, fence}, nil)
	return err
}

// Recover ends the recording of a broadcast that does not run any more.
func (o *Origin) Recover(ctx context.Context, fence position.Fence, b id.Broadcast) error {
	return o.cfg.Recordings.Recover(ctx, fence, b)
}

// Remove deletes the recording of a broadcast that has ended, and stops serving it. It refuses ErrLive for
// one that goes on.
func (o *Origin) Remove(ctx context.Context, fence position.Fence, ch id.Channel, b id.Broadcast) error {
	if _, err := o.change(ctx, ch, drop{b}, nil); err != nil {
		return err
	}
	return o.cfg.Recordings.Remove(ctx, fence, ch, b)
}

// Held is what there is of the channel's broadcast here.
func (o *Origin) Held(_ context.Context, ch id.Channel) (Held, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.places[ch]
	if p == nil || !p.state.goesOn(p.state.broadcast) {
		return Held{}, nil
	}
	h := Held{Broadcast: p.state.broadcast, Fence: p.state.fence, Publishing: p.state.phase == onAir}
	if p.stream != nil { // else it is being made
		h.Publishing = h.Publishing && p.stream.Err() == nil
		h.Began = p.stream.Stats().Units > 0
	}
	return h, nil
}

// Health tells how the channel's publication is doing; the zero Health when nothing is on.
func (o *Origin) Health(_ context.Context, ch id.Channel) (packager.Health, error) {
	p, err := o.Locate(ch)
	if err != nil {
		return packager.Health{}, nil //nolint:nilerr // nothing is on
	}
	return p.Health(), nil
}

// Locate gives the channel's broadcast for serving it. It fails with ErrNotLive when nothing is on.
func (o *Origin) Locate(ch id.Channel) (*packager.Packager, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.places[ch]
	if p == nil || p.packager == nil {
		return nil, ErrNotLive
	}
	return p.packager, nil
}

// change performs one command when it is its turn.
func (o *Origin) change(ctx context.Context, ch id.Channel, command any, tracks []media.Track) (s *live.Stream, err error) {
	p, err := o.enter(ctx, ch)
	if err != nil {
		return nil, err
	}
	defer o.leave(ch, p)
	defer func() {
		if v := recover(); v != nil {
			o.cfg.Log.Error("a broadcast panicked", slog.String("channel", string(ch)),
				slog.String("panic", fmt.Sprint(v)), slog.String("stack", string(debug.Stack())))
			o.abandon(p)
			s, err = nil, errPanicked
		}
	}()
	t := &turn{Origin: o, place: p, channel: ch, tracks: tracks}
	for _, e := range t.apply(command) {
		if err := t.perform(ctx, e); err != nil {
			return nil, err
		}
	}
	return t.made, nil
}

// enter waits for the turn of a channel. Whoever gets it after Drain has gone by finds nothing to change.
func (o *Origin) enter(ctx context.Context, ch id.Channel) (*place, error) {
	p, err := o.queue(ch)
	if err != nil {
		return nil, err
	}
	return p, o.await(ctx, p)
}

// await gets the turn that queue has asked for.
func (o *Origin) await(ctx context.Context, p *place) error {
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		o.quit(p)
		return errBusy
	}
	o.mu.Lock()
	stopping := o.stopping
	o.mu.Unlock()
	if stopping {
		<-p.turn
		o.quit(p)
		return errStopping
	}
	return nil
}

// queue counts one more that waits for the turn of a channel.
func (o *Origin) queue(ch id.Channel) (*place, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stopping {
		return nil, errStopping
	}
	p := o.places[ch]
	if p == nil {
		p = &place{turn: make(chan struct{}, 1)}
		o.places[ch] = p
	}
	p.users++
	return p, nil
}

// quit takes back what queue counted.
func (o *Origin) quit(p *place) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p.users--
}

// leave ends the turn. A channel of which nothing is on is remembered for a while, so that a publisher who
// was let go before it came is not taken in when it comes.
func (o *Origin) leave(ch id.Channel, p *place) {
	<-p.turn
	o.mu.Lock()
	defer o.mu.Unlock()
	p.users--
	switch {
	case p.users > 0 || p.state.phase != idle:
	case p.state.fence == 0 && p.state.barred == 0:
		delete(o.places, ch)
	default:
		p.schedule(o.cfg.Linger, func() { o.forget(ch, p) })
	}
}

func (o *Origin) forget(ch id.Channel, p *place) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p.users == 0 && p.state.phase == idle && o.places[ch] == p {
		delete(o.places, ch)
	}
}

// schedule has the place do something later, instead of what it was to do. The caller holds the lock.
func (p *place) schedule(after time.Duration, do func()) {
	if p.timer != nil {
		p.timer.Stop()
	}
	p.timer = time.AfterFunc(after, do)
}

// abandon takes off the air what was being changed when it panicked.
func (o *Origin) abandon(p *place) {
	o.mu.Lock()
	s, box := p.stream, p.packager
	p.stream, p.packager, p.recorder, p.finished = nil, nil, nil, nil
	p.state.apply(lost{}, nil)
	o.mu.Unlock()
	if s != nil {
		s.Close(errPanicked)
	}
	if box != nil {
		box.Abandon()
	}
}
