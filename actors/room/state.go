package room

import (
	"slices"
	"time"
	"unicode/utf8"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

// Bounds of one append: well inside those of a table batch.
const (
	appendRows  = 1000
	appendBytes = 1 << 20
)

// The refusals of a room.
var (
	errNoRoom  = fault.New(fault.NotFound, "no_room", "no such room")
	errNobody  = fault.New(fault.Unauthenticated, "login_required", "posting needs an account")
	errMuted   = fault.New(fault.Denied, "muted", "you are muted in this room")
	errBusy    = fault.New(fault.Exhausted, "room_busy", "the room takes no more danmaku at the moment")
	errBadName = fault.New(fault.Invalid, "bad_name", "a name is 1 to 256 bytes of UTF-8").In("name")
	errSlow    = fault.New(fault.Exhausted, "slow_mode", "the room is in slow mode")
	errMoved   = fault.New(fault.Unavailable, "room_restarting", "the room restarts; nothing was done")
	errUnknown = fault.New(fault.Timeout, "outcome_unknown", "the room could not learn whether it was done; try again with the same key")
)

// state is the core of a room: pure, single-owner, time is an argument.
type state struct {
	cfg   Config
	room  id.Room
	epoch position.Epoch
	out   []effect // of the command being applied

	// known is false until the room is created; then nothing but a create is accepted.
	known bool
	card  record
	muted map[id.User]Mute
	// saving is owed an answer once the change being written is durable; no other command comes between.
	saving waiter
	undo   func() // takes that change back

	// The log: everything up to head is durable. inflight is being appended, pending waits for its turn; together they
	// continue head without a hole, so a failed append can leave none.
	head              position.Position
	flying            bool
	inflight, pending []Danmaku
	inflightTo        []waiter
	pendingTo         []waiter
	ring              ring
	window            *window
	pace              *pace
	reads             int

	fanout fanout
}

// loaded is what an activation found in storage.
type loaded struct {
	known bool
	card  record
	mutes []Mute
	head  position.Position
	tail  []Danmaku // the newest rows, in order
}

func newState(now time.Time, cfg Config, room id.Room, epoch position.Epoch, l loaded) *state {
	s := &state{
		cfg: cfg, room: room, epoch: epoch, known: l.known, card: l.card, head: l.head,
		muted:  make(map[id.User]Mute, len(l.mutes)),
		ring:   ring{maxCount: cfg.RingRows, maxBytes: cfg.RingBytes},
		window: newWindow(cfg.Window, cfg.WindowKeys),
		pace:   newPace(cfg.WindowKeys),
	}
	for _, m := range l.mutes {
		s.muted[m.User] = m
	}
	for _, d := range l.tail {
		s.ring.push(d)
		s.window.settle(postKey{d.User, d.Key}, d.Position, d.At)
		if s.card.Settings.SlowMode > 0 {
			s.pace.note(d.User, d.At, s.card.Settings.SlowMode)
		}
	}
	s.window.forget(now)
	if _, last, ok := s.ring.bounds(); ok && last != l.head.Offset {
		s.ring.clear()
	}
	s.fanout.sent, s.fanout.version, s.fanout.told = l.head, 1, 1
	return s
}

// apply performs one command and appends what is to be done to dst.
func (s *state) apply(now time.Time, w waiter, cmd any, dst []effect) []effect {
	s.out = dst
	if s.known {
		s.dispatch(now, w, cmd)
	} else {
		s.applyUnknown(now, w, cmd)
	}
	out := s.out
	s.out = nil
	return out
}

func (s *state) dispatch(now time.Time, w waiter, cmd any) {
	switch c := cmd.(type) {
	case post:
		s.post(now, w, c)
	case appended:
		s.appended(now, c.Err)
	case tick:
		s.fanout.wake = time.Time{}
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
	case found:
		s.found(w, c)
	case closing:
		s.close()
	default:
		s.govern(now, w, cmd)
	}
}

func (s *state) emit(e effect) { s.out = append(s.out, e) }

func (s *state) answerTo(w waiter, value any) {
	if w != 0 {
		s.emit(effect{do: doAnswer, to: w, value: value})
	}
}

func (s *state) refuse(w waiter, err error) {
	if w != 0 {
		s.emit(effect{do: doRefuse, to: w, err: err})
	}
}

// post accepts a danmaku into the log's queue, or says why not. A key already posted is answered before anything else is
// judged: what was accepted once stays accepted.
func (s *state) post(now time.Time, w waiter, c post) {
	if err := checkPost(c); err != nil {
		s.refuse(w, err)
		return
	}
	s.window.forget(now)
	k := postKey{c.Author.User, c.Draft.Key}
	if p, ok := s.window.posted[k]; ok {
		if p.Offset == 0 {
			s.window.joined[k] = append(s.window.joined[k], w)
			return
		}
		s.emit(effect{do: doAnswer, to: w, posted: posted{p, true}})
		return
	}
	d, err := s.admit(now, c)
	if err != nil {
		s.refuse(w, err)
		return
	}
	s.window.begin(k)
	s.pending = append(s.pending, d)
	s.pendingTo = append(s.pendingTo, w)
	s.flush()
}

func checkPost(c post) error {
	switch {
	case c.Author.User == "":
		return errNobody
	case c.Author.Name == "" || len(c.Author.Name) > maxName || !utf8.ValidString(c.Author.Name):
		return errBadName
	}
	return checkKey(c.Draft.Key)
}

// admit judges a new post and numbers it.
func (s *state) admit(now time.Time, c post) (Danmaku, error) {
	d, err := c.Draft.normalised(s.card.Settings.MaxLength)
	if err != nil {
		return Danmaku{}, err
	}
	user, slow := c.Author.User, s.card.Settings.SlowMode
	if s.isMuted(user, now) {
		return Danmaku{}, errMuted
	}
	paced := slow > 0 && !s.exempt(c.Author)
	if paced {
		if wait := s.pace.wait(user, now, slow); wait > 0 {
			return Danmaku{}, errSlow.After(wait)
		}
	}
	waiting := len(s.inflight) + len(s.pending)
	if waiting+len(s.fanout.batch) >= s.cfg.MaxPending {
		return Danmaku{}, errBusy.After(s.interval())
	}
	at := now.UTC().Truncate(time.Millisecond)
	if paced {
		s.pace.note(user, at, slow)
	}
	return Danmaku{
		Position: position.Position{Epoch: s.epoch, Offset: s.head.Offset + position.Offset(waiting) + 1},
		Key:      d.Key, User: user, Name: c.Author.Name, Text: d.Text, Mode: d.Mode, Colour: d.Colour, Size: d.Size,
		MediaTime: mediaTime(d.MediaTime, s.card.broadcast != "", s.card.start, now),
		At:        at, Broadcast: s.card.broadcast,
	}, nil
}

// exempt reports whether slow mode spares the author.
func (s *state) exempt(a Author) bool {
	return a.User == s.card.Owner || slices.Contains(a.Roles, "moderator") || slices.Contains(a.Roles, "admin")
}

// flush appends what waits, unless an append is out already: while it is, others gather for the next.
func (s *state) flush() {
	if s.flying || len(s.pending) == 0 {
		return
	}
	n, size := 0, 0
	for n < len(s.pending) && n < appendRows && (n == 0 || size < appendBytes) {
		size += weight(s.pending[n])
		n++
	}
	rest, restTo := s.pending[n:], s.pendingTo[n:]
	free, freeTo := s.inflight[:0], s.inflightTo[:0]
	s.inflight, s.inflightTo = s.pending[:n], s.pendingTo[:n]
	s.pending, s.pendingTo = append(free, rest...), append(freeTo, restTo...)
	s.flying = true
	s.emit(effect{do: doAppend, rows: s.inflight})
}

// appended acknowledges what is durable now and passes it on to the tick.
func (s *state) appended(now time.Time, err error) {
	s.flying = false
	if err != nil {
		s.notAppended(now, err)
		return
	}
	for i, d := range s.inflight {
		s.head = d.Position
		s.ring.push(d)
		s.emit(effect{do: doAnswer, to: s.inflightTo[i], posted: posted{d.Position, false}})
		for _, w := range s.window.settle(postKey{d.User, d.Key}, d.Position, d.At) {
			s.emit(effect{do: doAnswer, to: w, posted: posted{d.Position, true}})
		}
	}
	s.collect(s.inflight)
	clear(s.inflight)
	s.inflight, s.inflightTo = s.inflight[:0], s.inflightTo[:0]
	s.flush()
	s.schedule(now)
}

// notAppended refuses everything that waits for the log. Where the storage says that it did nothing, the room goes on:
// should that be untrue, the next append finds its place taken and is refused. Else only the next activation, which fences
// and reads, can know what the log holds.
func (s *state) notAppended(now time.Time, err error) {
	err, sure := outcome(err)
	if !sure {
		s.fail(err)
		return
	}
	s.refuseAll(err, err)
	s.schedule(now)
}

// fail refuses everything that waits and ends the activation. What was not yet handed to the log was certainly not done; what
// is on its way there may still be.
func (s *state) fail(err error) {
	if s.flying {
		err = errUnknown
	}
	s.refuseAll(err, errMoved)
	s.close()
	s.emit(effect{do: doStop})
}

// outcome is what an asker is told of a failed write; sure says that the room may go on after it.
func outcome(err error) (told error, sure bool) {
	e := fault.From(err)
	switch e.Kind {
	case fault.Unavailable, fault.Exhausted:
		return e, true
	case fault.Fenced, fault.Conflict:
		return errMoved, false
	default:
		return errUnknown, false
	}
}

func (s *state) refuseAll(inflight, pending error) {
	s.refuseRows(s.inflight, s.inflightTo, inflight)
	s.refuseRows(s.pending, s.pendingTo, pending)
	s.inflight, s.inflightTo, s.pending, s.pendingTo = nil, nil, nil, nil
}

func (s *state) refuseRows(rows []Danmaku, to []waiter, err error) {
	for i, d := range rows {
		k := postKey{d.User, d.Key}
		s.refuse(to[i], err)
		for _, w := range s.window.abandon(k) {
			s.refuse(w, err)
		}
		s.pace.forgive(d.User)
	}
}
