// Package broadcast is how the broadcasts of a channel are looked at and deleted, as far as they were
// recorded.
//
// It has no actor: what is recorded is read from live/recording, and changed by the actor of its channel
// (actors/live/channel), which knows what goes on and has the fence. It owns nothing, and promises that what
// it gives is as it was a moment ago.
//
// It refuses fault.NotFound "no_broadcast", fault.Conflict "broadcast_live", and what channels, tables and
// objects refuse.
package broadcast
