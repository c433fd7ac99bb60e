package session

import (
	"maps"
	"time"

	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
)

// The refusals of this package; those of malformed and expired tokens and of ended sessions are auth.ErrTokenInvalid,
// auth.ErrTokenExpired and auth.ErrSessionEnded.
var (
	ErrReused         = fault.New(fault.Unauthenticated, "token_reused", "the refresh token was used before; the session is ended")
	ErrTooManySockets = fault.New(fault.Exhausted, "too_many_sockets", "the session has too many open sockets")

	errIDTaken = fault.New(fault.Conflict, "id_taken", "the drawn session id is in use")
)

// Reason says why a session ended. It is a label and a log word.
type Reason string

// The reasons.
const (
	LoggedOut Reason = "logged_out" // by its own device
	Revoked   Reason = "revoked"    // by its user from another device, or by an operator
	Replaced  Reason = "replaced"   // the oldest of too many
	Reused    Reason = "reused"     // an old refresh token came back
)

// Info is what a user may know of a session.
type Info struct {
	Session id.Session
	User    id.User
	Device  string
	Opened  time.Time
	Used    time.Time // the last refresh
	Sockets int       // attached now
}

// Rotation answers an opening or a refresh.
type Rotation struct {
	Session id.Session
	User    id.User
	Token   auth.Refresh
	Expires time.Time // of the token, unless it is refreshed before
}

// document is the whole of what is stored.
type document struct {
	Session  id.Session     `json:"session"`
	User     id.User        `json:"user"`
	Device   string         `json:"device,omitempty"`
	Opened   time.Time      `json:"opened"`
	Family   auth.FamilyKey `json:"family"`
	Current  auth.KeyHash   `json:"current"`
	Previous auth.KeyHash   `json:"previous"` // zero before the first rotation
	Salt     auth.Salt      `json:"salt"`     // that led from previous to current
	Rotated  time.Time      `json:"rotated"`  // or opened
	Ended    Reason         `json:"ended,omitempty"`
}

// Commands. What is random or secret comes in with them.
type (
	open struct {
		session id.Session
		user    id.User
		device  string
		family  auth.FamilyKey
		token   auth.Refresh
	}
	refresh struct {
		token auth.Refresh
		salt  auth.Salt
	}
	// logout ends the session for one who holds a token of it.
	logout struct{ token auth.Refresh }
	// revoke ends the session for one who may; user guards against a foreign session, empty means any.
	revoke struct {
		user   id.User
		reason Reason
	}
	get    struct{}
	attach struct {
		node  id.Node
		conn  string
		until time.Time
	}
	detach struct {
		node id.Node
		conn string
	}
	// expire forgets sockets whose time is over.
	expire struct{}
)

// effect is what the shell performs, in order; after a persist the rest waits until it is durable.
type effect any

type (
	reply   struct{ value any }
	refuse  struct{ err error }
	persist struct {
		doc   document
		first bool
		ttl   time.Duration
	}
	// over tells that the session has ended.
	over struct{ reason Reason }
	// socketsChanged tells how many sockets came (or went, if negative).
	socketsChanged struct{ delta int }
	// expireAt asks for an expire; it replaces the one asked for before.
	expireAt struct{ at time.Time }
	// counted names the result of a refresh.
	counted struct{ result string }
)

// endedTTL is how long an ended session is remembered, so that its last tokens are told session_ended.
const endedTTL = 24 * time.Hour

type socket struct {
	node id.Node
	conn string
}

// state is the core of the actor: no clock, no I/O, no randomness. The zero state is of a session that does not exist.
type state struct {
	cfg     Config // filled
	exists  bool
	doc     document
	sockets map[socket]time.Time
	expiry  time.Time // the moment of the last expireAt; zero: none is asked for
}

// apply performs one command and appends its effects to dst.
func (s *state) apply(now time.Time, cmd any, dst []effect) []effect {
	switch c := cmd.(type) {
	case open:
		return s.open(now, c, dst)
	case refresh:
		return s.refresh(now, c, dst)
	case logout:
		if !s.exists || !c.token.Authentic(s.doc.Family) {
			return append(dst, refuse{auth.ErrTokenInvalid})
		}
		return append(s.end(LoggedOut, dst), reply{s.info()})
	case revoke:
		if !s.exists || c.user != "" && c.user != s.doc.User {
			return append(dst, refuse{auth.ErrSessionEnded})
		}
		return append(s.end(c.reason, dst), reply{s.info()})
	case get:
		if err := s.check(now); err != nil {
			return append(dst, refuse{err})
		}
		return append(dst, reply{s.info()})
	case attach:
		return s.attach(now, socket{c.node, c.conn}, c.until, dst)
	case detach:
		return s.detach(socket(c), dst)
	case expire:
		return s.expire(now, dst)
	}
	return append(dst, refuse{fault.Newf(fault.Internal, "unknown_command", "a session does not know %T", cmd)})
}

