package session

import (
	"time"

	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/quota"
)

// The refusals of this package; those of malformed and expired tokens and of ended sessions are
// auth.ErrTokenInvalid, auth.ErrTokenExpired and auth.ErrSessionEnded.
var (
	ErrReused = fault.New(fault.Unauthenticated, "token_reused", "the refresh token was used before; the session is ended")
	ErrOften  = fault.New(fault.Exhausted, "refreshed_often", "this login was refreshed, or ended, too often; wait a little").After(2 * time.Second)

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
}

// Rotation answers an opening or a refresh.
type Rotation struct {
	Session id.Session
	User    id.User
	Logins  uint64 // as given to Open
	Token   auth.Refresh
	Expires time.Time // of the token, unless it is refreshed before
}

// stored is the document.
type stored struct {
	Session  id.Session     `json:"session"`
	User     id.User        `json:"user"`
	Device   string         `json:"device,omitempty"`
	Opened   time.Time      `json:"opened"`
	Family   auth.FamilyKey `json:"family"`
	Current  auth.KeyHash   `json:"current"`
	Previous auth.KeyHash   `json:"previous"`        // zero before the first rotation
	Salt     auth.Salt      `json:"salt"`            // that led from previous to current
	Rotated  time.Time      `json:"rotated"`         // or opened
	Late     bool           `json:"late,omitempty"`  // previous came again, after soon
	Lates    int            `json:"lates,omitempty"` // how many rotations in a row were repeated late
	Logins   uint64         `json:"logins,omitempty"`
	Listed   time.Time      `json:"listed"` // when the row was written by which the user's sessions are found
	Ended    Reason         `json:"ended,omitempty"`
}

// Commands. What is random or secret comes in with them.
type (
	open struct {
		session id.Session
		user    id.User
		device  string
		logins  uint64
		family  auth.FamilyKey
		token   auth.Refresh
	}
	refresh struct {
		token auth.Refresh
		salt  auth.Salt
	}
	// logout ends the session for one who holds a token of it.
	logout struct{ token auth.Refresh }
	// revoke ends the session for one who may; user guards against a foreign session, empty means any. It is
	// refused, as if there were none, if the session was opened under the version of logins that before is,
	// or a higher one; 0: under whatever version.
	revoke struct {
		user   id.User
		reason Reason
		before uint64
	}
	get struct{}
)

type (
	effect = document.Effect
	save   = document.Save[stored]
)

// The effects of this kind.
type (
	opened struct{}
	over   struct {
		reason Reason
		user   id.User
	}
	refreshed struct{ result string }
)

// listed is the note of a save before which the session is listed, for so long.
type listed struct{ ttl time.Duration }

const (
	// soon is within which a client repeats what it had no answer to, as two tabs do that refresh together,
	// and a page that has waited 15 s for an answer.
	soon = 30 * time.Second
	// maxLates is how many rotations in a row may be repeated later than that. A client that was cut off
	// does it once, or twice; two that hold one token, a thief and the owner, do it every time.
	maxLates = 2
)

// endedTTL is how long an ended session is remembered, so that its last tokens are told session_ended.
const endedTTL = 24 * time.Hour

// listAgain is how old the row in the list of a user's sessions may be when a refresh writes it again: so
// long it may outlive the session.
const listAgain = 24 * time.Hour

// state is the core of the actor: no clock, no I/O, no randomness. The zero state is of a session that does
// not exist.
type state struct {
	cfg    Config // filled
	exists bool
	doc    stored
	writes quota.Bucket // what holders of its tokens have caused since it was loaded
}

// Exists implements document.Core.
func (s *state) Exists() bool { return s.exists }

// Busy implements document.Core.
func (s *state) Busy() bool { return false }

