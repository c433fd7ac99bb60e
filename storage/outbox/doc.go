// Package outbox makes a row and its event one write, and remembers who has something left to do.
//
// An owner of a partition that changes a row and has something to tell of it stages the event: it goes into
// the same batch, as a row of the same partition (Box.Stage), so that either both are there or neither.
// After the write the owner appends what is staged to the event log (Append), and takes the rows out with
// its next write. Whoever becomes the owner reads what is staged with the rest of the partition (New), and
// appends it. Box has neither goroutine nor I/O: the owner's shell writes and appends, package
// actors/document for one.
//
// So that an owner which nobody asks for anything is not forgotten, it hangs out a mark before the first
// write that leaves something to do (Marks.Put), and takes it down when nothing is left (Marks.Remove).
// Every node wakes all who are marked, wherever they live, when it starts and once a minute.
//
// Undone shows in metrics what owners have left to do.
//
// Promises:
//
//  1. An event is staged if and only if the write that it belongs to took effect.
//  2. Every staged event is appended, at least once, in the order of its numbers, if its owner is woken as
//     long as it is marked.
//  3. A number is used for one event only, whatever the outcome of a write; events of one owner have
//     ascending numbers, with holes.
//  4. A mark outlives what was done before it: neither a former owner nor a removal that was begun earlier
//     takes it down. A later owner does, when it has been woken and has done what is left.
//
// # Storage
//
// In the owner's partition keys that begin with 0x00 are the outbox's. Numbers are big-endian, and every
// value begins with 0x01.
//
//	0x00            8 bytes, the number of the last event that was staged
//	0x00 number     an event: topic and key, each after its length in one byte and in two, then the payload
//
// Table "outbox", plain: partition = shard in decimal, row = kind 0x00 key 0x00 epoch activation number,
// with no value.
//
// Refusals: Exhausted "outbox_full" where the log takes nothing for too long, Internal "outbox_unreadable"
// for rows of another form, and those of the tables and of the log.
package outbox
