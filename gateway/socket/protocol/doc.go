// Package protocol is the protocol machine of one connection: what a client may say, in which state, and
// what follows.
//
// State is pure: no clock, lock, socket or goroutine. The gateway feeds it events (a frame came, a question
// was answered, the token ran out) and carries out the effects it returns (send a frame, verify a token,
// enter a room, post). It owns who the client is and which rooms it is in. It promises that every request
// with an id gets exactly one reply, that a guest never posts, that a connection is in at most
// wire.MaxRooms rooms, and that what the client got wrong is answered by a typed error and changes nothing.
// It cannot fail itself.
//
// The shell may answer a question whenever it knows. Until then what the client asks about the same room
// waits, at most 32 requests of 32 KiB over all rooms (policy: refuse); other rooms, pings and leaving do
// not wait.
//
//	Opened ──> guest ──Verified──> user ──Expired, Revoked──> closed 4401
//	             └── Join ─> Enter ─> Entered ─> Release (the answer, then what follows it)
//	guest, user ──Drained──> closed 1012
//	guest, user ──Ending───> closed as the client deserves
package protocol
