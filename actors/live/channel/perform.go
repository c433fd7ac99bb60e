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
	"github.com/barrage-live/barrage/live/origin"
	"github.com/barrage-live/barrage/live/packager"
)

// What a fence of recordings is for.
const (
	writes = 0 // the holder of the lease writes
	ends   = 1 // whoever held it writes no more
)

// recordFence is the fence of what is recorded under the last lease that was given: it grows with the owner
// of the channel and with every lease, and what ends or deletes a recording shuts out whoever wrote it.
func (a *actor) recordFence(t *cluster.Turn, what uint64) position.Fence {
	return position.Fence{Epoch: t.Fence().Epoch, Activation: 2*a.State().doc.Fence + what}
}

// lost lets go of a publisher whose channel cannot be led any more; where there is a newer owner, that adopts
// it.
func (a *actor) lost(t *cluster.Turn, cause error) {
	if a.State().phase == Live && fault.KindOf(cause) != fault.Fenced {
		a.interrupt(t, interrupt{a.State().lease, cause})
	}
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

// adopt finds out what a predecessor of this activation has left running, and has a broadcast shown again of
// which nothing runs. If nobody knows whether that is possible, its publisher will find out.
func (a *actor) adopt(t *cluster.Turn, l origin.Lease) {
	l.Record = a.recordFence(t, writes)
	t.Await(func(ctx context.Context) (any, error) {
		h, err := a.deps.Origins.Held(ctx, l.Channel)
		if err != nil || h.Broadcast == l.Broadcast {
			return h, err
		}
		return origin.Held{}, a.deps.Origins.Restore(ctx, l)
	}, func(t *cluster.Turn, v any, err error) {
		switch kind := fault.KindOf(err); {
		case err == nil:
		case kind == fault.Conflict || kind == fault.NotFound:
			a.Do(t, gone{})
			return
		default:
			t.Log().Warn("it is not known what is left of a broadcast", slog.String("broadcast", string(l.Broadcast)), slog.Any("error", err))
		}
		h, _ := v.(origin.Held)
		t.Log().Info("goes on with a broadcast", slog.String("broadcast", string(l.Broadcast)), slog.Bool("publisher", h.Publishing))
		a.Do(t, adopted{h})
	})
}

// inquire asks at a beat whether the publisher is there.
func (a *actor) inquire(t *cluster.Turn) {
	ch, asked := id.Channel(t.Key()), t.Now()
	t.Pipe(func(ctx context.Context) (any, error) {
		return a.deps.Origins.Held(ctx, ch)
	}, func(t *cluster.Turn, v any, err error) {
		h, _ := v.(origin.Held) // of a node that does not answer nothing is known
		if err != nil {
			h = origin.Held{}
		}
		a.Do(t, heard{h, asked})
	})
}

func (a *actor) interrupt(t *cluster.Turn, i interrupt) {
	if a.State().phase == Interrupted { // else another one is there, or it has not told yet that it is gone
		a.deps.Metrics.lost.Inc()
	}
	t.Log().Info("publisher let go", slog.Uint64("fence", i.fence), slog.String("why", fault.CodeOf(i.reason)))
	ch := id.Channel(t.Key())
	t.Pipe(func(ctx context.Context) (any, error) {
		return nil, a.deps.Origins.Interrupt(ctx, ch, i.fence, i.reason)
	}, func(t *cluster.Turn, _ any, err error) {
		if err != nil { // no harm: the next publisher or the end will tell it
			t.Log().Warn("an interruption was not told", slog.Any("error", err))
		}
	})
}

func (a *actor) finish(t *cluster.Turn, broadcast id.Broadcast) {
	if a.finished != broadcast { // else it is told again
		a.finished = broadcast
		a.deps.Metrics.finished.Inc()
		t.Log().Info("broadcast finished", slog.String("broadcast", string(broadcast)))
	}
	a.end(t, finishAgain{id.Channel(t.Key()), broadcast, a.State().doc.Fence, finishTries})
}

// end tells the node of the publisher of the end, and ends what is left open of the recording, a few times if
// it must be: nobody else ends its playlist.
func (a *actor) end(t *cluster.Turn, f finishAgain) {
	fence := a.recordFence(t, ends)
	t.Pipe(func(ctx context.Context) (any, error) {
		if err := a.deps.Origins.Finish(ctx, f.channel, f.broadcast, f.fence); err != nil {
			return nil, err
		}
		return nil, a.deps.Recordings.Recover(ctx, fence, f.broadcast)
	}, func(t *cluster.Turn, _ any, err error) {
		if err == nil {
			return
		}
		t.Log().Warn("an end was not taken", slog.Any("error", err), slog.Int("tries_left", f.tries))
		if f.tries--; f.tries > 0 {
			t.After(retryAnnounce, f)
		}
	})
}

// recoverRecording ends a recording and replies. As removeRecording it waits for the storage on the side; the
// Store changes one recording once at a time.
func (a *actor) recoverRecording(t *cluster.Turn, b id.Broadcast) {
	fence := a.recordFence(t, ends)
	t.Pipe(func(ctx context.Context) (any, error) {
		return nil, a.deps.Recordings.Recover(ctx, fence, b)
	}, done)
}

func (a *actor) removeRecording(t *cluster.Turn, b id.Broadcast) {
	ch, fence := id.Channel(t.Key()), a.recordFence(t, ends)
	t.Pipe(func(ctx context.Context) (any, error) {
		return nil, a.deps.Recordings.Remove(ctx, fence, ch, b)
	}, done)
}

func done(t *cluster.Turn, _ any, err error) {
	if err != nil {
		t.Fail(fault.From(err))
		return
	}
	t.Reply(struct{}{})
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
	c, loop, refusal := a.State().channel(), a.State().takeovers.loop(t.Now()), a.State().refusal
	t.Pipe(func(ctx context.Context) (any, error) {
		return a.deps.Origins.Health(ctx, c.ID)
	}, func(t *cluster.Turn, v any, err error) {
		if err != nil {
			t.Fail(fault.From(err))
			return
		}
		i := judged(c, v.(packager.Health), loop, t.Now())
		i.Refusal = refusal
		t.Reply(i)
	})
}
