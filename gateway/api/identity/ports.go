package identity

import (
	"cmp"
	"context"
	"log/slog"
	"slices"

	"github.com/barrage-live/barrage/actors/identity/account"
	"github.com/barrage-live/barrage/actors/identity/session"
	"github.com/barrage-live/barrage/gateway/api/live"
	"github.com/barrage-live/barrage/gateway/rest"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/id"
)

// Accounts is who exists; account.Client fills it.
type Accounts interface {
	Register(ctx context.Context, handle, password string) (account.Account, error)
	Authenticate(ctx context.Context, handle, password string) (account.Account, error)
	Get(ctx context.Context, user id.User) (account.Account, error)
	ChangePassword(ctx context.Context, user id.User, keep id.Session, current, password string) (account.Account, error)
}

// Members is how administrators change accounts; account.Client fills it.
type Members interface {
	Find(ctx context.Context, handleOrID string) (account.Account, error)
	SetRoles(ctx context.Context, user id.User, roles auth.Roles) (account.Account, error)
	SetDisabled(ctx context.Context, user id.User, disabled bool) (account.Account, error)
}

// Directory lists all accounts; accountlist.Client fills it.
type Directory interface {
	// List gives accounts whose handle begins with prefix, by handle, after the cursor, and the next cursor
	// ("" at the end).
	List(ctx context.Context, prefix, cursor string, limit int) (page []account.Account, next string, err error)
}

// Sessions begins and ends logins; session.Client fills it.
type Sessions interface {
	Open(ctx context.Context, user id.User, logins uint64, device string) (session.Rotation, error)
	Refresh(ctx context.Context, token string) (session.Rotation, error)
	Logout(ctx context.Context, token string) error
	Revoke(ctx context.Context, user id.User, s id.Session) error
	RevokeAll(ctx context.Context, user id.User, keep id.Session, before uint64) (int, error)
}

// SessionViews looks at logins; session.Client fills it.
type SessionViews interface {
	Get(ctx context.Context, s id.Session) (session.Info, error)
	List(ctx context.Context, user id.User) ([]session.Info, error)
}

// Outlets is what accounts have in the live wing.
type Outlets interface {
	// Owned shows the channel of a user, nil if there is none.
	Owned(ctx context.Context, user id.User) (*live.Channel, error)
}

// Config bounds what is tried. The zero value works.
type Config struct {
	// Public is the URL that viewers reach the service by; empty: what the request says.
	Public string
	// Logins is how often one account may be tried from one address in the window. Five times as often may
	// one address try all accounts, its networks quota.Factor as often as that, and all addresses that an
	// account was not logged in from try it; past the last, one guess every 10 s. Zero means 20.
	Logins int
	// Registrations is how many accounts one address may ask for in the window, and quota.Factor as many its
	// networks; zero means 20.
	Registrations int
}

// Ports are the actors that the operations ask.
type Ports struct {
	Accounts     Accounts
	Members      Members
	Directory    Directory
	Sessions     Sessions
	SessionViews SessionViews
}

// Deps is everything the operations stand on.
type Deps struct {
	Ports
	Config  Config
	Tokens  *auth.Tokens
	Outlets Outlets
	Limits  *rest.Limits
	Log     *slog.Logger
}

// handlers answer the operations. They hold what does not change, and remember from where people come and
// what strangers have guessed.
type handlers struct {
	Deps
	familiar familiar
	trickle  trickle
}

// Operations is what can be asked of this wing.
func Operations(d Deps) []rest.Operation {
	d.Config.Logins = cmp.Or(d.Config.Logins, 20)
	d.Config.Registrations = cmp.Or(d.Config.Registrations, 20)
	h := &handlers{d, newFamiliar(), newTrickle()}
	return slices.Concat(h.accountOperations(), h.sessionOperations(), h.memberOperations())
}

// reader is the right of those who look after the platform.
func reader() *rest.Right { return &rest.Right{Roles: []auth.Role{auth.Moderator, auth.Admin}} }

// governor is the right of those who decide on other accounts.
func governor() *rest.Right { return &rest.Right{Roles: []auth.Role{auth.Admin}} }
