// Package origin is what of a node makes the playlists of broadcasts: an origin server, from which edges and
// players fetch.
//
// An Origin is a registry, by channel, of the broadcasts whose publishers come to this node: of each one
// live/packager.Packager and the live.Stream that the publisher writes. It decides nothing about who may
// publish. Whoever decides (actors/live/channel) gives a Lease, which is data, to the ingest that holds the
// publisher; that opens it here, and gets the Stream. The decider asks what it holds (Held), and says in data
// what is to end.
//
//	          Open                  Interrupt               Finish
//	[idle] ---------> [on air] ----------------> [interrupted] ----> [ended] --linger--> [idle]
//	                    ^  \______________________/      |  \_________/
//	                    |         Open of a higher fence
//
// Promises:
//
//  1. A Stream of a lower fence is closed with live.ErrTakenOver as soon as a higher one opens, and a lower
//     one cannot open any more; nor can one that was interrupted, or whose broadcast was finished.
//  2. One broadcast keeps one playlist over any number of Opens. One that should go on and does not run here
//     is resumed from its recording, or refused: a playlist never begins again.
//  3. What is recorded carries the fence of a lease. Whoever had an earlier one writes nothing more.
//  4. After Finish the ended playlist stays for Config.Linger.
//  5. Drain interrupts: publishers are let go, what is complete is stored, and no recording is ended, so that
//     each broadcast goes on where its publisher comes next.
//  6. What changes one channel happens one after the other and may wait for storage; nobody who asks what is
//     on waits for that, nor do other channels. A change that panics takes its broadcast off the air.
//
// It fails with ErrStaleFence, ErrEnded, ErrLive, ErrNotLive, with the reason of the interruption, with
// fault.Unavailable "node_stopping" after Drain, with fault.Timeout "origin_busy" when the context ends
// before it is a change's turn, and with what packager and recordings refuse.
package origin
