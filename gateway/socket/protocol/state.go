package protocol

import (
	"errors"
	"time"

	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/gateway/socket/frame"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/rfc6455"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

const (
	defaultPage = 50
	// maxRefusedTokens in a row end a connection: each costs a signature, and whoever has a good one shows
	// it.
	maxRefusedTokens = 3
)

var (
	errLogin     = fault.New(fault.Unauthenticated, "login_required", "posting needs an account")
	errOtherUser = fault.New(fault.Conflict, "other_user", "this connection belongs to another user")
	errRooms     = fault.Newf(fault.Exhausted, "too_many_rooms", "a connection is in at most %d rooms", wire.MaxRooms)
	errExpired   = fault.New(fault.Unauthenticated, "token_expired", "the token has expired")
	errTokens    = fault.New(fault.Unauthenticated, "too_many_tokens", "too many tokens were refused")
	errBacklog   = fault.New(fault.Exhausted, "too_many_requests", "too many requests have no reply yet").After(time.Second)
	errLeft      = fault.New(fault.Conflict, "left", "the room was left before it was entered")
	errDraining  = fault.New(fault.Unavailable, "draining", "this node is going away")
	errHistory   = fault.Newf(fault.Invalid, "bad_history", "at most %d danmaku at once", wire.MaxHistory).In("history")
)

// State is what one connection is and where it is.
type State struct {
	name string
	ping uint32 // seconds

	who auth.Identity // User is empty for a guest
	// outdated: the rights of who have changed since its token.
	outdated bool
	rooms    map[id.Room]struct{}
	// requests have no reply yet, in the order in which they came.
	requests requests
	refused  int // tokens since the last good one
	// leaving: the connection closes once they have, with farewell.
	leaving  bool
	farewell Close
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
		return append(dst, Send{Frame: s.welcome(0)})
	case Received:
		return s.received(now, e, dst)
	case Verified:
		return s.answered(e.Ask, dst, func(r request, dst []Effect) []Effect { return s.verified(now, r.id, e, dst) })
	case Entered:
		return s.answered(e.Ask, dst, func(r request, dst []Effect) []Effect { return s.entered(r, e, dst) })
	case Posted:
		return s.answered(e.Ask, dst, func(r request, dst []Effect) []Effect { return posted(r, e, dst) })
	case Read:
		return s.answered(e.Ask, dst, func(r request, dst []Effect) []Effect { return read(r, e, dst) })
	case Expired:
		return s.expired(now, dst)
	case Revoked:
		return s.revoked(fault.From(e.Err), dst)
	case Evicted:
		return s.evicted(e, dst)
	case Draining:
		return append(dst, Send{Frame: reconnectFrame(e.Within)})
	case Drained:
		return s.leaveWith(Close{Code: rfc6455.CloseRestart, Reason: "the node is going away"}, dst)
	case Ending:
		return s.leaveWith(Close(e), dst)
	}
	return dst
}

// leaveWith begins nothing new; the first farewell counts.
func (s *State) leaveWith(farewell Close, dst []Effect) []Effect {
	if !s.leaving {
		s.leaving, s.farewell = true, farewell
	}
	return s.depart(dst)
}

// depart closes a connection that is leaving and has all its replies.
func (s *State) depart(dst []Effect) []Effect {
	if !s.leaving || len(s.requests.list) > 0 || s.over {
		return dst
	}
	s.over = true
	return append(dst, s.farewell)
}

func (s *State) received(now time.Time, e Received, dst []Effect) []Effect {
	n := e.Frame.GetId()
	if e.Err != nil {
		return refuse(dst, n, e.Err)
	}
	if s.leaving {
		return refuse(dst, n, errDraining)
	}
	switch b := e.Frame.GetBody().(type) {
	case *wirepb.ClientFrame_Auth:
		return s.ask(request{id: n, bytes: e.Bytes, effect: Verify{Token: b.Auth.GetToken()}}, dst)
	case *wirepb.ClientFrame_Join:
		return s.join(n, e.Bytes, b.Join, dst)
	case *wirepb.ClientFrame_Leave:
		return s.leave(n, b.Leave, dst)
	case *wirepb.ClientFrame_Post:
		return s.post(n, e.Bytes, b.Post, dst)
	case *wirepb.ClientFrame_Ping:
		return reply(dst, pongFrame(n, now))
	case *wirepb.ClientFrame_History:
		return s.history(n, e.Bytes, b.History, dst)
	}
	return refuse(dst, n, wire.ErrUnknownMessage)
}

