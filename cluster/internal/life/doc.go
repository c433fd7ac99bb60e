// Package life decides what becomes of one activation of an actor: when it loads, who waits, when it is
// flushed, how it ends, and what it must not do any more once the ownership of its shard is in doubt or
// lost.
//
// It is pure: Event in, Effects out, without clock, lock, goroutine or I/O. The shell, package cluster,
// carries messages, workers and timers, looks at the clock before it hands an event in, and performs the
// effects in order. One process at an address may live several lives, one after the other, so that
// messages that wait survive a panic, a Stop or a lost lease in their order:
//
//	           Granted           Loaded            Flushed
//	Waiting ------------> Loading ------> Active ---------> (retired) --> Ended
//	   ^                     |              |                  |
//	   |                     | failed       | panic, lost      | messages wait
//	   |                     v              v                  |
//	   +------------------ Unwinding, if works of a kind without a fence are still under way
//
// Promises, for every order of events: no turn, load or flush begins unless the event's Standing is
// Trusted; every life that had an actor ends with exactly one EndLife; nothing happens after Retired said
// that nobody waits; and who is paused is told so once.
//
// There is nothing that can fail. Events that make no sense in a phase change nothing.
package life