// Apply implements document.Core.
func (s *state) Apply(now time.Time, cmd any, dst []effect) []effect {
	switch c := cmd.(type) {
	case document.Loaded[stored]:
		s.exists, s.doc = c.Exists, c.Doc
		return dst
	case open:
		return s.open(now, c, dst)
	case refresh:
		return s.refresh(now, c, dst)
	case logout:
		if !s.exists || !c.token.Authentic(s.doc.Family) {
			return append(dst, document.Refuse{Err: auth.ErrTokenInvalid})
		}
		if s.doc.Ended != "" && !s.mayWrite(now) { // the first end is never refused
			return append(dst, document.Refuse{Err: ErrOften})
		}
		return append(s.end(LoggedOut, dst), document.Reply{Value: s.info()})
	case revoke:
		if !s.exists || c.user != "" && c.user != s.doc.User || c.before > 0 && s.doc.Logins >= c.before {
			return append(dst, document.Refuse{Err: auth.ErrSessionEnded})
		}
		return append(s.end(c.reason, dst), document.Reply{Value: s.info()})
	case get:
		if err := s.check(now); err != nil {
			return append(dst, document.Refuse{Err: err})
		}
		return append(dst, document.Reply{Value: s.info()})
	}
	return append(dst, document.Refuse{Err: fault.Newf(fault.Internal, "unknown_command", "a session does not know %T", cmd)})
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
		return append(dst, document.Refuse{Err: errIDTaken})
	}
	now = now.UTC()
	s.exists = true
	s.doc = stored{
		Session: c.session, User: c.user, Device: c.device, Logins: c.logins, Opened: now, Rotated: now,
		Family: c.family, Current: c.token.Hash(),
	}
	return append(dst, s.save(now), opened{}, document.Reply{Value: s.rotation(c.token)})
}

func (s *state) refresh(now time.Time, c refresh, dst []effect) []effect {
	if !s.exists || !c.token.Authentic(s.doc.Family) {
		return append(dst, refreshed{auth.ErrTokenInvalid.Code}, document.Refuse{Err: auth.ErrTokenInvalid})
	}
	if err := s.check(now); err != nil {
		return append(dst, refreshed{fault.CodeOf(err)}, document.Refuse{Err: err})
	}
	hash := c.token.Hash()
	switch {
	case hash.Equal(s.doc.Current):
		// Only the newest token is refused: that an older one comes again must be seen however often a thief
		// refreshes.
		if !s.mayWrite(now) {
			return append(dst, refreshed{ErrOften.Code}, document.Refuse{Err: ErrOften})
		}
		next := c.token.Successor(s.doc.Family, c.salt)
		if !s.doc.Late {
			s.doc.Lates = 0
		}
		s.doc.Previous, s.doc.Current, s.doc.Salt, s.doc.Rotated, s.doc.Late = hash, next.Hash(), c.salt, now.UTC(), false
		return append(dst, s.save(now.UTC()), refreshed{"rotated"}, document.Reply{Value: s.rotation(next)})
	case hash.Equal(s.doc.Previous) && s.repeats(now):
		next := c.token.Successor(s.doc.Family, s.doc.Salt)
		if now.Sub(s.doc.Rotated) > soon && !s.doc.Late {
			s.doc.Late = true
			s.doc.Lates++
			dst = append(dst, s.save(now.UTC()))
		}
		return append(dst, refreshed{"repeated"}, document.Reply{Value: s.rotation(next)})
	}
	return append(s.end(Reused, dst), refreshed{ErrReused.Code}, document.Refuse{Err: ErrReused})
}

// mayWrite counts a write that the holder of a token asks for.
func (s *state) mayWrite(now time.Time) bool {
	return s.writes.Take(now.Sub(s.doc.Opened), s.cfg.Writes, 1)
}

// repeats reports whether the previous token may be presented again.
func (s *state) repeats(now time.Time) bool {
	switch age := now.Sub(s.doc.Rotated); {
	case age <= min(soon, s.cfg.RetryWindow):
		return true
	case age > s.cfg.RetryWindow:
		return false
	}
	return s.doc.Late || s.doc.Lates < maxLates
}

// end is idempotent: the first reason stays. Ending again writes and revokes again, because what followed
// the first write may not have happened.
func (s *state) end(r Reason, dst []effect) []effect {
	first := s.doc.Ended == ""
	if first {
		s.doc.Ended = r
	}
	dst = append(dst, save{Doc: s.doc, TTL: endedTTL, Fragile: true})
	if first {
		dst = append(dst, over{r, s.doc.User})
	}
	return dst
}

// save writes a session that lives, for as long as it does unless it is refreshed, and lists it if it has
// not been for a while.
func (s *state) save(now time.Time) save {
	e := save{TTL: s.expires().Sub(now)}
	if now.Sub(s.doc.Listed) >= listAgain {
		s.doc.Listed = now
		e.Note = listed{min(s.cfg.RefreshTTL+listAgain, s.doc.Opened.Add(s.cfg.MaxAge).Sub(now))}
	}
	e.Doc = s.doc
	return e
}

func (s *state) rotation(token auth.Refresh) Rotation {
	return Rotation{s.doc.Session, s.doc.User, s.doc.Logins, token, s.expires()}
}

func (s *state) info() Info {
	return Info{s.doc.Session, s.doc.User, s.doc.Device, s.doc.Opened, s.doc.Rotated}
}
