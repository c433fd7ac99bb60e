package room

import (
	"cmp"
	"time"

	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

// Mode is how a danmaku moves over the picture. The zero value in a Draft means Scroll.
type Mode uint8

// The modes.
const (
	Scroll Mode = iota + 1
	Top
	Bottom
)

// Size is how large a danmaku is drawn. The zero value in a Draft means Normal.
type Size uint8

// The sizes.
const (
	Normal Size = iota + 1
	Small
	Large
)

// MediaUnknown is the media time of a danmaku whose author did not say which picture was in view.
const MediaUnknown = time.Duration(-1)

// Danmaku is one accepted comment. It never changes.
type Danmaku struct {
	Position position.Position
	// Key was chosen by the author; the same key of the same user is one danmaku.
	Key  string
	User id.User
	// Name is the author's, as it was when the danmaku was accepted.
	Name   string
	Text   string
	Mode   Mode
	Colour uint32 // 0xRRGGBB
	Size   Size
	// MediaTime is the place on the clock of Broadcast, in whole milliseconds, or MediaUnknown.
	MediaTime time.Duration
	// At is when the room accepted it, in whole milliseconds, UTC.
	At time.Time
	// Broadcast was running then; empty when none was.
	Broadcast id.Broadcast
}

// Info is what is true of a room now.
type Info struct {
	Room id.Room
	// Epoch and Version order what was said of a room at different times: by epoch, then by version, which
	// grows with every change within an activation.
	Epoch   position.Epoch
	Version uint64
	// Online is the sum of the viewers the attached nodes reported.
	Online    int
	SlowMode  time.Duration
	MaxLength int // code points of a text
	Live      bool
	// Broadcast and BroadcastStart (the moment of media time 0) are zero when the room is not live.
	Broadcast      id.Broadcast
	BroadcastStart time.Time
}

// Newer reports whether i was said after o: what is not newer came late and must not replace it.
func (i Info) Newer(o Info) bool {
	return cmp.Or(cmp.Compare(i.Epoch, o.Epoch), cmp.Compare(i.Version, o.Version)) > 0
}

// Batch is what a room says to one node. It is immutable, and what it holds is shared by all nodes.
type Batch struct {
	Room id.Room
	// Epoch is that of the activation which speaks.
	Epoch position.Epoch
	// Attachment is the number the node attached with.
	Attachment uint64
	// Seq numbers the batches of an attachment 1, 2, 3 and so on: a missing number is a lost batch.
	Seq uint64
	// From and To are what the batch covers: the offsets after From up to To. From is To of the batch
	// before, or the position that Attach answered with. They are equal in a batch that covers nothing.
	From, To position.Position
	// Skipped counts danmaku inside the coverage that are not in the batch, and Why says why; 0 and "" in
	// what a room sends.
	Skipped uint32
	Why     string
	// Danmaku are in order and without a hole but for what was skipped.
	Danmaku []Danmaku
	// Info is nil where nothing of it changed.
	Info *Info
	// Closed says that the attachment has ended and no batch of it follows: attach anew.
	Closed bool
}

// Fanout carries batches to nodes. Deliver is called on the room's turn, in the order of Seq: it must
// return at once, and may lose a batch, which the node finds by the number that is missing.
type Fanout interface {
	Deliver(node id.Node, b *Batch)
}

// Attached is how an attachment stands.
type Attached struct {
	Info Info
	// Seq and Position are those of the last batch sent (Position its To); the next one goes on from there.
	Seq      uint64
	Position position.Position
}

// Author is who posts. The caller has authenticated it.
type Author struct {
	User  id.User
	Name  string
	Roles []string
}

// Draft is a danmaku as its author wants it.
type Draft struct {
	// Key makes a retry safe: 1 to 64 of A-Z, a-z, 0-9, underscore and hyphen.
	Key    string
	Text   string
	Mode   Mode
	Colour uint32
	Size   Size
	// MediaTime is that of the picture in view; below zero if unknown.
	MediaTime time.Duration
}

// Settings are what a room's owner sets.
type Settings struct {
	// SlowMode is the least time between two danmaku of one user; zero is none, at most an hour.
	SlowMode time.Duration
	// MaxLength bounds a text in code points, 1 to MaxLength; DefaultLength at first.
	MaxLength int
}

// Adjustment changes the settings it names and leaves the others, so that two who adjust different ones do
// not undo each other.
type Adjustment struct {
	SlowMode  *time.Duration
	MaxLength *int
}

// Card is what a room is and how it is set.
type Card struct {
	Room     id.Room
	Channel  id.Channel
	Owner    id.User
	Settings Settings
	Created  time.Time
}

// Mute keeps one user from posting until a moment.
type Mute struct {
	User  id.User
	Until time.Time
	By    id.User
	At    time.Time
}

// Why a Recovery did not recover. The words are stable.
const (
	// TooOld: rows after the position have expired.
	TooOld = "too_old"
	// TooMany: more than RecoveryLimit danmaku were missed.
	TooMany = "too_many"
	// UnknownPosition: the log never held that position.
	UnknownPosition = "unknown_position"
)

// Recovery is the answer to a Resume.
type Recovery struct {
	// Danmaku is everything after the position up to To if Recovered, else empty.
	Danmaku   []Danmaku
	Recovered bool
	// More says that To is not Head yet: what was missed is more than one answer may hold. Resume again,
	// from To.
	More   bool
	Reason string // empty if Recovered
	// To is the position that a reader holds who has processed the answer.
	To position.Position
	// Head is the newest durable position when the question was asked.
	Head position.Position
}
