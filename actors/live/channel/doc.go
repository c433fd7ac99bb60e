// Package channel is a broadcaster's permanent outlet: one actor per channel, keyed by channel id.
//
// It owns the channel's document (name, title, owner, room, stream keys, fence) in table "channel"; the
// claims that make a name unique among all that look like it ("channel_name", by skeleton) and give an
// account one channel ("channel_by_owner"); the row that lists a live channel with what a page shows of it
// ("channel_live", in 64 partitions; it expires unless renewed); and the lease to publish: who may write
// the channel's broadcast now. Ingest calls Gate, the HTTP API calls Client.
//
//	           Begin (valid key)                End, stream lost
//	offline ----------------------> live ------------------------> interrupted
//	   ^                           ^  | Begin: takeover            |     |
//	   |                           |  | (old stream closed)        |     |
//	   |                           +--+            Begin: same broadcast goes on, its clock too
//	   |                                                           |     |
//	   +-------------------- grace over: the broadcast is finished-+<----+
//
// Every Begin raises the fence, durably, before it is answered with the lease (live/origin.Lease): data,
// which the Gate opens on the node that holds the publisher, and tells the channel so. What an older
// publisher still says carries an older fence and changes nothing. A broadcast keeps its id and start over
// reconnects, takeovers and restarts. At every beat the channel asks what the node of the publisher holds
// (Origins), and believes that rather than what it has not heard.
//
// An activation begins offline, and takes over what its predecessor left: a publisher that holds the last
// lease goes on, whatever ended the activation. If nobody publishes, because the process ended, the broadcast
// is shown again from its recording and waits for its publisher for the grace. One that is over, or of which
// nothing was recorded, does not go on: its playlist would start again at zero. The mark of a broadcast in
// the document goes only when the room has been told of its end, so a crash in between repeats the telling. A
// channel that has a mark is woken at the start of a process (document.WakeAll), before publishers are let
// in, unless that takes more than 20 s. Room and listing are told what the state is by a loop that retries,
// so both converge on it within a beat (10 s).
//
// The channel owns its recordings: what is recorded carries a fence of the owner's epoch and of the lease,
// and what ends or deletes a recording one that is higher, so that whoever wrote it writes no more.
//
// A publisher that has said goodbye is waited for for a moment (Config.Goodbye), one that was lost for the
// grace. That counts from when it was last certain to be there: where it asks for leases and its broadcast
// cannot go on, say because what was recorded is damaged, that is over then, and the next one begins.
// More than three takeovers within 30 s are two encoders that throw each other out: the next one is
// refused for a time that grows with each such loop, whether it asks (Verify) or begins, and the one who
// publishes stays.
//
// A broadcast goes on 20 times a minute at most: whoever comes and goes more often is refused until the first
// of them is a minute ago, and its broadcast may end meanwhile.
//
// Why the last publisher with a key of the channel was turned away is remembered by the activation, for the
// owner to see (Ingest.Refusal); a key that is none of the channel's writes nothing.
//
// Refusals: fault.Unauthenticated bad_stream_key (unknown channel and wrong key alike) and key_revoked;
// fault.Conflict name_taken, channel_exists, takeover_loop, reconnect_loop, and
// broadcast_live of what it will not delete;
// fault.NotFound no_channel, no_key;
// fault.Exhausted too_many_keys; fault.Invalid for names and titles. A publisher that loses its place finds
// its stream closed with live.ErrTakenOver or key_revoked.
package channel