// check refuses when the session does not live.
func (s *state) check(now time.Time) error {
	switch {
	case !s.exists:
		return auth.ErrTokenInvalid
	case s.doc.Ended != "":
		return auth.ErrSessionEnded
	case !now.Before(s.expires()):
		return auth.ErrTokenExpired
	}
	return nil
}

// expires is the earlier of the idle and the absolute end.
func (s *state) expires() time.Time {
	idle, age := s.doc.Rotated.Add(s.cfg.RefreshTTL), s.doc.Opened.Add(s.cfg.MaxAge)
	if idle.Before(age) {
		return idle
	}
	return age
}

func (s *state) open(now time.Time, c open, dst []effect) []effect {
	if s.exists {
		return append(dst, refuse{errIDTaken})
	}
	now = now.UTC()
	s.exists = true
	s.doc = document{
		Session: c.session, User: c.user, Device: c.device, Opened: now, Rotated: now,
		Family: c.family, Current: c.token.Hash(),
	}
	return append(dst, s.persist(now, true), reply{s.rotation(c.token)})
}

func (s *state) refresh(now time.Time, c refresh, dst []effect) []effect {
	if !s.exists || !c.token.Authentic(s.doc.Family) {
		return append(dst, counted{auth.ErrTokenInvalid.Code}, refuse{auth.ErrTokenInvalid})
	}
	if err := s.check(now); err != nil {
		return append(dst, counted{fault.CodeOf(err)}, refuse{err})
	}
	hash := c.token.Hash()
	switch {
	case hash.Equal(s.doc.Current):
		next := c.token.Successor(s.doc.Family, c.salt)
		s.doc.Previous, s.doc.Current, s.doc.Salt, s.doc.Rotated = hash, next.Hash(), c.salt, now.UTC()
		return append(dst, s.persist(now, false), counted{"rotated"}, reply{s.rotation(next)})
	case hash.Equal(s.doc.Previous) && now.Sub(s.doc.Rotated) <= s.cfg.RetryWindow:
		next := c.token.Successor(s.doc.Family, s.doc.Salt)
		return append(dst, counted{"repeated"}, reply{s.rotation(next)})
	}
	return append(s.end(Reused, dst), counted{ErrReused.Code}, refuse{ErrReused})
}

// end is idempotent: the first reason stays. Ending again writes and revokes again, because what followed the first write may not
// have happened.
func (s *state) end(r Reason, dst []effect) []effect {
	first := s.doc.Ended == ""
	if first {
		s.doc.Ended = r
	}
	dst = append(dst, persist{s.doc, false, endedTTL})
	if first {
		dst = append(dst, over{r})
	}
	if n := len(s.sockets); n > 0 {
		s.sockets = nil
		dst = append(dst, socketsChanged{-n})
	}
	return dst
}

// attach notes a socket until the time given. One whose end was never told does not take a place for longer.
func (s *state) attach(now time.Time, k socket, until time.Time, dst []effect) []effect {
	if err := s.check(now); err != nil {
		return append(dst, refuse{err})
	}
	before := len(s.sockets)
	s.lapse(now)
	_, again := s.sockets[k]
	full := !again && len(s.sockets) >= s.cfg.MaxSockets
	if !full {
		if s.sockets == nil {
			s.sockets = map[socket]time.Time{}
		}
		s.sockets[k] = until
	}
	if n := len(s.sockets) - before; n != 0 {
		dst = append(dst, socketsChanged{n})
	}
	if full {
		return append(dst, refuse{ErrTooManySockets})
	}
	if s.expiry.IsZero() || until.Before(s.expiry) {
		s.expiry = until
		dst = append(dst, expireAt{until})
	}
	return append(dst, reply{s.info()})
}

// expire forgets what has lapsed and asks for the next moment.
func (s *state) expire(now time.Time, dst []effect) []effect {
	before := len(s.sockets)
	s.expiry = s.lapse(now)
	if n := len(s.sockets) - before; n != 0 {
		dst = append(dst, socketsChanged{n})
	}
	if !s.expiry.IsZero() {
		dst = append(dst, expireAt{s.expiry})
	}
	return dst
}

// lapse forgets the sockets whose time is over and gives the moment at which the next one's is; zero when none is left.
func (s *state) lapse(now time.Time) (first time.Time) {
	maps.DeleteFunc(s.sockets, func(_ socket, until time.Time) bool { return !until.After(now) })
	for _, until := range s.sockets {
		if first.IsZero() || until.Before(first) {
			first = until
		}
	}
	return first
}

func (s *state) detach(k socket, dst []effect) []effect {
	if _, known := s.sockets[k]; known {
		delete(s.sockets, k)
		dst = append(dst, socketsChanged{-1})
	}
	return append(dst, reply{s.info()})
}

func (s *state) persist(now time.Time, first bool) persist {
	return persist{s.doc, first, s.expires().Sub(now)}
}

func (s *state) rotation(token auth.Refresh) Rotation {
	return Rotation{s.doc.Session, s.doc.User, token, s.expires()}
}

func (s *state) info() Info {
	return Info{s.doc.Session, s.doc.User, s.doc.Device, s.doc.Opened, s.doc.Rotated, len(s.sockets)}
}
