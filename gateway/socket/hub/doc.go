// Package hub is where rooms meet sockets on one node: it subscribes the node to the rooms its connections
// are in and spreads every batch over them.
//
// It owns, for every room with a local connection, a feed: the newest part of the room's log (recent), the
// room's state, and one goroutine (keeper) that keeps the node attached: it attaches, reports every 20 s
// and on change how many are here, attaches anew when the attachment has ended, fills gaps, and detaches 10
// s after the last connection left. And it owns the shards: goroutines that write. The gateway calls Enter,
// Release, Leave and Drop for its connections; rooms call Deliver.
//
//	room ── Deliver ── feed: in order, no gaps ──┬── shard 0 ── each subscriber, from its place in the log to the newest
//	                    (what is kept)           └── shard n
//
// A subscriber is a place in the room's log (sentUpTo) and nothing waits for it: what is kept is the queue
// of all. When a room has news, each shard with subscribers makes a pass over them, in slices of 256 writes
// between which joins, leaves and other rooms have their turn. A pass takes everybody who reads to the
// newest, with one frame for all who are in the same place; what comes during a pass goes out with the next
// one, so a node that is slower than its rooms writes less often and more at once.
//
// Promises:
//
//  1. A connection is told every danmaku after the position it was answered with, in order and once, or is
//     told which it is not told: by a batch that says how many it leaves out, or by a gap.
//  2. Deliver returns at once. No socket, and no other room, can hold it up.
//  3. Joining a room, or coming back to it from a position of the last 90 s, asks the room nothing and
//     encodes nothing that has been encoded before, as long as what is kept suffices; so a storm of joins
//     costs memory reads.
//  4. Fan-out allocates nothing for a connection.
//  5. Nobody leaves a room because the node or the connection is slow. A connection that does not take what
//     it is offered has at most one frame waiting besides LowWater and what the kernel holds, and is
//     offered the rest when it takes again.
//
// Bounds and policies. What is kept of a room: what came within Config.Keep and at least 256 danmaku, at
// most KeepBytes; with KeepAllBytes over all rooms exceeded, at most an equal share (policy: the oldest go
// first). A connection that reads, but that the node lags behind by more than 512 KiB, gets a sample of the
// backlog in one frame ("sampled"). One that does not read gets everything that is still kept, else a gap
// up to about the newest ("slow"). States of a room: only the newest is kept, and a connection that does
// not read gets none. Batches held while a gap before them is filled: 64, then dropped, which is the next
// gap. A gap that the room cannot fill is told to all ("lost"). All of it is counted. A room that cannot be
// asked for long keeps its connections without batches until it can; one that does not exist any more takes
// them out ("room_closed").
package hub
