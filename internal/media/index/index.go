package index

import (
	"strconv"
	"time"

	"github.com/barrage-live/barrage/internal/id"
)

// State is what may still happen to a recording.
type State uint8

// The states.
const (
	// Open: segments may follow.
	Open State = iota + 1
	// Ended: nothing changes any more.
	Ended
	// Removed: it is not there for anybody, and its objects are being deleted.
	Removed
)

// Listed is how far the live playlist of a broadcast has come, whether that is recorded or not: what goes on
// with the broadcast gives no number a second time.
type Listed struct {
	// Next is the sequence number behind the last segment.
	Next uint64
	// NextInit is the number behind the last init segment.
	NextInit uint32
}

// With is what has been listed when both have.
func (l Listed) With(o Listed) Listed {
	return Listed{Next: max(l.Next, o.Next), NextInit: max(l.NextInit, o.NextInit)}
}

// Header is what a recording is.
type Header struct {
	Channel id.Channel
	Room    id.Room
	// Title is that of the channel when the broadcast began.
	Title string
	// Start is media time zero.
	Start time.Time
	// Target is the target duration of the playlist, in whole seconds.
	Target time.Duration
	// PartTarget bounds the parts of the live playlist; zero where nobody noted it.
	PartTarget time.Duration
	State      State
	// End is when the recording ended; zero while it is open.
	End time.Time
	// Listed is what is known to have been listed.
	Listed
	// Duration and Bytes are of all segments.
	Duration time.Duration
	Bytes    int64
	// Peak is the highest rate, in bits per second.
	Peak int64
	// FPS is the frame rate; zero if there is no picture.
	FPS float64
	// Objects is how many objects were begun; they are numbered from 0.
	Objects uint32
}

// Place is where bytes lie in the objects of a recording.
type Place struct {
	Object         uint32
	Offset, Length int64
	// Sum is the CRC-32C of the bytes: what an object holds after the machine lost power is held against it.
	Sum uint32
}

// Init is an init segment.
type Init struct {
	Number uint32
	Place  Place
	// Codecs are RFC 6381 strings.
	Codecs []string
	// Width and Height are zero without video.
	Width, Height int
}

// Segment is a media segment.
type Segment struct {
	Sequence uint64
	// Init is the number of the init segment it needs.
	Init uint32
	// Discontinuity says that it does not continue the one before, Independent that it can be decoded without
	// any other, Gap that its bytes are not there; Place is zero then.
	Discontinuity, Independent, Gap bool
	// Media is the media time of its first picture.
	Media    time.Duration
	Duration time.Duration
	Place    Place
}

// SegmentName is the file name of a segment in playlists.
func SegmentName(sequence uint64) string { return strconv.FormatUint(sequence, 10) + ".m4s" }

// InitName is the file name of an init segment in playlists.
func InitName(number uint64) string { return "init-" + strconv.FormatUint(number, 10) + ".mp4" }
