package segmenter

import (
	"cmp"
	"time"
)

// Past is what a broadcast has behind it that goes on in another process.
type Past struct {
	// Next is the sequence number of the next segment, Init the number of the next configuration: one
	// that comes back from before gets a new number.
	Next uint64
	Init int
	// End is the media time at which the last segment ended; none that follows lies before it.
	End time.Duration
	// Target and PartTarget are those of the playlist, which stay as they are; PartTarget is that of the
	// Config where it is zero.
	Target, PartTarget time.Duration
}

// Resume makes the segmenter of a broadcast that goes on, as New does for one that begins. It opens with
// a discontinuity.
func Resume(cfg Config, start time.Time, p Past) *Segmenter {
	g := New(cfg, start)
	g.longest, g.target = p.Target, cmp.Or(p.PartTarget, g.cfg.PartTarget)
	g.clock.given = p.End
	g.write.sequence, g.write.numbers = p.Next, p.Init
	g.write.any, g.write.breaks = true, true
	return g
}