func (s *State) verified(now time.Time, n uint64, e Verified, dst []Effect) []Effect {
	err := e.Err
	if err == nil && !e.Who.Expires.After(now) {
		err = errExpired
	}
	switch {
	case err != nil && fault.KindOf(err) == fault.Unauthenticated:
		dst = refuse(dst, n, err)
		if s.refused++; s.refused == maxRefusedTokens {
			return s.end(dst, errTokens)
		}
		return dst
	case err != nil:
		return refuse(dst, n, err)
	case !s.Accepts(e.Who):
		return refuse(dst, n, errOtherUser)
	}
	s.who, s.refused, s.outdated = e.Who, 0, false
	return reply(append(dst, ExpireAt{e.Who.Expires}), s.welcome(n))
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

// revoked ends the connection with its login. Where only its rights have changed it goes on as a guest's,
// since watching needs none, until it shows a newer token.
func (s *State) revoked(why *fault.Error, dst []Effect) []Effect {
	switch {
	case !errors.Is(why, auth.ErrTokenOutdated):
		return s.end(dst, why)
	case s.outdated:
		return dst
	}
	s.outdated = true
	return refuse(dst, 0, why)
}

// end tells the client why and closes with the code of the kind.
func (s *State) end(dst []Effect, err *fault.Error) []Effect {
	s.over = true
	dst = append(dst, Send{Frame: wire.Refusal(0, err)})
	return append(dst, Close{Code: err.Kind.CloseCode(), Reason: err.Code})
}

func (s *State) join(n uint64, bytes int, j *wirepb.Join, dst []Effect) []Effect {
	r, err := parseRoom(j.GetRoom())
	if err != nil {
		return refuse(dst, n, err)
	}
	if j.GetHistory() > wire.MaxHistory {
		return refuse(dst, n, errHistory)
	}
	if _, in := s.rooms[r]; !in && len(s.rooms)+s.requests.joining(s.rooms, r) >= wire.MaxRooms {
		return refuse(dst, n, errRooms)
	}
	return s.ask(request{id: n, bytes: bytes, room: r, effect: Enter{
		Room: r, Since: wire.ToPosition(j.GetSince()), Resuming: j.GetSince() != nil, History: int(j.GetHistory()),
	}}, dst)
}

func (s *State) entered(r request, e Entered, dst []Effect) []Effect {
	if e.Err != nil {
		delete(s.rooms, r.room)
		return refuse(append(dst, Leave{Room: r.room}), r.id, e.Err)
	}
	var answer *wirepb.ServerFrame
	if r.id != 0 {
		answer = joinedFrame(r.id, r.room, &e.Entry)
	}
	if e.Entry.More {
		// The rest has to be asked for, and batches would come before it.
		delete(s.rooms, r.room)
		return append(dst, Leave{Room: r.room, Frame: answer, Rows: e.Entry.Rows})
	}
	s.rooms[r.room] = struct{}{}
	return append(dst, Release{Room: r.room, Head: e.Entry.Head, Version: e.Entry.Version, Frame: answer, Rows: e.Entry.Rows})
}

// leave waits for nothing: joins of the room that have no reply yet are refused.
func (s *State) leave(n uint64, l *wirepb.Leave, dst []Effect) []Effect {
	r, err := parseRoom(l.GetRoom())
	if err != nil {
		return refuse(dst, n, err)
	}
	dst, entering := s.giveUp(r, errLeft, dst)
	answer := leftFrame(n, r)
	if _, in := s.rooms[r]; !in && !entering {
		return s.next(r, reply(dst, answer))
	}
	delete(s.rooms, r)
	if n == 0 {
		answer = nil
	}
	return s.next(r, append(dst, Leave{Room: r, Frame: answer}))
}

// evicted tells the client, whose join may be under way, and has the hub forget that it was there.
func (s *State) evicted(e Evicted, dst []Effect) []Effect {
	why := fault.From(e.Err)
	dst, _ = s.giveUp(e.Room, why, dst)
	if _, in := s.rooms[e.Room]; in {
		dst = append(dst, Send{Frame: frame.Gap(e.Room, position.Position{}, position.Position{}, why.Code)})
	}
	delete(s.rooms, e.Room)
	return s.depart(s.next(e.Room, append(dst, Leave{Room: e.Room})))
}

func (s *State) post(n uint64, bytes int, p *wirepb.Post, dst []Effect) []Effect {
	r, err := parseRoom(p.GetRoom())
	if err != nil {
		return refuse(dst, n, err)
	}
	switch {
	case s.who.User == "":
		return refuse(dst, n, errLogin)
	case s.outdated:
		return refuse(dst, n, auth.ErrTokenOutdated)
	}
	draft, err := draftOf(p)
	if err != nil {
		return refuse(dst, n, err)
	}
	author := room.Author{User: s.who.User, Name: s.who.Name, Roles: s.who.Roles.Strings()}
	return s.ask(request{id: n, bytes: bytes, room: r, effect: Post{Room: r, Author: author, Draft: draft}}, dst)
}

func posted(r request, e Posted, dst []Effect) []Effect {
	p, ok := r.effect.(Post)
	if e.Err != nil || !ok {
		return refuse(dst, r.id, e.Err)
	}
	return reply(dst, postedFrame(r.id, p, e))
}

func (s *State) history(n uint64, bytes int, h *wirepb.History, dst []Effect) []Effect {
	r, err := parseRoom(h.GetRoom())
	if err != nil {
		return refuse(dst, n, err)
	}
	return s.ask(request{id: n, bytes: bytes, room: r, effect: ReadHistory{
		Room: r, Before: wire.ToPosition(h.GetBefore()), Limit: pageLimit(h),
	}}, dst)
}

// pageLimit is how many danmaku a page may have.
func pageLimit(h *wirepb.History) int {
	if h.GetLimit() == 0 {
		return defaultPage
	}
	return int(min(h.GetLimit(), wire.MaxHistory))
}

func read(r request, e Read, dst []Effect) []Effect {
	if e.Err != nil {
		return refuse(dst, r.id, e.Err)
	}
	if r.id == 0 {
		return dst
	}
	return append(dst, Send{Frame: historyFrame(r.id, r.room, &e), Rows: e.Rows})
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
	return append(dst, Send{Frame: f})
}

func refuse(dst []Effect, n uint64, err error) []Effect {
	return append(dst, Send{Frame: wire.Refusal(n, err)})
}
