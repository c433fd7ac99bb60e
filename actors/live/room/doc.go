// Package room is the interaction space of one channel: where danmaku are accepted, numbered, kept and
// fanned out.
//
// It owns, per room, the log of danmaku, the card (channel, owner, settings, running broadcast), the mutes,
// and in memory the ring of the newest danmaku, the keys posted lately and the subscriptions of nodes.
// Everything is one actor of kind "room", keyed by the room's id; the rules are a pure core (state), the
// actor carries them. gateway/socket/hub subscribes nodes and posts for sessions, gateway/api reads history
// and governs, actors/live/channel creates rooms and says when they are live; all of them through Client.
//
//	Post ──> judged, numbered ──> pending ──(one append out at a time)──> durable ──> acknowledged ──> ring, batch
//	                                                                                     tick ──> Fanout, to every node
//
// # Promises
//
// Order: offsets are contiguous from 1 and go on over activations; a position's epoch is that of the
// activation which numbered it. One append is out at a time and is all or nothing, so a failure leaves no
// hole and nothing is overtaken.
//
// Durability: a post is acknowledged, and broadcast, only after the log holds it. What was acknowledged is
// never lost, doubled or renumbered, whatever dies.
//
// Once: the same key of the same user is one danmaku. A retry joins the append in flight or is given the
// first position, if it is the same danmaku (else Conflict "key_reused") and comes within Config.Window and
// before Config.WindowKeys further posts. The memory of keys is rebuilt from the log's tail.
//
// Fan-out: a node is sent every danmaku after the position that Attach gave it, in order, without a hole,
// in immutable batches that are numbered within the attachment and say what they cover, until the
// attachment ends: by Detach, by 60 s without a report, or by a batch with Closed. A batch may be lost on
// the way; its number and the next Report show it, and Resume fetches what it held. After a silence the
// first danmaku goes out at once; then at most one batch per tick. The tick is Config.Tick, lengthened so
// that the viewers of the busiest node times the ticks per second stay within Config.WriteBudget, up to
// Config.MaxTick. Nothing ticks in an idle room. Info is broadcast on change, at most once a second.
//
// Recovery: Recovered is said only of an answer that provably holds everything between the position and Head.
//
// # By media time
//
// A danmaku may be posted long after the picture it sits on, so the order of the log says nothing of
// pictures. The index by media time does, for whoever watches back. The room makes it from its log, a step
// at a time, after the append and off its way: rows wait up to a second to be written together, come from
// the ring, or from the log where the ring has gone on, and nobody's answer waits for them. The cursor is
// written after the rows, every 30 s at least while it moves, and whatever is behind it is written again
// by the next activation (an equal row over an equal one): a crash or a failing disk delays the index and
// loses nothing. A step that fails is done again after 100 ms up to 10 s. A room without a cursor, or with
// a damaged one, is indexed from the oldest row of its log on, with a rest of 50 ms between two steps. A
// row of the log that cannot be read is counted and left out.
//
// Once a broadcast is over and all its danmaku are in the index, it is sealed there: that row comes after
// the cursor, so what is sealed never changes. TimeIndex reads the tables itself, on any node; of a
// broadcast that is not sealed it wakes the room, which then indexes what an activation that died has
// left. The index keeps danmaku longer than the log: until TimeIndex.Delete, which belongs to the deletion
// of the recording, waits for the index, and leaves a mark that keeps the broadcast out of it for good: who
// writes there looks for the mark before and after, since it may have lost the room without knowing it. What
// was never recorded is deleted by its owner, or by TimeIndex.Sweep when recordings are not kept any longer.
//
// # Bounds and refusals
//
// In bytes: a batch, a page of history and a page of a recovery weigh at most MaxBatchBytes (Danmaku.Weight
// bounds both encodings of the socket protocol), what goes to a node at once MaxTickBytes; more waits for
// the next tick. Accepted danmaku that wait for the log and the tick: Config.MaxPending and
// Config.MaxPendingBytes, then Exhausted "room_busy" (the newest is refused), and the same as soon as an
// append has taken a second. One user posts Config.PostRate a second, Config.PostBurst at once, over
// however many connections, then Exhausted "too_fast". Reads of the log beyond the ring: 16 per room.
// Remembered keys: the oldest are forgotten, and counted. Muted users, attached nodes, changes that wait:
// refused beyond. All refusals are listed at the methods of Client.
//
// # Failure
//
// A write that the storage refuses without having done anything (Unavailable, Exhausted) refuses the posts
// that wait, or the change, and the room goes on: watching and history do not suffer from a full disk (a
// room that is not in use cannot be opened then, because opening fences).
//
// A write of unknown outcome is settled in place. Its authors are told Timeout "outcome_unknown", and until
// it is known, others are refused Unavailable "room_recovering" at once, while history, resumption,
// attachments and counts go on from memory. The room writes the very same again under the same condition
// until it learns which of the attempts took effect: the first row of an append must be absent, the card
// must have the version that was read, so of two attempts one does, and nobody else can write under the
// fence of this activation. A write that is refused because somebody else has a higher fence, or because a
// row stands where none may, ends the activation.
//
// # Storage
//
// Table "room", one partition per room, named by the room's id. Table "room_log", one partition per bucket
// of 65,536 offsets, named by the room's id, a colon and the number of the bucket. All writes carry the
// fence of the activation.
//
//	table     key                     value (roompb)  life      written
//	room      'c'                     Card            for ever  on create; with every change, on condition of its version
//	room      'i'                     Indexed         for ever  by the index: how far it has the log
//	room      'm' + user              Mute            its own   together with the card
//	room_log  'h'                     Head            see below with every append: place of the newest row, which outlives it
//	room_log  'l' + offset, 8 bytes   Danmaku         Retention by append; big-endian; the first of an append only if absent
//
// Table "danmaku_by_time" is plain. A broadcast has a partition named by the room's id, a colon and its own
// id, and one more for each minute of media time that has danmaku, named by that, a colon and the minute.
//
//	partition  key                                     value (roompb)  life         written
//	broadcast  'm' + minute, 8 bytes                   empty           till Delete  before the minute's first row
//	broadcast  's'                                     's' or 'd'      for ever     sealed; deleted
//	minute     media time in ms, offset, 8 bytes each  Danmaku         till Delete  by a step, big-endian
//
// Table "danmaku_broadcasts" is plain too; a partition is a room, a row a broadcast with minutes above, by
// its id. The row is empty until the broadcast is sealed, and then says when, in ms since 1970, in 8 bytes,
// big-endian. It comes before all other rows of the broadcast, and goes after them.
//
// The card names the open bucket, and is written before a bucket gets its first row. So an activation that
// has read the card under its own fence, and fenced the open bucket, has shut out every earlier writer. The
// head of a bucket is removed once the next one has rows; then the bucket vanishes with its last row. The
// log may have holes at its old end only, where rows have expired; readers check contiguity and do not
// assume it. Field numbers and prefixes are append-only; testdata/rows.golden holds the bytes.
//
// # Use
//
//	rooms := room.NewClient(node)
//	err := rooms.Create(ctx, roomID, channelID, ownerID)
//	attached, err := rooms.Attach(ctx, roomID, nodeID, 1) // batches come through Deps.Fanout
//	position, duplicate, err := rooms.Post(ctx, roomID, author, room.Draft{Key: "k1", Text: "hello"})
package room
