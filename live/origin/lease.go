package origin

import (
	"time"

	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

// Lease is the right to write a channel's broadcast. It is data, and whoever has it holds nothing.
type Lease struct {
	Channel id.Channel
	Room    id.Room
	// Title is that of the channel when the lease was given.
	Title     string
	Broadcast id.Broadcast
	// Start is media time zero of the broadcast.
	Start time.Time
	// Fence numbers the leases of the channel; it only grows.
	Fence uint64
	// Resumes says that the broadcast was begun under another lease.
	Resumes bool
	// Record is the fence of what is recorded under the lease. It grows with every lease, too.
	Record position.Fence
}

// Held is what there is of a channel's broadcast on a node; the zero value where there is nothing that goes
// on.
type Held struct {
	Broadcast id.Broadcast
	// Fence is that of the last lease, and Publishing says that its holder is there.
	Fence      uint64
	Publishing bool
	// Began says that media have come from it.
	Began bool
}
