package channel

import (
	"time"

	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/storage/outbox"
	"github.com/barrage-live/barrage/storage/table"
)

// KindName addresses the channels of a node.
const KindName = "channel"

const (
	// retryAnnounce is when an offline channel tells again what room, listing or packager did not take; a
	// live one has its beat.
	retryAnnounce = 2 * time.Second
	// finishTries is how often the packager is told of an end.
	finishTries = 5
	// unusedLease is how long a publisher may take to write its first unit; it has some in hand when it
	// asks for the lease.
	unusedLease = time.Minute
)

// Deps is what the kind needs.
type Deps struct {
	Table    *table.Store
	Rooms    Rooms
	Packager Packager
	Config   Config
	Metrics  *Metrics
	Undone   *outbox.Undone
}

type shell = document.Shell[stored, state, *state]

// Kind makes channels. The key is the channel id. An activation is pinned from the begin of a broadcast
// until room and listing have been told of its end.
func Kind(d Deps) cluster.Kind {
	cfg := d.Config.filled()
	s := store{d.Table, cfg, d.Rooms}
	return document.Kind[stored, state, *state]{
		Name: KindName, Idle: cfg.Idle, Messages: messages(), Local: local(), Tables: d.Table, Table: channels(),
		Undone: d.Undone, Around: s.around, Settle: s.settle,
		Core: func() state { return state{cfg: cfg, phase: Offline} },
		Parse: func(key string) error {
			if _, err := id.ParseNumber[id.Channel](key); err != nil {
				return ErrNoChannel
			}
			return nil
		},
		Actor: func(sh *shell) cluster.Actor {
			a := &actor{shell: sh, deps: d, store: s}
			sh.Own = a.own
			return a
		},
	}.Cluster()
}

// actor performs what only channels do.
type actor struct {
	*shell
	deps    Deps
	store   store
	stream  *live.Stream // of the present lease; nil without one
	counted bool         // in the gauge of live channels
	telling bool         // an announcement is under way
	stale   bool         // the state changed meanwhile
	again   bool         // an announceAgain is on its way
	viewers int          // at the last beat
	// finished is the broadcast whose end was counted last.
	finished id.Broadcast
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

// Receive performs one command.
func (a *actor) Receive(t *cluster.Turn, msg any) {
	switch m := msg.(type) {
	case announceAgain:
		a.again = false
		a.announce(t)
	case finishAgain:
		a.finishPackager(t, m)
	case measure:
		a.measure(t)
	case beat:
		a.checkPublisher(t)
		a.Do(t, m)
	default:
		a.shell.Receive(t, msg)
	}
}

// Close takes the channel out of the gauge and lets the publisher go, unless the next activation will take
// it over: after a panic the publisher and the packager are still there.
func (a *actor) Close(cause error) {
	if fault.CodeOf(cause) != "actor_panicked" {
		a.endPublisher(cause)
	}
	a.count(false)
	a.shell.Close(cause)
}

// checkPublisher looks whether anybody writes the stream of the lease. The one who does tells the end, but
// what it says may not arrive, and a channel must not be live for ever because of that; nor if nobody ever
// took the stream, and its asker could not say so.
func (a *actor) checkPublisher(t *cluster.Turn) {
	switch {
	case a.State().phase != Live:
	case a.stream == nil, a.stream.Err() != nil:
		a.Do(t, ended{fence: a.State().lease})
	case a.stream.Stats().Units == 0 && t.Now().Sub(a.State().since) >= unusedLease:
		a.Do(t, abandoned{a.State().request})
	}
}

// own performs the effects of this kind.
func (a *actor) own(t *cluster.Turn, e document.Effect, rest []document.Effect) (waits bool) {
	switch e := e.(type) {
	case open:
		a.open(t, e, rest)
		return true
	case keepNames:
		a.keepNames(t, rest)
		return true
	case adopt:
		a.adopt(t, e.broadcast)
	case endPublisher:
		a.endPublisher(e.reason)
	case interrupt:
		a.interrupt(t, e.fence)
	case finish:
		a.finish(t, e.broadcast)
	case announce:
		a.count(a.State().live())
		a.announce(t)
	case document.Lost:
		a.endPublisher(e.Cause)
	}
	return false
}
