package room

import (
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
	// Online is the sum of the sessions the attached nodes reported.
	Online    int
	SlowMode  time.Duration
	MaxLength int // code points of a text
	Live      bool
	// Broadcast and BroadcastStart (the moment of media time 0) are zero when the room is not live.
	Broadcast      id.Broadcast
	BroadcastStart time.Time
}

// Batch is what happened in a room in one tick. It is immutable and shared by everyone it is delivered to.
type Batch struct {
	Room id.Room
	// Danmaku are in order; their offsets are contiguous within and between the batches of one attachment.
	Danmaku []Danmaku
	// Info is nil where nothing of it changed.
	Info *Info
	// Closed says that the activation behind this attachment has ended and nothing will follow: attach again.
	Closed bool
}

// Sink is where a node takes a room's batches. Deliver is called on the room's turn: it must return at once.
type Sink interface {
	Deliver(b Batch)
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
	// MediaTime is that of the picture in view; MediaUnknown (or -1 ms) if unknown.
	MediaTime time.Duration
}

// Settings are what a room's owner sets.
type Settings struct {
	// SlowMode is the least time between two danmaku of one user; zero is none, at most an hour.
	SlowMode time.Duration
	// MaxLength bounds a text in code points, 1 to MaxLength; DefaultLength at first.
	MaxLength int
}

// Adjustment changes the settings it names and leaves the others, so that two who adjust different ones do not undo each other.
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

// Recovery is the answer to a Resume. It is whole or empty, never partial.
type Recovery struct {
	// Danmaku is everything after the position up to Head if Recovered, else empty.
	Danmaku   []Danmaku
	Recovered bool
	Reason    string // empty if Recovered
	// Head is the newest durable position when the question was asked.
	Head position.Position
}
