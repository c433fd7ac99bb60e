package session

import (
	"time"

	"github.com/barrage-live/barrage/actors/room"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/rfc6455"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

const defaultPage = 50

var (
	errLogin     = fault.New(fault.Unauthenticated, "login_required", "posting needs an account")
	errOtherUser = fault.New(fault.Conflict, "other_user", "this connection belongs to another user")
	errRooms     = fault.Newf(fault.Exhausted, "too_many_rooms", "a connection is in at most %d rooms", wire.MaxRooms)
	errExpired   = fault.New(fault.Unauthenticated, "token_expired", "the token has expired")
	errHistory   = fault.Newf(fault.Invalid, "bad_history", "at most %d danmaku at once", wire.MaxHistory).In("history")
)

// State is what one connection is and where it is.
type State struct {
	name string
	ping uint32 // seconds

	who   auth.Identity // User is empty for a guest
	rooms map[id.Room]struct{}
	// over: a Close has been returned; nothing happens any more.
	over bool
}

// New is a guest. The name tells connections apart in logs; ping is what Welcome advises.
func New(name string, ping time.Duration) *State {
	return &State{name: name, ping: uint32(ping / time.Second), rooms: map[id.Room]struct{}{}}
}

// Who is the user, empty for a guest.
func (s *State) Who() auth.Identity { return s.who }

// Accepts reports whether the connection may belong to this user: it is a guest's or that user's already.
func (s *State) Accepts(who auth.Identity) bool {
	return s.who.User == "" || s.who.User == who.User
}

// Apply takes an event at a moment and appends what is to be done to dst.
func (s *State) Apply(now time.Time, e Event, dst []Effect) []Effect {
	if s.over {
		return dst
	}
	switch e := e.(type) {
	case Opened:
		return append(dst, Send{s.welcome(0)})
	case Received:
		return s.received(now, e, dst)
	case Verified:
		return s.verified(now, e, dst)
	case Entered:
		return s.entered(e, dst)
	case Posted:
		if e.Err != nil {
			return refuse(dst, e.ID, e.Err)
		}
		return reply(dst, postedFrame(e))
	case Read:
		if e.Err != nil {
			return refuse(dst, e.ID, e.Err)
		}
		return reply(dst, historyFrame(e))
	case Expired:
		return s.expired(now, dst)
	case Revoked:
		return s.end(dst, fault.From(e.Err))
	case Evicted:
		delete(s.rooms, e.Room)
		return append(dst, Send{gapFrame(e.Room, fault.From(e.Err))})
	case Draining:
		return append(dst, Send{reconnectFrame(e.Within)})
	case Drained:
		s.over = true
		return append(dst, Close{Code: rfc6455.CloseRestart, Reason: "the node is going away"})
	}
	return dst
}

func (s *State) received(now time.Time, e Received, dst []Effect) []Effect {
	if e.Err != nil {
		return refuse(dst, e.Frame.GetId(), e.Err)
	}
	n := e.Frame.GetId()
	switch b := e.Frame.GetBody().(type) {
	case *wirepb.ClientFrame_Auth:
		return append(dst, Verify{ID: n, Token: b.Auth.GetToken()})
	case *wirepb.ClientFrame_Join:
		return s.join(n, b.Join, dst)
	case *wirepb.ClientFrame_Leave:
		return s.leave(n, b.Leave, dst)
	case *wirepb.ClientFrame_Post:
		return s.post(n, b.Post, dst)
	case *wirepb.ClientFrame_Ping:
		return reply(dst, pongFrame(n, now))
	case *wirepb.ClientFrame_History:
		return s.history(n, b.History, dst)
	}
	return refuse(dst, n, wire.ErrUnknownMessage)
}

func (s *State) verified(now time.Time, e Verified, dst []Effect) []Effect {
	switch {
	case e.Err != nil:
		return refuse(dst, e.ID, e.Err)
	case !e.Who.Expires.After(now):
		return refuse(dst, e.ID, errExpired)
	case !s.Accepts(e.Who):
		return refuse(dst, e.ID, errOtherUser)
	}
	s.who = e.Who
	return reply(append(dst, ExpireAt{e.Who.Expires}), s.welcome(e.ID))
}

func (s *State) expired(now time.Time, dst []Effect) []Effect {
	switch {
	case s.who.User == "":
		return dst
	case s.who.Expires.After(now): // a newer token has come meanwhile, or the clock was set back
		return append(dst, ExpireAt{s.who.Expires})
	}
	return s.end(dst, errExpired)
}

// end tells the client why and closes with the code of the kind.
func (s *State) end(dst []Effect, err *fault.Error) []Effect {
	s.over = true
	dst = append(dst, Send{wire.Refusal(0, err)})
	return append(dst, Close{Code: err.Kind.CloseCode(), Reason: err.Code})
}

func (s *State) join(n uint64, j *wirepb.Join, dst []Effect) []Effect {
	r, err := parseRoom(j.GetRoom())
	if err != nil {
		return refuse(dst, n, err)
	}
	if j.GetHistory() > wire.MaxHistory {
		return refuse(dst, n, errHistory)
	}
	if _, in := s.rooms[r]; !in && len(s.rooms) >= wire.MaxRooms {
		return refuse(dst, n, errRooms)
	}
	return append(dst, Enter{
		ID: n, Room: r, Since: wire.ToPosition(j.GetSince()), Resuming: j.GetSince() != nil, History: int(j.GetHistory()),
	})
}

func (s *State) entered(e Entered, dst []Effect) []Effect {
	if e.Err != nil {
		delete(s.rooms, e.Room)
		return refuse(append(dst, Leave{Room: e.Room}), e.ID, e.Err)
	}
	var answer *wirepb.ServerFrame
	if e.ID != 0 {
		answer = joinedFrame(e)
	}
	if e.Entry.More {
		delete(s.rooms, e.Room)
		return append(dst, Leave{Room: e.Room, Frame: answer})
	}
	s.rooms[e.Room] = struct{}{}
	return append(dst, Release{Room: e.Room, Head: e.Entry.Head, Frame: answer})
}

func (s *State) leave(n uint64, l *wirepb.Leave, dst []Effect) []Effect {
	r, err := parseRoom(l.GetRoom())
	if err != nil {
		return refuse(dst, n, err)
	}
	answer := leftFrame(n, r)
	if _, in := s.rooms[r]; !in {
		return reply(dst, answer)
	}
	delete(s.rooms, r)
	if n == 0 {
		answer = nil
	}
	return append(dst, Leave{Room: r, Frame: answer})
}

func (s *State) post(n uint64, p *wirepb.Post, dst []Effect) []Effect {
	r, err := parseRoom(p.GetRoom())
	if err != nil {
		return refuse(dst, n, err)
	}
	if s.who.User == "" {
		return refuse(dst, n, errLogin)
	}
	draft, err := draftOf(p)
	if err != nil {
		return refuse(dst, n, err)
	}
	author := room.Author{User: s.who.User, Name: s.who.Name, Roles: s.who.Roles.Strings()}
	return append(dst, Post{ID: n, Room: r, Author: author, Draft: draft})
}

func (s *State) history(n uint64, h *wirepb.History, dst []Effect) []Effect {
	r, err := parseRoom(h.GetRoom())
	if err != nil {
		return refuse(dst, n, err)
	}
	limit := int(min(h.GetLimit(), wire.MaxHistory))
	if limit == 0 {
		limit = defaultPage
	}
	return append(dst, ReadHistory{ID: n, Room: r, Before: wire.ToPosition(h.GetBefore()), Limit: limit})
}

func parseRoom(s string) (id.Room, error) {
	r, err := id.ParseNumber[id.Room](s)
	if err != nil {
		return "", fault.From(err).In("room")
	}
	return r, nil
}

// reply sends an answer; id 0 asked for none.
func reply(dst []Effect, f *wirepb.ServerFrame) []Effect {
	if f.GetId() == 0 {
		return dst
	}
	return append(dst, Send{f})
}

func refuse(dst []Effect, n uint64, err error) []Effect {
	return append(dst, Send{wire.Refusal(n, err)})
}
