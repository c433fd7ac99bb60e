package channel

import (
	"context"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/live/origin"
	"github.com/barrage-live/barrage/live/packager"
)

// ErrStale is what a room answers to an activation of a channel that has a successor.
var ErrStale = fault.New(fault.Fenced, "stale_channel", "a newer activation of the channel has spoken since")

// Rooms is what a channel asks of its room. Each call may be repeated.
type Rooms interface {
	// Create makes the room of a channel; it refuses fault.Conflict if there is a room of this id that
	// belongs to another.
	Create(ctx context.Context, room id.Room, channel id.Channel, owner id.User) error
	// SetLive tells what is on, and gives how many watch; SetOffline tells that nothing is. by is the
	// channel's activation that says so: the room refuses ErrStale if a newer one has spoken.
	SetLive(ctx context.Context, room id.Room, by position.Fence, broadcast id.Broadcast, start time.Time) (viewers int, err error)
	SetOffline(ctx context.Context, room id.Room, by position.Fence) error
}

// Origins is what a channel says to the node that holds its publisher, and asks of it, in data. Each call may
// be repeated.
type Origins interface {
	// Held is what there is of the channel's broadcast; the zero Held where there is nothing.
	Held(ctx context.Context, channel id.Channel) (origin.Held, error)
	// Restore shows a broadcast that waits for its publisher. It refuses origin.ErrEnded for one that is
	// over, and for one of which there is nothing to go on from: a playlist never starts anew.
	Restore(ctx context.Context, l origin.Lease) error
	// Interrupt lets go of the publisher of the fence, who is told the reason and may return under another.
	Interrupt(ctx context.Context, channel id.Channel, fence Fence, reason error) error
	// Finish ends the broadcast for good; one that is unknown or finished is no error. The lease of the fence
	// opens nothing any more.
	Finish(ctx context.Context, channel id.Channel, broadcast id.Broadcast, fence Fence) error
	// Health measures the present publisher; the zero Health when there is none.
	Health(ctx context.Context, channel id.Channel) (packager.Health, error)
}

// Recordings is what a channel does with what was recorded of broadcasts that do not go on. Each call may be
// repeated.
type Recordings interface {
	// Recover ends what is left open of one.
	Recover(ctx context.Context, fence position.Fence, b id.Broadcast) error
	// Remove deletes one, which is then not served any more either.
	Remove(ctx context.Context, fence position.Fence, channel id.Channel, b id.Broadcast) error
}
