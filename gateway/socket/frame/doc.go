// Package frame turns what rooms say into the bytes that sockets are sent.
//
// It owns the mapping from the rooms' danmaku and state to the messages of internal/wire, and Block:
// danmaku of a room whose bytes are made once for each encoding, by the first who needs them, and shared by
// every frame of every socket from then on. Rows select parts of blocks; Append puts a header before them.
// gateway/socket/protocol says what a frame holds, gateway/socket/hub keeps the blocks.
//
// Promises: what is made here is what the generated encoders of wire would make; blocks and rows are
// immutable and safe for concurrent use; no cut of Rows is larger than it was asked for. Nothing fails: a
// frame that cannot be encoded, which only a bug brings about, becomes no bytes.
package frame
