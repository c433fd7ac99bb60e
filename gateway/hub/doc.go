// Package hub is where rooms meet sockets on one node: it subscribes the node to the rooms its connections are in and spreads
// every batch over them.
//
// It owns, for every room with a local connection, one goroutine that keeps the node attached (attach, renew every 20 s, attach
// anew when the room moved, fill holes, report how many are here, detach 10 s after the last left), the newest danmaku of that
// room, and the shards: goroutines that write. The gateway calls Enter, Release, Leave and Drop for its connections; room
// actors call Deliver.
//
//	room actor ── Deliver ── local room: in order, no holes ──┬── shard 0 ── the same bytes to each of its sockets
//	                                                         └── shard n   (each variant encoded once, by the first who needs it)
//
// Promises:
//
//  1. A connection gets every danmaku behind the position it was answered with, in order, none twice. Between Enter and
//     Release batches wait in its seat.
//  2. Deliver returns at once. No socket, and no other room, can hold it up.
//  3. Joining a room that is attached asks the room nothing as long as the newest danmaku kept here suffice, so a storm of
//     joins costs memory reads.
//  4. Fan-out allocates nothing for a connection.
//
// Bounds and policies: batches waiting at a shard, 1024: the room's connections on this shard are told "gap" and resume.
// Batches waiting in a seat, 64: the same. Batches held while a hole is filled, 256: dropped, which is the next hole.
// All of them are counted. A room that cannot be asked for long keeps its connections without batches until it can.
package hub
