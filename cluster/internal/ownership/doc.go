// Package ownership decides when a node may act for its shards: Lease says how long its membership can be
// trusted and when to ask for more, Shard whose a shard is and what becomes of those who want to enter it.
//
// Both are pure: events in, effects out, and time as an argument, counted from the start of the node and
// over the sleep of the machine. The shell, package cluster, asks the coordination store, keeps the clock
// and performs the effects.
//
// Promises: a lease is trusted no longer than four fifths of its life after a renewal was asked for that
// succeeded; one call to the store that hangs delays the next by no more than a tenth of that life; a shard
// that was found to be another's, or whose owner could not be settled, is not claimed again before a short
// pause has passed; nobody is admitted in doubt.
//
// There is nothing that can fail.
package ownership
