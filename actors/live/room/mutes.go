package room

import (
	"cmp"
	"slices"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
)

var (
	errOwner     = fault.New(fault.Denied, "owner_immune", "the owner cannot be muted")
	errBadMute   = fault.New(fault.Invalid, "bad_mute", "a mute needs a user and a moment in the future")
	errMutesFull = fault.New(fault.Exhausted, "too_many_mutes", "the room cannot remember more mutes")
)

// muted is a mute and when it ends.
type muted struct {
	Mute
	until time.Duration
}

func (s *state) mute(now instant, w waiter, c mute) {
	switch {
	case c.User == "" || !c.Until.After(now.wall):
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
	m := Mute{User: c.User, Until: c.Until.UTC().Truncate(time.Millisecond), By: c.By, At: now.shown()}
	s.save(w, change{card: s.card, mute: &m})
}

func (s *state) isMuted(user id.User, now instant) bool {
	m, ok := s.muted[user]
	return ok && now.at < m.until
}

func (s *state) forgetMutes(now instant) {
	for user, m := range s.muted {
		if now.at >= m.until {
			delete(s.muted, user)
		}
	}
}

// listMutes gives the mutes in force, the newest first.
func (s *state) listMutes(now instant) []Mute {
	s.forgetMutes(now)
	list := make([]Mute, 0, len(s.muted))
	for _, m := range s.muted {
		list = append(list, m.Mute)
	}
	slices.SortFunc(list, func(a, b Mute) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.User, b.User))
	})
	return list
}
