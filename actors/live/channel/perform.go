package channel

import (
	"context"
	"errors"
	"log/slog"

	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/packager"
)

// endPublisher closes the present publisher's stream; its ingest notices at the next unit.
func (a *actor) endPublisher(reason error) {
	if a.stream != nil {
		a.stream.Close(reason)
	}
}

// open gives the lease to the packager and answers the publisher.
func (a *actor) open(t *cluster.Turn, o open, rest []document.Effect) {
	doc := a.State().doc
	t.Await(func(ctx context.Context) (any, error) {
		return a.deps.Packager.Open(ctx, Opening{
			doc.ID, doc.Room, doc.Title, o.broadcast, o.resumes, o.start, o.fence, o.tracks,
		})
	}, func(t *cluster.Turn, v any, err error) {
		a.deps.Metrics.leases.WithLabelValues(result(err == nil)).Inc()
		if err != nil {
			t.Log().Error("the packager refused a stream", slog.Any("error", err))
			t.Fail(fault.From(err))
			a.Do(t, openFailed{o.fence, fault.CodeOf(err) == fault.CodeOf(ErrEnded)})
			return
		}
		a.stream = v.(*live.Stream)
		t.Log().Info("publishing", slog.String("broadcast", string(o.broadcast)), slog.Uint64("fence", o.fence))
		t.Reply(leased{a.stream, o.fence})
		a.Perform(t, rest)
	})
}

// keepNames settles the claims of the channel, and then performs the rest.
func (a *actor) keepNames(t *cluster.Turn, rest []document.Effect) {
	doc := a.State().doc
	t.Await(func(ctx context.Context) (any, error) {
		return nil, a.store.settle(ctx, doc)
	}, func(t *cluster.Turn, _ any, err error) {
		if err != nil {
			t.Fail(fault.From(err))
			return
		}
		a.Perform(t, rest)
	})
}

// adopt finds out what a predecessor of this activation has left running.
func (a *actor) adopt(t *cluster.Turn, b id.Broadcast) {
	ch := id.Channel(t.Key())
	t.Await(func(ctx context.Context) (any, error) {
		return a.deps.Packager.Held(ctx, ch, b)
	}, func(t *cluster.Turn, v any, err error) {
		if err != nil {
			a.Do(t, gone{})
			return
		}
		h := v.(Held)
		if h.Stream != nil && h.Stream.Err() == nil {
			a.stream = h.Stream
		}
		t.Log().Info("goes on with a broadcast", slog.String("broadcast", string(b)), slog.Bool("publisher", a.stream != nil))
		a.Do(t, held{h.Fence, a.stream != nil})
	})
}

func (a *actor) interrupt(t *cluster.Turn, fence Fence) {
	a.stream = nil
	a.deps.Metrics.lost.Inc()
	t.Log().Info("publisher lost", slog.Uint64("fence", fence))
	ch := id.Channel(t.Key())
	t.Pipe(func(ctx context.Context) (any, error) {
		return nil, a.deps.Packager.Interrupt(ctx, ch, fence)
	}, func(t *cluster.Turn, _ any, err error) {
		if err != nil { // no harm: the next publisher or the end will tell it
			t.Log().Warn("the packager was not told of the interruption", slog.Any("error", err))
		}
	})
}

func (a *actor) finish(t *cluster.Turn, broadcast id.Broadcast) {
	if a.finished != broadcast { // else it is told again
		a.finished = broadcast
		a.deps.Metrics.finished.Inc()
		t.Log().Info("broadcast finished", slog.String("broadcast", string(broadcast)))
	}
	a.finishPackager(t, finishAgain{id.Channel(t.Key()), broadcast, finishTries})
}

// finishPackager tells the packager of the end, a few times if it must be: nobody else ends its playlist.
func (a *actor) finishPackager(t *cluster.Turn, f finishAgain) {
	t.Pipe(func(ctx context.Context) (any, error) {
		return nil, a.deps.Packager.Finish(ctx, f.channel, f.broadcast)
	}, func(t *cluster.Turn, _ any, err error) {
		if err == nil {
			return
		}
		t.Log().Warn("the packager was not told of the end", slog.Any("error", err), slog.Int("tries_left", f.tries))
		if f.tries--; f.tries > 0 {
			t.After(retryAnnounce, f)
		}
	})
}

// announce brings room and listing in line with the state, one telling at a time: what changed meanwhile is
// told after it.
func (a *actor) announce(t *cluster.Turn) {
	if a.telling {
		a.stale = true
		return
	}
	a.telling, a.stale = true, false
	c, by, viewers := a.State().channel(), t.Fence(), a.viewers
	t.Pipe(func(ctx context.Context) (any, error) { return a.publishState(ctx, c, by, viewers) }, func(t *cluster.Turn, v any, err error) {
		a.telling = false
		a.viewers, _ = v.(int)
		a.deps.Metrics.announces.WithLabelValues(result(err == nil)).Inc()
		switch {
		case errors.Is(err, ErrStale):
			a.endPublisher(err)
			t.Stop()
		case a.stale:
			a.announce(t)
		case err != nil:
			level := slog.LevelWarn
			if fault.CodeOf(err) == "draining" { // the node ends; its next run reads the table
				level = slog.LevelDebug
			}
			t.Log().Log(context.Background(), level, "the state of the channel was not taken", slog.Any("error", err))
			if !a.State().live() && !a.again {
				a.again = true
				t.After(retryAnnounce, announceAgain{})
			}
		case c.Phase == Offline:
			a.Do(t, offlineAnnounced{})
		}
	})
}

// publishState tells room and list, and gives how many watch. The room comes first: it knows who of two
// activations is the newer one, which the list does not, so that one who has a successor and does not know
// it yet changes neither.
func (a *actor) publishState(ctx context.Context, c Channel, by position.Fence, viewers int) (int, error) {
	if c.Phase == Offline {
		told := a.deps.Rooms.SetOffline(ctx, c.Room, by)
		if errors.Is(told, ErrStale) {
			return 0, told
		}
		return 0, errors.Join(told, a.store.hide(ctx, c.ID))
	}
	now, told := a.deps.Rooms.SetLive(ctx, c.Room, by, c.Broadcast, c.Start)
	switch {
	case errors.Is(told, ErrStale):
		return viewers, told
	case told == nil:
		viewers = now
	}
	return viewers, errors.Join(a.store.show(ctx, Listed{c, viewers}), told)
}

// count keeps the gauge of channels that are live.
func (a *actor) count(on bool) {
	if on != a.counted {
		a.counted = on
		delta := map[bool]float64{true: 1, false: -1}[on]
		a.deps.Metrics.live.Add(delta)
	}
}

func (a *actor) measure(t *cluster.Turn) {
	if !a.State().exists {
		t.Fail(ErrNoChannel)
		t.Stop()
		return
	}
	c, loop := a.State().channel(), a.State().takeovers.loop(t.Now())
	t.Pipe(func(ctx context.Context) (any, error) {
		return a.deps.Packager.Stats(ctx, c.ID)
	}, func(t *cluster.Turn, v any, err error) {
		if err != nil {
			t.Fail(fault.From(err))
			return
		}
		t.Reply(judged(c, v.(packager.Health), loop, t.Now()))
	})
}
