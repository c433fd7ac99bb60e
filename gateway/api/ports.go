package api

import (
	"context"
	"log/slog"
	"time"

	"github.com/barrage-live/barrage/actors/identity/account"
	"github.com/barrage-live/barrage/actors/identity/session"
	"github.com/barrage-live/barrage/actors/live/channel"
	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

// Accounts is who exists; account.Client fills it.
type Accounts interface {
	Register(ctx context.Context, handle, password string) (account.Account, error)
	Authenticate(ctx context.Context, handle, password string) (account.Account, error)
	Get(ctx context.Context, user id.User) (account.Account, error)
	GrantRole(ctx context.Context, user id.User, role auth.Role) (account.Account, error)
	ChangePassword(ctx context.Context, user id.User, current, password string) (account.Account, error)
}

// Handles tells by which handle an account is known; account.Client fills it.
type Handles interface {
	Handle(ctx context.Context, user id.User) (string, error)
}

// Members is how administrators change accounts; account.Client fills it.
type Members interface {
	ByHandle(ctx context.Context, handle string) (account.Account, error)
	SetRoles(ctx context.Context, user id.User, roles auth.Roles) (account.Account, error)
	SetDisabled(ctx context.Context, user id.User, disabled bool) (account.Account, error)
}

// Directory lists all accounts; accountlist.Client fills it.
type Directory interface {
	// List gives accounts whose handle begins with prefix, by handle, after the cursor, and the next cursor ("" at the end).
	List(ctx context.Context, prefix, cursor string, limit int) (page []account.Account, next string, err error)
}

// Sessions begins and ends logins; session.Client fills it.
type Sessions interface {
	Open(ctx context.Context, user id.User, device string) (session.Rotation, error)
	Refresh(ctx context.Context, token string) (session.Rotation, error)
	Logout(ctx context.Context, token string) error
	Revoke(ctx context.Context, user id.User, s id.Session) error
	RevokeAll(ctx context.Context, user id.User, keep id.Session) (int, error)
}

// SessionViews looks at logins; session.Client fills it.
type SessionViews interface {
	Get(ctx context.Context, s id.Session) (session.Info, error)
	List(ctx context.Context, user id.User) ([]session.Info, error)
}

// Channels changes channels; channel.Client fills it.
type Channels interface {
	Create(ctx context.Context, owner id.User, name, title string) (channel.Channel, error)
	SetTitle(ctx context.Context, ch id.Channel, title string) (channel.Channel, error)
	Ingest(ctx context.Context, ch id.Channel) (channel.Ingest, error)
}

// ChannelViews looks at channels; channel.Client fills it.
type ChannelViews interface {
	Resolve(ctx context.Context, nameOrID string) (id.Channel, error)
	Get(ctx context.Context, ch id.Channel) (channel.Channel, error)
	Owned(ctx context.Context, owner id.User) (channel.Channel, error)
	ListLive(ctx context.Context, cursor string, limit int) (page []channel.Listed, next string, err error)
}

// StreamKeys makes and ends stream keys; channel.Client fills it.
type StreamKeys interface {
	MintKey(ctx context.Context, ch id.Channel) (channel.Key, auth.StreamKey, error)
	Keys(ctx context.Context, ch id.Channel) ([]channel.Key, error)
	RevokeKey(ctx context.Context, ch id.Channel, key string) (channel.Key, error)
	RevokeKeys(ctx context.Context, ch id.Channel) error
}

// Rooms reads and governs rooms; room.Client fills it.
type Rooms interface {
	Card(ctx context.Context, r id.Room) (room.Card, error)
	History(ctx context.Context, r id.Room, before position.Position, limit int) ([]room.Danmaku, bool, error)
	Configure(ctx context.Context, r id.Room, a room.Adjustment) error
}

// Mutes keeps users from posting in a room; room.Client fills it.
type Mutes interface {
	Mute(ctx context.Context, r id.Room, user id.User, until time.Time, by id.User) error
	Unmute(ctx context.Context, r id.Room, user id.User) error
	Mutes(ctx context.Context, r id.Room) ([]room.Mute, error)
}

// Audience knows who watches; room.Client fills it.
type Audience interface {
	Info(ctx context.Context, r id.Room) (room.Info, error)
}

// Limiter counts within sliding windows; the cache's driver fills it.
type Limiter interface {
	// Allow counts one event of the key and reports whether it is within limit per window; if not, when to try again.
	Allow(ctx context.Context, key string, limit int, window time.Duration) (ok bool, retryAfter time.Duration, err error)
}

// LimiterFunc is a Limiter made of one function.
type LimiterFunc func(ctx context.Context, key string, limit int, window time.Duration) (bool, time.Duration, error)

// Allow calls f.
func (f LimiterFunc) Allow(ctx context.Context, key string, limit int, window time.Duration) (bool, time.Duration, error) {
	return f(ctx, key, limit, window)
}

// Deps is everything the API stands on. Audience may be nil: then nobody is known to watch.
type Deps struct {
	Config       Config
	Tokens       *auth.Tokens
	Accounts     Accounts
	Handles      Handles
	Members      Members
	Directory    Directory
	Sessions     Sessions
	SessionViews SessionViews
	Channels     Channels
	ChannelViews ChannelViews
	StreamKeys   StreamKeys
	Rooms        Rooms
	Mutes        Mutes
	Audience     Audience
	Limiter      Limiter
	Log          *slog.Logger
	Metrics      *Metrics
}
