package segmenter

import (
	"time"

	"github.com/barrage-live/barrage/internal/media"
)

// Event is what happened to the playlist: an *Init, *Open, *Part or *Close, in the order in which a
// playlist would be written. Everything an event points to is immutable and belongs to the receiver.
type Event interface{ event() }

// Init is a change of the configuration: all segments opened after it need these bytes first.
type Init struct {
	// Number counts the configurations of the broadcast from 0. One that comes back has its old number and
	// the same bytes, unless many others came between.
	Number int
	Bytes  []byte
	Tracks []media.Track
}

// Open says that a segment begins; its first part follows.
type Open struct {
	// Sequence is the media sequence number, from 0.
	Sequence uint64
	// Init is the number of the configuration it needs.
	Init int
	// Media is the media time of its first picture: wall clock time since the start of the broadcast.
	Media time.Duration
	// Discontinuity says that it does not continue the timestamps or the encoding of the segment before.
	Discontinuity bool
	// Independent says that it starts with an IDR picture.
	Independent bool
}

// Part is one part, complete.
type Part struct {
	Sequence uint64
	// Index counts the parts of the segment from 0.
	Index int
	// Start and End are on the timeline of the decode times.
	Start, End time.Duration
	// Independent says that it contains an IDR picture.
	Independent bool
	// Pictures is how many it holds. A part in which no picture begins, since the last one stands, and no
	// sound either holds no sample at all.
	Pictures int
	Bytes    []byte
}

// Duration is how long the part lasts, in whole microseconds such that the durations of parts add up
// without error.
func (p *Part) Duration() time.Duration { return span(p.Start, p.End) }

// Close says that the segment's last part was its last.
type Close struct {
	Sequence   uint64
	Start, End time.Duration
	Parts      int
}

// Duration is how long the segment lasts: the sum of its parts.
func (c *Close) Duration() time.Duration { return span(c.Start, c.End) }

func span(from, to time.Duration) time.Duration {
	return to.Round(time.Microsecond) - from.Round(time.Microsecond)
}

func (*Init) event()  {}
func (*Open) event()  {}
func (*Part) event()  {}
func (*Close) event() {}

// Counters are what the segmenter had to put right; they only grow.
type Counters struct {
	// Jumps counts the times the timestamps were re-based.
	Jumps uint64
	// Glitches counts units dropped for a timestamp that fitted nothing around it.
	Glitches uint64
	// Clamped counts units whose timestamp did not rise and was moved.
	Clamped uint64
	// AudioDropped counts audio frames dropped because they overlapped or because video did not follow.
	AudioDropped uint64
	// Holes counts times when nothing arrived for so long that playback had to begin anew.
	Holes uint64
	// HardCuts counts segments that had to start without an IDR picture.
	HardCuts uint64
	// PicturesDropped counts pictures dropped because the parameter sets changed too often, because a
	// discontinuity or a dropped picture lies before them and no IDR picture, because their timestamps
	// stand still, or because they come too far behind the sound.
	PicturesDropped uint64
}
