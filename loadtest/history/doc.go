// Package history records what clients of rooms did and saw, and checks it against what rooms promise.
//
// It owns the form of a history (JSON lines, one Record each, one file per process), the Log that writes
// it, Read that reads it and Check that judges it. Load generators and end-to-end tests write; whoever runs
// them checks afterwards. Everything but the writing is pure. Check is a few linear scans; it fails only by
// reporting violations. Read fails with fault.Invalid "bad_history" and the number of the line.
//
// # Recording
//
// All times come from one monotonic clock of one host. A publisher records Invoke before it hands a post to
// the socket, then OK with the position, Fail for a refusal that says that nothing was done, or Info for
// everything else: a time-out or a broken connection is Info, never Fail. A retry has the same user and
// key. A subscriber records Resume when a room answers its join, then Recv for every danmaku, and Gap for
// what the server says it leaves out of a batch or does not tell, in the order of their offsets, before it
// looks at them. A new connection is a new Conn. When all is quiet, the complete history of each room is
// recorded as Hist from every node and from the store. Rooms are fresh when the recording begins.
//
// # Invariants
//
//	I1   every post that was OK is in the final history, at its position
//	I2   nothing was delivered, or is in the history, that was not invoked so: same room, user, key and hash
//	I3   a post has one position; retries, deliveries and histories agree on it
//	I4   a place in a room's log has one post and one epoch, over all observers; this is the split-brain alarm
//	I5   offsets grow by one: in every history from 1, in every subscription but for announced gaps
//	I6   all observers saw one order: nobody sees offsets fall, and no row of a lower epoch follows one of a higher epoch
//	I7   if a post was OK before another was first invoked, its offset is lower
//	I8   posts of one connection to one room, each sent once, are in the log in the order of their Seq
//	I10  what a resume calls recovered is everything: from a position the history knows, complete up to the head, unchanged
//
// The numbers are those of the reliability plan. Its I9, fencing, is implied: a post that an old owner
// acknowledged, though it was first invoked after a post of a newer owner was OK, would lie behind that one
// (I1, I7) with a lower epoch (I6). What is above I10, such as liveness and the promises of other services,
// is not judged here.
package history
