package channel

import (
	"context"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/packager"
)

// ErrEnded refuses to go on with a broadcast.
var ErrEnded = fault.New(fault.Conflict, "broadcast_ended", "the broadcast has ended")

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

// Packager is what a channel asks of the packager of its broadcast.
type Packager interface {
	// Open makes the stream that the holder of the fence writes; a stream of a lower fence is no longer
	// read. It refuses ErrEnded for a broadcast that is over, and for one that should go on and is not
	// there: a playlist never starts anew.
	Open(ctx context.Context, o Opening) (*live.Stream, error)
	// Held is what there is of a broadcast: it refuses fault.NotFound for one that is unknown or over.
	Held(ctx context.Context, channel id.Channel, broadcast id.Broadcast) (Held, error)
	// Interrupt tells that the publisher of the fence is gone and may return.
	Interrupt(ctx context.Context, channel id.Channel, fence Fence) error
	// Finish ends the broadcast for good, and its recording; one that is unknown or finished is no error.
	Finish(ctx context.Context, channel id.Channel, broadcast id.Broadcast) error
	// Stats measures the present publisher; the zero Health when there is none.
	Stats(ctx context.Context, channel id.Channel) (packager.Health, error)
}

// Held is a broadcast that goes on.
type Held struct {
	// Fence is that of the last lease, and Stream what its holder writes; nil while nobody does.
	Fence  Fence
	Stream *live.Stream
}

// Opening is a lease as the packager gets it.
type Opening struct {
	Channel   id.Channel
	Room      id.Room
	Title     string // of the channel, now
	Broadcast id.Broadcast
	Resumes   bool      // the broadcast was opened before
	Start     time.Time // media time zero of the broadcast
	Fence     Fence
	Tracks    []media.Track
}
