package room

import (
	"cmp"
	"slices"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
)

// maxSlowMode is the longest slow mode an owner may set.
const maxSlowMode = time.Hour

var (
	errRoomExists  = fault.New(fault.Conflict, "room_exists", "the room exists with another channel or owner")
	errBadSlowMode = fault.New(fault.Invalid, "bad_slow_mode", "slow mode is 0 to 1 hour").In("slow_mode")
	errBadLength   = fault.New(fault.Invalid, "bad_max_length", "the length of a text is 1 to 1000 code points").In("max_length")
	errOwner       = fault.New(fault.Denied, "owner_immune", "the owner cannot be muted")
	errBadMute     = fault.New(fault.Invalid, "bad_mute", "a mute needs a user and a moment in the future")
	errMutesFull   = fault.New(fault.Exhausted, "too_many_mutes", "the room cannot remember more mutes")
	errBadLive     = fault.New(fault.Invalid, "bad_broadcast", "a broadcast needs an id and a start")
	errBadCommand  = fault.New(fault.Internal, "bad_command", "the room does not know this command")
)

// applyUnknown serves a room that was never created: it can only be created. Else the activation ends at once, so that
// asking for rooms that do not exist fills no memory.
func (s *state) applyUnknown(now time.Time, w waiter, cmd any) {
	switch c := cmd.(type) {
	case createRoom:
		if c.Channel == "" || c.Owner == "" {
			s.refuse(w, fault.New(fault.Invalid, "bad_room", "a room needs a channel and an owner"))
			return
		}
		s.known = true
		s.card = record{Card: Card{
			Room: s.room, Channel: c.Channel, Owner: c.Owner,
			Settings: Settings{MaxLength: DefaultLength}, Created: now.UTC().Truncate(time.Millisecond),
		}}
		s.save(w, change{create: true}, nil)
	default:
		s.refuse(w, errNoRoom)
		s.emit(effect{do: doStop})
	}
}

// govern performs the commands that change or show what the room is.
func (s *state) govern(now time.Time, w waiter, cmd any) {
	switch c := cmd.(type) {
	case createRoom:
		if c.Channel != s.card.Channel || c.Owner != s.card.Owner {
			s.refuse(w, errRoomExists)
			return
		}
		s.answerTo(w, nil)
	case about:
		s.answerTo(w, s.card.Card)
	case look:
		s.answerTo(w, s.info())
	case mutes:
		s.answerTo(w, s.listMutes(now))
	case configure:
		s.configure(w, Adjustment(c))
	case mute:
		s.mute(now, w, c)
	case unmute:
		undo := s.remute(c.User)
		delete(s.muted, c.User)
		s.save(w, change{unmute: c.User}, undo)
	case setLive:
		if c.Broadcast == "" || c.Start.IsZero() {
			s.refuse(w, errBadLive)
			return
		}
		s.setBroadcast(w, c.Broadcast, c.Start.UTC().Truncate(time.Millisecond))
	case setOffline:
		s.setBroadcast(w, "", time.Time{})
	case saved:
		s.saved(now, c.Err)
	default:
		s.refuse(w, errBadCommand)
	}
}

func (s *state) configure(w waiter, c Adjustment) {
	old := s.card.Settings
	set := old
	if c.SlowMode != nil {
		set.SlowMode = c.SlowMode.Truncate(time.Millisecond)
	}
	if c.MaxLength != nil {
		set.MaxLength = *c.MaxLength
	}
	switch {
	case set.SlowMode < 0 || set.SlowMode > maxSlowMode:
		s.refuse(w, errBadSlowMode)
		return
	case set.MaxLength < 1 || set.MaxLength > MaxLength:
		s.refuse(w, errBadLength)
		return
	case set == old:
		s.answerTo(w, nil)
		return
	}
	s.card.Settings = set
	s.changed()
	s.save(w, change{}, func() { s.card.Settings = old })
}

func (s *state) setBroadcast(w waiter, b id.Broadcast, start time.Time) {
	if s.card.broadcast == b && s.card.start.Equal(start) {
		s.answerTo(w, nil)
		return
	}
	old := s.card
	s.card.broadcast, s.card.start = b, start
	s.changed()
	s.save(w, change{}, func() { s.card = old })
}

func (s *state) mute(now time.Time, w waiter, c mute) {
	switch {
	case c.User == "" || !c.Until.After(now):
		s.refuse(w, errBadMute)
		return
	case c.User == s.card.Owner:
		s.refuse(w, errOwner)
		return
	}
	s.forgetMutes(now)
	if _, again := s.muted[c.User]; !again && len(s.muted) >= s.cfg.MaxMutes {
		s.refuse(w, errMutesFull)
		return
	}
	m := Mute{
		User: c.User, Until: c.Until.UTC().Truncate(time.Millisecond), By: c.By, At: now.UTC().Truncate(time.Millisecond),
	}
	undo := s.remute(c.User)
	s.muted[c.User] = m
	s.save(w, change{mute: &m}, undo)
}

// remute is what brings the mute of a user back to what it is now.
func (s *state) remute(user id.User) (undo func()) {
	m, was := s.muted[user]
	return func() {
		delete(s.muted, user)
		if was {
			s.muted[user] = m
		}
	}
}

func (s *state) isMuted(user id.User, now time.Time) bool {
	m, ok := s.muted[user]
	return ok && now.Before(m.Until)
}

func (s *state) forgetMutes(now time.Time) {
	for user, m := range s.muted {
		if !now.Before(m.Until) {
			delete(s.muted, user)
		}
	}
}

// listMutes gives the mutes in force, the newest first.
func (s *state) listMutes(now time.Time) []Mute {
	s.forgetMutes(now)
	list := make([]Mute, 0, len(s.muted))
	for _, m := range s.muted {
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b Mute) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.User, b.User))
	})
	return list
}

// save writes a change; its asker is answered once it is durable. Memory already shows it, which nobody can see before:
// other commands wait. If the storage refuses it, undo takes it back; without one the activation ends.
func (s *state) save(w waiter, c change, undo func()) {
	c.card = s.card
	s.saving, s.undo = w, undo
	s.emit(effect{do: doSave, change: &c})
}

func (s *state) saved(now time.Time, err error) {
	w, undo := s.saving, s.undo
	s.saving, s.undo = 0, nil
	if err == nil {
		if s.card.Settings.SlowMode == 0 {
			s.pace.clear()
		}
		s.answerTo(w, nil)
		s.schedule(now)
		return
	}
	told, sure := outcome(err)
	s.refuse(w, told)
	if sure && undo != nil {
		undo()
		s.schedule(now)
		return
	}
	s.fail(errMoved)
}
