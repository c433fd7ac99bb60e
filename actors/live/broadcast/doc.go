// Package broadcast is the actor that owns the packaging of a channel's broadcast on the node where it is
// ingested.
//
// The key is the channel id. The actor owns one live/packager.Packager, which has the goroutines and the
// bytes, and the Stream that the holder of the lease writes; both are handed over beside its messages
// (cluster.LocalOf), so Open, Inquire and Locate are asked on its node only. Only the channel actor changes
// its state; egress asks where the broadcast is, the studio how it is doing.
//
//	            Open                 Interrupt                Finish
//	[idle] -----------> [live] -------------------> [interrupted] ----> [ended] --linger--> [idle]
//	                      ^  \______________________/      |  \________/
//	                      |          Open of a higher fence
//
// It owns the recordings of the channel, too: everything that is written of one (live/recording) carries the
// fence of an activation. Finish of a broadcast that does not run here ends what a crash has left open, Erase
// deletes what has ended.
//
// It promises: a Stream of a lower fence is closed with live.ErrTakenOver as soon as a higher one opens,
// and a lower one cannot open any more; Open, Interrupt and Finish may be repeated; one broadcast keeps one
// playlist over any number of Opens; after Finish the ended playlist stays for Config.Linger; a drained
// node ends its broadcasts with ENDLIST and stores what is complete.
//
// It refuses fault.Fenced "stale_fence", fault.Conflict "broadcast_ended" and "broadcast_live",
// fault.NotFound "not_live" and "no_broadcast", what the packager refuses of the tracks, and what tables
// and objects refuse.
package broadcast
