package channel

import (
	"context"
	"time"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/storage/table"
)

// KindName addresses the channels of a node.
const KindName = "channel"

const (
	// retryAnnounce is when an offline channel tells again what room, listing or packager did not take; a live one has its beat.
	retryAnnounce = 2 * time.Second
	// finishTries is how often the packager is told of an end.
	finishTries = 5
	// unusedLease is how long a publisher may take to write its first unit; it has some in hand when it asks for the lease.
	unusedLease = time.Minute
)

// Deps is what the kind needs.
type Deps struct {
	Table    *table.Store
	Rooms    Rooms
	Packager Packager
	Config   Config
	Metrics  *Metrics
}

// Kind makes channels. The key is the channel id. An activation is pinned from the begin of a broadcast until room and listing have been told of its end.
func Kind(d Deps) cluster.Kind {
	cfg := d.Config.filled()
	s := store{d.Table, cfg}
	return cluster.Kind{
		Name:  KindName,
		Idle:  cfg.Idle,
		State: func(key string) (table.Table, string) { return channels(), key },
		Activate: func(ctx context.Context, a cluster.Activation) (cluster.Actor, error) {
			ch, err := id.ParseNumber[id.Channel](a.Key)
			if err != nil {
				return nil, ErrNoChannel
			}
			var doc document
			var version table.Version
			if a.Exists {
				if doc, version, err = s.load(ctx, ch); err != nil {
					return nil, err
				}
			}
			if version != 0 {
				if err := s.mend(ctx, doc); err != nil {
					return nil, err
				}
			}
			core := state{cfg: cfg, exists: version != 0, doc: doc, phase: Offline}
			return &actor{deps: d, store: s, state: core, version: version}, nil
		},
	}
}

// actor is the shell: it feeds commands to the core and performs the effects.
type actor struct {
	state   state
	before  state // of the command being performed; what a failed write goes back to
	deps    Deps
	store   store
	version table.Version // of the stored document; 0 while there is none
	stream  *live.Stream  // of the present lease; nil without one
	counted bool          // in the gauge of live channels
	telling bool          // an announcement is under way
	stale   bool          // the state changed meanwhile
	again   bool          // an announceAgain is on its way
	waking  bool          // a wake is on its way
	// finished is the broadcast whose end was counted last.
	finished id.Broadcast
	effects  []effect
}

// Messages that the shell answers itself.
type (
	// announceAgain repeats what was not taken.
	announceAgain struct{}
	// finishAgain repeats an end that the packager did not take.
	finishAgain struct {
		channel   id.Channel
		broadcast id.Broadcast
		tries     int
	}
	// measure reads the meters of the publisher's stream.
	measure struct{}
)

// leased answers a begin.
type leased struct {
	stream *live.Stream
	fence  Fence
}

// Start finishes what a predecessor left live.
func (a *actor) Start(t *cluster.Turn) { a.command(t, wake{}) }

// Receive performs one command.
func (a *actor) Receive(t *cluster.Turn, msg any) {
	switch m := msg.(type) {
	case announceAgain:
		a.again = false
		a.announce(t)
	case wake:
		a.waking = false
		a.command(t, m)
	case finishAgain:
		a.finishPackager(t, m)
	case measure:
		a.measure(t)
	case beat:
		a.checkPublisher(t)
		a.command(t, m)
	default:
		a.command(t, msg)
	}
	if !a.state.exists {
		t.Stop() // asking for channels that do not exist must not fill the node with them
	}
}

// Close lets the publisher go, whose lease ends with the activation, and takes the channel out of the gauge.
func (a *actor) Close(cause error) {
	a.kick(cause)
	a.count(false)
}

// checkPublisher looks whether anybody writes the stream of the lease. The one who does tells the end, but what it says may not arrive, and
// a channel must not be live for ever because of that; nor if nobody ever took the stream, and its asker could not say so.
func (a *actor) checkPublisher(t *cluster.Turn) {
	switch {
	case a.stream == nil:
	case a.stream.Err() != nil:
		a.command(t, ended{a.state.lease})
	case a.stream.Stats().Units == 0 && t.Now().Sub(a.state.since) >= unusedLease:
		a.command(t, abandoned{a.state.request})
	}
}

func (a *actor) command(t *cluster.Turn, cmd any) {
	a.before = a.state
	a.effects = a.state.apply(t.Now(), cmd, a.effects[:0])
	a.count(a.state.live())
	a.perform(t, a.effects)
}

func (a *actor) perform(t *cluster.Turn, effects []effect) {
	for i, e := range effects {
		rest := effects[i+1:]
		switch e := e.(type) {
		case reply:
			t.Reply(e.value)
		case refuse:
			t.Fail(e.err)
		case found:
			a.write(t, rest, func(ctx context.Context, fence position.Fence, _ table.Version) (table.Version, error) {
				return a.store.found(ctx, fence, e.doc, a.deps.Rooms)
			})
			return
		case persist:
			a.write(t, rest, func(ctx context.Context, fence position.Fence, version table.Version) (table.Version, error) {
				return a.store.persist(ctx, fence, e, version)
			})
			return
		case open:
			a.open(t, e, rest)
			return
		case kick:
			a.kick(e.reason)
		case interrupt:
			a.interrupt(t, e.fence)
		case finish:
			a.finish(t, e.broadcast)
		case announce:
			a.announce(t)
		case after:
			t.After(e.d, e.cmd)
		case pin:
			t.Pin(e.on)
		}
	}
}
