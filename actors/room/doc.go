// Package room is the interaction space of one channel: where danmaku are accepted, numbered, kept and fanned out.
//
// It owns, per room, the log of danmaku, the card (channel, owner, settings, running broadcast), the mutes, and in memory
// the ring of the newest danmaku, the window of posted keys and the subscriptions of nodes. Everything is one actor of kind
// "room", keyed by the room's id; the rules are a pure core (state), the actor carries them. gateway/hub subscribes nodes
// and posts for sessions, gateway/api reads history and governs, actors/channel creates rooms and says when they are live;
// all of them through Client.
//
//	Post ──> judged, numbered ──> pending ──(one append out at a time)──> durable ──> acknowledged ──> ring, batch
//	                                                                                     tick ──> Fanout, to every node
//
// # Promises
//
// Order: offsets are contiguous from 1 and go on over activations; a position's epoch is that of the activation which
// numbered it. One append is out at a time and is all or nothing, so a failure leaves no hole and nothing is overtaken.
//
// Durability: a post is acknowledged, and broadcast, only after the log holds it. What was acknowledged is never lost,
// doubled or renumbered, whatever dies.
//
// Once: the same key of the same user is one danmaku. A retry joins the append in flight or is given the first position,
// if it comes within Config.Window and before Config.WindowKeys further posts. The window is rebuilt from the log's tail.
//
// Fan-out: a node is sent every danmaku after the position that Attach gave it, in order, without a hole, in immutable
// batches that are numbered within the attachment and say what they cover, until the attachment ends: by Detach, by 60 s
// without a report, or by a batch with Closed. A batch may be lost on the way; its number and the next Report show it, and
// Resume fetches what it held. After a silence the first danmaku goes out at once; then at most one batch per tick. The tick is
// Config.Tick, lengthened so that the viewers of the busiest node times the ticks per second stay within Config.WriteBudget,
// up to Config.MaxTick. Nothing ticks in an idle room. Info is broadcast on change, at most once a second.
//
// Recovery: Recovered is said only of an answer that provably holds everything between the position and Head.
//
// # Bounds and refusals
//
// Accepted danmaku waiting for log and tick: Config.MaxPending, then Exhausted "room_busy" (the newest is refused). Reads of
// the log behind the ring: 16 per room, then the same. Remembered keys: the oldest are forgotten, and counted. Muted
// users, attached nodes: refused beyond. All refusals are listed at the methods of Client.
//
// # Failure
//
// An append the storage refuses without having done anything (Unavailable, Exhausted) refuses the posts that wait and the
// room goes on, and so it does after a change that the storage refuses: watching and history of a room in use do not suffer
// from a full disk (one that is not cannot be opened then, because opening fences). Any other failed write leaves the outcome unknown:
// the posts in flight are refused Timeout "outcome_unknown", those behind them Unavailable "room_restarting", attached nodes
// get a batch with Closed, and the activation ends. The next one fences its partition, then reads the tail, so a write of
// the past cannot appear behind what it has read. Epochs tell owners apart, not activations of one owner; between
// those, the condition on the first row of an append makes sure that only one of two continuations of the log exists.
//
// # Storage
//
// Table "room", one partition per room, named by the room's id. All writes carry the fence of the activation.
//
//	key                     value (roompb)  life      written
//	'c'                     Card            for ever  on create; with every change, on condition of its version
//	'h'                     Head            for ever  with every append: place of the newest row, which outlives it
//	'l' + offset, 8 bytes   Danmaku         Retention by append; big-endian; the first of an append only if absent
//	'm' + user              Mute            its own   together with the card
//
// The log may have holes at its old end only, where rows have expired; readers check contiguity and do not assume it.
// Field numbers and prefixes are append-only; testdata/rows.golden holds the bytes.
//
// # Use
//
//	rooms := room.NewClient(node)
//	err := rooms.Create(ctx, roomID, channelID, ownerID)
//	attached, err := rooms.Attach(ctx, roomID, nodeID, 1) // batches come through Deps.Fanout
//	position, duplicate, err := rooms.Post(ctx, roomID, author, room.Draft{Key: "k1", Text: "hello"})
package room
