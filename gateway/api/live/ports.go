package live

import (
	"context"
	"slices"
	"time"

	"github.com/barrage-live/barrage/actors/identity/account"
	"github.com/barrage-live/barrage/actors/live/broadcast"
	"github.com/barrage-live/barrage/actors/live/channel"
	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/gateway/rest"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

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
	MintKey(ctx context.Context, ch id.Channel, rights uint64) (channel.Key, auth.StreamKey, error)
	Keys(ctx context.Context, ch id.Channel) ([]channel.Key, error)
	RevokeKey(ctx context.Context, ch id.Channel, key string) (channel.Key, error)
}

// Broadcasts has what was recorded of channels; broadcast.Client fills it.
type Broadcasts interface {
	Recordings(ctx context.Context, ch id.Channel, cursor string, limit int) (page []broadcast.Recording, next string, err error)
	Recording(ctx context.Context, ch id.Channel, b id.Broadcast) (broadcast.Recording, error)
	Erase(ctx context.Context, ch id.Channel, b id.Broadcast) error
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

// Accounts is what the live wing asks of accounts; account.Client fills it.
type Accounts interface {
	Find(ctx context.Context, handleOrID string) (account.Account, error)
	// Handle tells by which handle an account is known.
	Handle(ctx context.Context, user id.User) (string, error)
	GrantRole(ctx context.Context, user id.User, role auth.Role) (account.Account, error)
}

// Config says where things are. The zero value works.
type Config struct {
	// Public is the URL that viewers reach the service by, without a path; empty: what the request says.
	Public string
	// RTMPPort is where streamers publish to, on the host of Public or of the request; zero means 1935.
	// RTMPS says that it speaks TLS.
	RTMPPort int
	RTMPS    bool
}

// Ports are the actors that the operations ask.
type Ports struct {
	Accounts     Accounts
	Channels     Channels
	ChannelViews ChannelViews
	StreamKeys   StreamKeys
	Broadcasts   Broadcasts
	Rooms        Rooms
	TimeIndex    TimeIndex
	Mutes        Mutes
	Audience     Audience
}

// Deps is everything the operations stand on.
type Deps struct {
	Ports
	Config Config
	Limits *rest.Limits
}

// handlers answer the operations. They are immutable.
type handlers struct{ Deps }

// Operations is what can be asked of this wing.
func Operations(d Deps) []rest.Operation {
	h := &handlers{d}
	return slices.Concat(
		h.channelOperations(),
		h.keyOperations(),
		h.broadcastOperations(),
		h.roomOperations(),
		h.timelineOperations(),
		h.muteOperations(),
	)
}

// channelOwner is the right of the owner of the channel.
func channelOwner() *rest.Right {
	return &rest.Right{Owner: "the owner of the channel", Roles: []auth.Role{auth.Admin}}
}

// channelWatcher is the right of the owner of the channel, and of who looks after the platform.
func channelWatcher() *rest.Right {
	return &rest.Right{Owner: "the owner of the channel", Roles: []auth.Role{auth.Moderator, auth.Admin}}
}

// roomGovernor is the right of the owner of the room's channel, and of who looks after the platform.
func roomGovernor() *rest.Right {
	return &rest.Right{Owner: "the owner of the room", Roles: []auth.Role{auth.Moderator, auth.Admin}}
}
