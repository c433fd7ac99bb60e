// Package rtmp takes publications over RTMP and Enhanced RTMP: video in H.264, H.265, AV1 or VP9, audio in
// AAC or Opus, one track of each kind.
//
// A Server owns its listener, a bounded number of connections, and one goroutine for each plus one that
// watches for takeover. Handshake, commands and media messages are gortmplib's; before it stands a guard on
// the network connection, which makes messages of chunks in any way that encoders write them and shows the
// library those that it knows (reassembly.go, canonical.go), after it a detector of tracks that does not wait
// longer than it must, and to_stream, which makes Units. An ingest.Gate decides who may publish. The
// composition root starts and closes the Server.
//
//	accept -> handshake -> connect, publish -> Verify -> onStatus Publish.Start -> tracks -> Begin -> units -> End
//	          \____ Config.Handshake ________________/                \__ Config.Detect __/         \ Config.Idle
//
// Promises:
//
//  1. Before its key is verified a connection costs at most preAuthBytes of input and one message of
//     preAuthMessage, or maxOther of media; after, one of maxMessage at a time, and until its tracks are
//     known maxWaiting messages of maxWaitingBytes in sum. Chunks that would make more of it are refused
//     before they are read. A publisher has Config.MaxBitrate, of which each message takes a little more
//     than it is long.
//     Connections without a verified key are bounded in sum and for each address and take no publisher's
//     slot. Floods of them keep no publisher out: a newcomer always gets a place, and the oldest of the
//     network that holds most gives way (quota.Yielding). An encoder shows its key within a second, on a bad
//     line within a few. Before that it is pushed out only if its own network holds more than four places,
//     or by a flood of 250 networks (/24, /48) or more that opens more than Config.MaxUnverified
//     connections in that time: 1000 a second if it takes one second, 333 if it takes three. Of those
//     with a key that do not publish yet there is one for each key, the newest. Wrong keys are counted by
//     address and network (wrongKeys): the Gate is asked about new ones no more often.
//  2. A unit's Arrival is the time at which its last bytes were taken off the network, before anything else
//     was done.
//  3. Key pictures carry in band what their decoder needs, and can be started at: of open groups of H.264
//     the pictures in front of them are left out. Another configuration of the same video codec is set on
//     the unit from which it holds. A publication goes on with another codec, another sound or a track that
//     comes late, from its next key picture (turn.go).
//  4. A publisher that sends nothing for Config.Idle is closed. One whose Stream was closed by somebody
//     else is told why and closed. Every Begin is followed by one End.
//  5. No input ends the process: a panic of the library ends its connection and is counted. A message that
//     is unknown or cannot be read is passed over; more than unreadableRate of the latter are no RTMP.
//  6. Keys are never logged.
//
// What a client sees when it is refused is an onStatus of level error with one of these codes, a
// description in words, and the end of the connection (see refuse.go): NetStream.Publish.BadName for a
// wrong key or path, NetStream.Publish.Denied for one that may not publish now, NetStream.Publish.Rejected
// for media we do not carry or cannot read, or too much of them, NetStream.Play.Failed for a player,
// NetStream.Failed when it is our fault. What is not RTMP is closed without a word while no key has been
// verified. Codecs are judged by the first bytes of each message (see codec.go), and
// a refusal names the one that came.
package rtmp
