package account

import (
	"slices"
	"time"

	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
)

// The refusals of this package.
var (
	ErrNoAccount   = fault.New(fault.NotFound, "no_account", "no such account")
	ErrCredentials = fault.New(fault.Unauthenticated, "bad_credentials", "the handle or the password is wrong")
	ErrHandleTaken = fault.New(fault.Conflict, "handle_taken", "this handle, or one that looks like it, is taken").In("handle")
	ErrDisabled    = fault.New(fault.Denied, "account_disabled", "the account is disabled")

	errIDTaken = fault.New(fault.Conflict, "id_taken", "the drawn user id is in use")
)

// Account is what others may know of an account.
type Account struct {
	User     id.User
	Handle   string
	Roles    auth.Roles
	Disabled bool
	Created  time.Time
	// Logins is the version of logins that hold: one that was opened with a lower one is over (Ends).
	Logins uint64
	// Kept is the one login that holds whatever its version: the one that changed the password.
	Kept id.Session
	// RightsVersion grows when an administrator changes the roles or lets the account in, and whenever it is
	// shut out, also if it was already; tokens with a lower one are out of date.
	RightsVersion uint64
}

// Ends reports whether a login that was opened with this version of Logins is over. It is asked at every
// refresh, so that what ends logins is one write, and no crash leaves an old one alive.
func (a Account) Ends(login id.Session, version uint64) bool {
	return version < a.Logins && login != a.Kept
}

// stored is the document.
type stored struct {
	User     id.User     `json:"user"`
	Handle   auth.Handle `json:"handle"`
	Hash     string      `json:"hash"`
	Roles    auth.Roles  `json:"roles"`
	Disabled bool        `json:"disabled,omitempty"`
	Created  time.Time   `json:"created"`
	Rights   uint64      `json:"rights,omitempty"` // the version of roles and disabled
	Logins   uint64      `json:"logins,omitempty"` // see Account
	Kept     id.Session  `json:"kept,omitempty"`
}

// Commands. Each may be refused.
type (
	create struct {
		user   id.User
		handle auth.Handle
		hash   string
		roles  auth.Roles
	}
	// rehash replaces the password hash, unless it has changed since it was read.
	rehash struct{ old, hash string }
	// changePassword replaces the password hash, and refuses if it has changed since it was read, or the
	// account is shut out. All logins but one are over.
	changePassword struct {
		old, hash string
		keep      id.Session
	}
	setRoles    struct{ roles auth.Roles }
	grantRole   struct{ role auth.Role }
	setDisabled struct{ disabled bool }
	get         struct{}
	secrets     struct{}
)

// credentials answers secrets; it never leaves this package.
type credentials struct {
	account Account
	handle  auth.Handle
	hash    string
}

// rightsChanged is the note of a save after which older tokens are out of date.
type rightsChanged struct {
	// letIn says that the account was shut out until now.
	letIn bool
}

type (
	effect = document.Effect
	save   = document.Save[stored]
)

// state is the core of the actor: no clock, no I/O. The zero state is of an account that does not exist.
type state struct {
	exists bool
	doc    stored
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
	case create:
		return s.create(now, c, dst)
	}
	if !s.exists {
		return append(dst, document.Refuse{Err: ErrNoAccount})
	}
	switch c := cmd.(type) {
	case get:
		return append(dst, document.Reply{Value: s.public()})
	case secrets:
		return append(dst, document.Reply{Value: credentials{s.public(), s.doc.Handle, s.doc.Hash}})
	case rehash:
		if s.doc.Hash == c.old {
			s.doc.Hash = c.hash
			dst = append(dst, save{Doc: s.doc})
		}
		return append(dst, document.Reply{Value: s.public()})
	case changePassword:
		switch {
		case s.doc.Hash != c.old:
			return append(dst, document.Refuse{Err: ErrCredentials})
		case s.doc.Disabled: // since the password was looked at; it may keep no login
			return append(dst, document.Refuse{Err: ErrDisabled})
		}
		s.doc.Hash = c.hash
		s.doc.Logins, s.doc.Kept = s.doc.Logins+1, c.keep
		return append(dst, save{Doc: s.doc}, document.Reply{Value: s.public()})
	case setRoles:
		return s.change(auth.NewRoles(c.roles...), s.doc.Disabled, dst)
	case grantRole:
		// Who has more rights than its token says is let in all the same, so nobody need be sent to fetch a
		// new one.
		if !s.doc.Roles.Has(c.role) {
			s.doc.Roles = auth.NewRoles(append(slices.Clone(s.doc.Roles), c.role)...)
			dst = append(dst, save{Doc: s.doc, Events: s.events()})
		}
		return append(dst, document.Reply{Value: s.public()})
	case setDisabled:
		return s.change(s.doc.Roles, c.disabled, dst)
	}
	return append(dst, document.Refuse{Err: fault.Newf(fault.Internal, "unknown_command", "an account does not know %T", cmd)})
}

func (s *state) create(now time.Time, c create, dst []effect) []effect {
	if s.exists {
		return append(dst, document.Refuse{Err: errIDTaken})
	}
	s.exists = true
	s.doc = stored{User: c.user, Handle: c.handle, Hash: c.hash, Roles: auth.NewRoles(c.roles...), Created: now.UTC()}
	return append(dst, save{Doc: s.doc, Fragile: true, Events: s.events()}, document.Reply{Value: s.public()})
}

// change gives the account other rights, and makes tokens that carry the old ones out of date. The logins of
// one that is shut out are over, and stay so when it is let in again. What is so already is written and told
// again, because what followed the first write may not have happened; under new versions if the account is
// shut out, so that whatever it has is ended, however it came by it.
func (s *state) change(roles auth.Roles, disabled bool, dst []effect) []effect {
	note := rightsChanged{letIn: s.doc.Disabled && !disabled}
	if disabled {
		s.doc.Logins, s.doc.Kept = s.doc.Logins+1, ""
	}
	if disabled || s.doc.Disabled || !slices.Equal(s.doc.Roles, roles) {
		s.doc.Roles, s.doc.Disabled = roles, disabled
		s.doc.Rights++
	}
	if s.doc.Rights > 0 {
		dst = append(dst, save{Doc: s.doc, Note: note, Fragile: true, Events: s.events()})
	}
	return append(dst, document.Reply{Value: s.public()})
}

func (s *state) public() Account {
	return Account{
		User: s.doc.User, Handle: s.doc.Handle.Shown, Roles: slices.Clone(s.doc.Roles), Disabled: s.doc.Disabled,
		Created: s.doc.Created, Logins: s.doc.Logins, Kept: s.doc.Kept, RightsVersion: s.doc.Rights,
	}
}
