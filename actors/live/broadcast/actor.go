package broadcast

import (
	"context"

	"github.com/barrage-live/barrage/actors/live/channel"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/packager"
)

// KindName addresses the broadcasts of a node.
const KindName = "broadcast"

// Kind makes packagers. The key is the channel id. An activation is pinned from the first Open until the
// broadcast has lingered.
func Kind(d Deps) cluster.Kind {
	if d.Config.Linger <= 0 {
		d.Config.Linger = defaultLinger
	}
	return cluster.Kind{
		Name: KindName, Messages: messages(), Local: local(),
		Activate: func(_ context.Context, a cluster.Activation) (cluster.Actor, error) {
			ch, err := id.ParseNumber[id.Channel](a.Key)
			if err != nil {
				return nil, ErrNotLive
			}
			return &actor{deps: d, channel: ch, fence: a.Fence}, nil
		},
	}
}

// actor is the shell: it feeds commands to the core and performs the effects.
type actor struct {
	deps     Deps
	channel  id.Channel
	fence    position.Fence // of everything that is recorded
	state    state
	packager *packager.Packager // nil before the first Open
	stream   *live.Stream       // of the present lease; nil without one
	works    int                // settling and removing under way
	effects  []any
}

// Messages that the shell answers itself.
type (
	locate struct{}
	health struct{}
	// inquire asks what there is of a broadcast.
	inquire struct{ broadcast id.Broadcast }
)

// Receive performs one command or answers a question.
func (a *actor) Receive(t *cluster.Turn, msg any) {
	switch m := msg.(type) {
	case inquire:
		if !a.state.goesOn(m.broadcast) {
			t.Fail(ErrNotLive)
			a.rest(t)
			return
		}
		t.Reply(channel.Held{Fence: a.state.fence, Stream: a.stream})
	case locate:
		if a.packager == nil {
			t.Fail(ErrNotLive)
			a.rest(t)
			return
		}
		t.Reply(a.packager)
	case health:
		if a.packager == nil {
			t.Reply(packager.Health{})
			return
		}
		t.Reply(a.packager.Health())
	default:
		a.effects = a.state.apply(t.Now(), msg, a.effects[:0])
		for _, e := range a.effects {
			a.perform(t, e)
		}
	}
}

func (a *actor) perform(t *cluster.Turn, effect any) {
	switch e := effect.(type) {
	case begin:
		a.begin(t, e.Opening)
	case attach:
		a.attach(t, e.Opening)
	case again:
		t.Reply(a.stream)
	case detach:
		a.detach(t)
	case end:
		a.end(t, e.keep)
	case settle:
		a.settle(t, e.broadcast)
	case remove:
		a.remove(t, e)
	case linger:
		t.After(a.deps.Config.Linger, gone(e))
	case leave:
		a.packager.Abandon() // it was finished when the broadcast ended
		a.packager = nil
		t.Pin(false)
		a.rest(t)
	case done:
		t.Reply(struct{}{})
	case refuse:
		t.Fail(e.err)
	}
}

func (a *actor) begin(t *cluster.Turn, o channel.Opening) {
	w := a.deps.Recordings.Writer(o.Broadcast, a.fence, index.Header{
		Channel: a.channel, Room: o.Room, Title: o.Title, Start: o.Start,
	})
	p, err := packager.Start(packager.Config{
		Channel: a.channel, Broadcast: o.Broadcast, Start: o.Start, Recorder: w,
		Waiting: a.deps.Waiting, Window: a.deps.Config.Window, Cut: a.deps.Config.Cut,
		Log: a.deps.Log, Metrics: a.deps.Metrics,
	})
	if err != nil {
		w.Die()
		t.Fail(err)
		t.Stop()
		return
	}
	a.packager = p
	t.Pin(true)
}

// attach waits for the pump of the stream before, which takes no longer than writing one part.
func (a *actor) attach(t *cluster.Turn, o channel.Opening) {
	if a.packager == nil {
		return // begin has failed and answered
	}
	a.closeStream(live.ErrTakenOver)
	p, s := a.packager, live.NewStream(id.NewStream(), o.Tracks)
	a.stream = s // from here on Close finds it
	t.Await(func(context.Context) (any, error) { return nil, p.Attach(s) }, func(t *cluster.Turn, _ any, err error) {
		if err != nil {
			a.closeStream(err)
			a.state.phase = interrupted
			t.Fail(err)
			return
		}
		t.Reply(s)
	})
}

func (a *actor) closeStream(reason error) {
	if a.stream != nil {
		a.stream.Close(reason)
		a.stream = nil
	}
}

// Passivate ends what is still on when the node stops.
func (a *actor) Passivate(context.Context) error {
	a.closeStream(fault.New(fault.Unavailable, "node_stopping", "the node is stopping"))
	if a.packager != nil {
		a.packager.Close()
		a.packager = nil
	}
	return nil
}

// Close lets the publisher go and ends the broadcast on the side, where that was not done in order.
func (a *actor) Close(cause error) {
	a.closeStream(cause)
	if a.packager != nil {
		a.packager.Abandon()
	}
}
