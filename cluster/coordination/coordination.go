// Package coordination is the port through which nodes agree who owns which shard of the actors.
//
// A node joins and is given a Lease. Under the lease it claims shards; a Grant names the owner of a shard
// and the epoch of this ownership. Epochs grow with every change of ownership, over restarts too: whoever
// holds the grant of the highest epoch is the owner, and everything that carries a lower one is refused, by
// actors and by storage. So nothing rests on a node noticing in time that it lost its lease; noticing is
// only politeness.
//
// The caller is the node of package cluster. Drivers are in the folders below; package coordinationtest
// lists, in numbered sentences, what every driver promises, and checks it. Errors are of package fault:
// Conflict "shard_owned" and "node_joined", Fenced "lease_lost", and what the driver's medium adds
// (Unavailable).
package coordination

import (
	"context"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

// Shard numbers a part of all actors: 0 to Shards-1.
type Shard uint16

// Shards is the number of shards. It is part of the placement of every key and never changes.
const Shards = 4096

// Lease is a node's membership.
type Lease struct {
	// Node is the member.
	Node id.Node
	// Epoch is higher than that of every lease and grant given before.
	Epoch position.Epoch
	// TTL is how long the lease lives after Join or the last Renew. Zero means until it is released.
	TTL time.Duration
}

// Grant is the ownership of a shard.
type Grant struct {
	Shard Shard
	Node  id.Node
	// Epoch is higher than that of every earlier ownership of the shard and not below the epoch of the
	// owner's lease.
	Epoch position.Epoch
}

// Store keeps leases and grants. It is safe for concurrent use.
type Store interface {
	// Join makes node a member. A node that is one already is refused Conflict "node_joined".
	Join(ctx context.Context, node id.Node) (Lease, error)
	// Renew prolongs the lease by its TTL from now. A lease that ran out or was released is refused Fenced
	// "lease_lost".
	Renew(ctx context.Context, lease Lease) error
	// Claim makes the lease's node the owner of the shard and is idempotent while it is. A shard of another
	// living node is refused Conflict "shard_owned", a lost lease Fenced "lease_lost".
	Claim(ctx context.Context, lease Lease, shard Shard) (Grant, error)
	// Release gives the shards back, or with none named the lease with all its shards. What is not owned is
	// left alone.
	Release(ctx context.Context, lease Lease, shards ...Shard) error
}

// ErrLeaseLost is what a driver answers to a lease that ran out or was released.
var ErrLeaseLost = fault.New(fault.Fenced, "lease_lost", "the node's lease has ended")

// ErrShardOwned is what a driver answers to a claim of another living node's shard.
var ErrShardOwned = fault.New(fault.Conflict, "shard_owned", "another node owns the shard")

// ErrNodeJoined is what a driver answers to a second Join.
var ErrNodeJoined = fault.New(fault.Conflict, "node_joined", "a node of this name holds a lease")
