package room

import (
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

// maxSlowMode is the longest slow mode an owner may set.
const maxSlowMode = time.Hour

var (
	errBadRoom     = fault.New(fault.Invalid, "bad_room", "a room needs a channel and an owner")
	errRoomExists  = fault.New(fault.Conflict, "room_exists", "the room exists with another channel or owner")
	errBadSlowMode = fault.New(fault.Invalid, "bad_slow_mode", "slow mode is 0 to 1 hour").In("slow_mode")
	errBadLength   = fault.New(fault.Invalid, "bad_max_length", "the length of a text is 1 to 1000 code points").In("max_length")
	errBadLive     = fault.New(fault.Invalid, "bad_broadcast", "a broadcast needs an id and a start")
	errOldChannel  = fault.New(fault.Fenced, "stale_channel", "a newer activation of the channel has spoken since")
	errBadCommand  = fault.New(fault.Internal, "bad_command", "the room does not know this command")
)

// applyNew serves a room that was never created: it can only be created. Else the activation ends at once,
// so that asking for rooms that do not exist fills no memory.
func (s *state) applyNew(now instant, w waiter, cmd any) {
	switch c := cmd.(type) {
	case createRoom:
		if c.Channel == "" || c.Owner == "" {
			s.refuse(w, errBadRoom)
			return
		}
		if s.hold(w, cmd) {
			return
		}
		s.save(w, change{create: true, card: record{Card: Card{
			Room: s.room, Channel: c.Channel, Owner: c.Owner,
			Settings: Settings{MaxLength: DefaultLength}, Created: now.shown(),
		}}})
	case saved:
		s.saved(now, c.Err)
	case closing:
		s.fail(errMoved)
	default:
		s.refuse(w, errNoRoom)
		if s.saves.change == nil {
			s.fail(errNoRoom)
		}
	}
}

// govern performs the commands that change or show what the room is.
func (s *state) govern(now instant, w waiter, cmd any) {
	switch c := cmd.(type) {
	case getCard:
		s.answerTo(w, s.card.Card)
	case getInfo:
		s.answerTo(w, s.info())
	case mutes:
		s.answerTo(w, s.listMutes(now))
	case saved:
		s.saved(now, c.Err)
	case retrySave:
		s.retrySave()
	default:
		if !s.hold(w, cmd) {
			s.perform(now, w, cmd)
		}
	}
}

// perform carries out the commands that write, while no other change is being written.
func (s *state) perform(now instant, w waiter, cmd any) {
	switch c := cmd.(type) {
	case createRoom:
		if c.Channel != s.card.Channel || c.Owner != s.card.Owner {
			s.refuse(w, errRoomExists)
			return
		}
		s.answerTo(w, nil)
	case configure:
		s.configure(w, Adjustment(c))
	case mute:
		s.mute(now, w, c)
	case unmute:
		s.save(w, change{card: s.card, unmute: c.User})
	case setLive:
		if c.Broadcast == "" || c.Start.IsZero() {
			s.refuse(w, errBadLive)
			return
		}
		s.setBroadcast(w, c.By, c.Broadcast, c.Start.UTC().Truncate(time.Millisecond))
	case setOffline:
		s.setBroadcast(w, c.By, "", time.Time{})
	default:
		s.refuse(w, errBadCommand)
	}
}

func (s *state) configure(w waiter, c Adjustment) {
	set := s.card.Settings
	if c.SlowMode != nil {
		set.SlowMode = c.SlowMode.Truncate(time.Millisecond)
	}
	if c.MaxLength != nil {
		set.MaxLength = *c.MaxLength
	}
	switch {
	case set.SlowMode < 0 || set.SlowMode > maxSlowMode:
		s.refuse(w, errBadSlowMode)
	case set.MaxLength < 1 || set.MaxLength > MaxLength:
		s.refuse(w, errBadLength)
	case set == s.card.Settings:
		s.answerTo(w, nil)
	default:
		card := s.card
		card.Settings = set
		s.save(w, change{card: card})
	}
}

func (s *state) setBroadcast(w waiter, by position.Fence, b id.Broadcast, start time.Time) {
	switch c := by.Compare(s.card.saidBy); {
	case c < 0:
		s.refuse(w, errOldChannel)
	case c == 0 && s.card.broadcast == b && s.card.start.Equal(start):
		s.answerTo(w, s.info())
	default:
		card := s.card
		card.saidBy, card.broadcast, card.start = by, b, start
		s.save(w, change{card: card})
	}
}

// changeTo brings memory to what was written.
func (s *state) changeTo(now instant, c change) {
	s.exists = true
	s.setCard(now, c.card)
	if c.create {
		s.fanout.announced = s.fanout.version // nobody was told anything else before
	}
	if c.mute != nil {
		s.muted[c.mute.User] = muted{*c.mute, now.of(c.mute.Until)}
	}
	delete(s.muted, c.unmute)
}

// setCard takes a card, and notes what of it others are told.
func (s *state) setCard(now instant, card record) {
	if card.broadcast != s.card.broadcast {
		s.broadcastFrom = s.next()
	}
	if card.Settings != s.card.Settings || card.broadcast != s.card.broadcast || !card.start.Equal(s.card.start) {
		s.changed()
	}
	s.card, s.liveSince = card, now.of(card.start)
	if card.Settings.SlowMode == 0 {
		s.pace.clear()
	}
}
