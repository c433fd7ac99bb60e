package room

import (
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

// The refusals of a room as a whole.
var (
	errNoRoom  = fault.New(fault.NotFound, "no_room", "no such room")
	errBusy    = fault.New(fault.Exhausted, "room_busy", "the room takes no more at the moment")
	errMoved   = fault.New(fault.Unavailable, "room_restarting", "the room restarts; nothing was done")
	errDoubt   = fault.New(fault.Unavailable, "room_recovering", "the room is finding out how its last write ended; nothing was done")
	errUnknown = fault.New(fault.Timeout, "outcome_unknown", "the room could not learn whether it was done; try again with the same key")
)

// state is the core of a room: pure, single-owner, time is an argument.
type state struct {
	cfg   Config
	room  id.Room
	epoch position.Epoch
	out   []effect // of the command being applied

	// exists is false until the room is created; then nothing but a create is accepted.
	exists bool
	// ended is true once the activation has been given up: it only refuses, until it is gone.
	ended bool

	card      record
	liveSince time.Duration // when media time 0 of the running broadcast was
	// broadcastFrom is the first offset that danmaku of the card's broadcast may have, as far as is known.
	broadcastFrom position.Offset
	muted         map[id.User]muted
	saves         saves

	// The log: everything up to head is durable, and the queue continues it without a hole, so a failed
	// append can leave none.
	head     position.Position
	queue    appendQueue
	appendAt time.Duration // when the append in flight was handed to the log
	doubt    doubt         // about the append in flight
	keys     *dedup
	pace     *pace
	rates    *rates

	ring   ring
	reads  int
	fanout fanout

	indexing indexing
}

// loaded is what an activation found in storage.
type loaded struct {
	exists bool
	card   record
	mutes  []Mute
	head   position.Position
	tail   []Danmaku // the newest rows, in order
	index  indexed   // how far the log is in the index at least
	// activation numbers those of one owner, so that what a later one says of the room is newer.
	activation uint64
}

func newState(now instant, cfg Config, room id.Room, epoch position.Epoch, l loaded) *state {
	s := &state{
		cfg: cfg, room: room, epoch: epoch, exists: l.exists, head: l.head,
		muted: make(map[id.User]muted, len(l.mutes)),
		ring:  ring{maxCount: cfg.RingRows, maxBytes: cfg.RingBytes},
		keys:  newDedup(cfg.Window, cfg.WindowKeys),
		pace:  newPace(cfg.WindowKeys),
		rates: newRates(cfg.PostRate, cfg.PostBurst),
	}
	s.setCard(now, l.card)
	s.broadcastFrom = s.next()
	l.index.to = min(l.index.to, l.head.Offset)
	s.indexing.at, s.indexing.saved = l.index, l.index
	for _, m := range l.mutes {
		s.muted[m.User] = muted{m, now.of(m.Until)}
	}
	for i := range l.tail {
		d := &l.tail[i]
		at := min(now.of(d.At), now.at)
		s.ring.push(d, d.Weight())
		s.keys.settle(postKey{d.User, d.Key}, d.Position, s.keys.content(d.Text, d.Mode, d.Colour, d.Size), at)
		if slow := s.card.Settings.SlowMode; slow > 0 {
			s.pace.note(d.User, at, slow)
		}
	}
	s.keys.forget(now.at)
	if _, last, ok := s.ring.bounds(); ok && last != l.head.Offset {
		s.ring.clear()
	}
	s.fanout = newFanout(now, l.head)
	s.fanout.version += l.activation << 32
	s.fanout.announced = s.fanout.version
	return s
}

// apply performs one command and appends what is to be done to dst.
func (s *state) apply(now instant, w waiter, cmd any, dst []effect) []effect {
	s.out = dst
	switch {
	case s.ended:
		s.applyEnded(w, cmd)
	case s.exists:
		s.dispatch(now, w, cmd)
		s.index(now)
	default:
		s.applyNew(now, w, cmd)
	}
	out := s.out
	s.out = nil
	return out
}

func (s *state) dispatch(now instant, w waiter, cmd any) {
	switch c := cmd.(type) {
	case post:
		s.post(now, w, c)
	case appended:
		s.appended(now, c.Err)
	case retryAppend:
		s.retryAppend()
	case tick:
		s.fanout.wake = 0
		s.schedule(now)
	case attach:
		s.attach(now, w, c)
	case detach:
		s.detach(now, c)
	case report:
		s.report(now, w, c)
	case resume:
		s.resume(w, c)
	case history:
		s.history(w, c)
	case rowsRead:
		s.rowsRead(w, c)
	case settle:
		s.settle(w, c)
	case stepped:
		s.stepped(now, c)
	case indexDue:
		s.indexing.due = 0
	case closing:
		s.fail(errMoved)
	default:
		s.govern(now, w, cmd)
	}
}

// applyEnded serves whoever comes between the end of the core and that of the activation.
func (s *state) applyEnded(w waiter, cmd any) {
	switch c := cmd.(type) {
	case saved:
		s.lateSaved(c.Err)
	case rowsRead:
		s.rowsRead(w, c)
	default:
		s.refuse(w, errMoved)
	}
}

func (s *state) emit(e effect) { s.out = append(s.out, e) }

func (s *state) answerTo(w waiter, value any) {
	if w != 0 {
		s.emit(effect{do: doAnswer, to: w, value: value})
	}
}

func (s *state) answerPost(w waiter, p position.Position, duplicate bool) {
	if w != 0 {
		s.emit(effect{do: doAnswer, to: w, posted: posted{p, duplicate}})
	}
}

func (s *state) refuse(w waiter, err error) {
	if w != 0 {
		s.emit(effect{do: doRefuse, to: w, err: err})
	}
}
