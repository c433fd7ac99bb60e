package channel

import (
	"time"

	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/storage/outbox"
	"github.com/barrage-live/barrage/storage/table"
)

// KindName addresses the channels of a node.
const KindName = "channel"

const (
	// retryAnnounce is when an offline channel tells again what room, listing or origin did not take; a
	// live one has its beat.
	retryAnnounce = 2 * time.Second
	// finishTries is how often the node of the publisher is told of an end.
	finishTries = 5
)

// Deps is what the kind needs.
type Deps struct {
	Table      *table.Store
	Rooms      Rooms
	Origins    Origins
	Recordings Recordings
	Config     Config
	Metrics    *Metrics
	Undone     *outbox.Undone
}

type shell = document.Shell[stored, state, *state]

// Kind makes channels. The key is the channel id. An activation is pinned from the begin of a broadcast
// until room and listing have been told of its end.
func Kind(d Deps) cluster.Kind {
	cfg := d.Config.filled()
	s := store{d.Table, cfg, d.Rooms}
	return document.Kind[stored, state, *state]{
		Name: KindName, Idle: cfg.Idle, Messages: messages(), Tables: d.Table, Table: channels(),
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
	counted bool // in the gauge of live channels
	telling bool // an announcement is under way
	stale   bool // the state changed meanwhile
	again   bool // an announceAgain is on its way
	viewers int  // at the last beat
	// finished is the broadcast whose end was counted last.
	finished id.Broadcast
}

// Messages that the shell answers itself.
type (
	// announceAgain repeats what was not taken.
	announceAgain struct{}
	// finishAgain repeats an end that was not taken.
	finishAgain struct {
		channel   id.Channel
		broadcast id.Broadcast
		fence     Fence // of its last lease
		tries     int
	}
	// measure reads the meters of the publisher's stream.
	measure struct{}
)

// Receive performs one command.
func (a *actor) Receive(t *cluster.Turn, msg any) {
	switch m := msg.(type) {
	case announceAgain:
		a.again = false
		a.announce(t)
	case finishAgain:
		a.end(t, m)
	case measure:
		a.measure(t)
	default:
		a.shell.Receive(t, msg)
	}
}

// Close takes the channel out of the gauge. Whoever publishes goes on: the next activation adopts it.
func (a *actor) Close(cause error) {
	a.count(false)
	a.shell.Close(cause)
}

// own performs the effects of this kind.
func (a *actor) own(t *cluster.Turn, e document.Effect, rest []document.Effect) (waits bool) {
	switch e := e.(type) {
	case grant:
		e.Record = a.recordFence(t, writes)
		t.Reply(e.Lease)
	case keepNames:
		a.keepNames(t, rest)
		return true
	case adopt:
		a.adopt(t, e.Lease)
	case inquire:
		a.inquire(t)
	case interrupt:
		a.interrupt(t, e)
	case finish:
		a.finish(t, e.broadcast)
	case recoverRecording:
		a.recoverRecording(t, e.broadcast)
	case removeRecording:
		a.removeRecording(t, e.broadcast)
	case announce:
		a.count(a.State().live())
		a.announce(t)
	case document.Lost:
		a.lost(t, e.Cause)
	}
	return false
}
