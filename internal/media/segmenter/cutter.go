package segmenter

import (
	"slices"
	"time"

	"github.com/barrage-live/barrage/internal/media"
)

// jitter is what timestamps in milliseconds may lack to a round duration.
const jitter = 20 * time.Millisecond

// rounding is how much longer than its bound a segment may be and still be rounded down to it (draft
// section 4.4.3.1).
const rounding = 450 * time.Millisecond

// cut is a decided end of a part.
type cut struct {
	at time.Duration
	// last says that the part is the last of its segment.
	last bool
	// fresh is the configuration that holds after it.
	fresh *media.Config
}

// cutter decides where parts and segments end. It sees the samples of the leading track only: video where
// there is any, else audio. Its decisions wait in cuts until the other track has caught up.
type cutter struct {
	target, shortest, longest time.Duration // of a part; of a segment
	pictures                  bool          // the leading track is video

	open          bool
	segment, part time.Duration // where the ones being filled began
	until, frame  time.Duration // end and duration of the last sample placed
	independent   bool          // the segment starts with an IDR picture
	begun         bool          // a sample begins in it
	cuts          []cut
	hardCuts      *uint64
}

// begin opens a segment at a sample after nothing or after a discontinuity.
func (c *cutter) begin(s *sample) {
	c.open, c.segment, c.part, c.begun = true, s.at, s.at, false
}

// ahead decides the same as before, one sample earlier, for a sample that has just begun: what kind it is
// is known, and a part that is full need not wait for proof that the sample would not fit.
func (c *cutter) ahead(s sample, frame time.Duration) {
	s.until = s.at
	if c.full(s.at - c.part) {
		s.until += frame * 9 / 10
	}
	if c.open && s.at == c.until {
		c.before(&s)
	}
}

// before decides whether something ends where s begins.
func (c *cutter) before(s *sample) {
	segment, part := s.at-c.segment, s.at-c.part
	if part == 0 {
		return // decided by ahead
	}
	overflow := s.until-c.part > c.target && c.full(part) // before it is full the picture is cut, see within
	switch {
	case s.fresh != nil:
		c.mark(s.at, true, s)
	case c.ends(s, segment):
		c.mark(s.at, true, s)
	case overflow:
		c.mark(s.at, c.lastPart(segment), s)
	}
}

// lastPart decides whether a part that has to end is the last of its segment: because the next one might
// not fit, or because audio may be cut anywhere.
func (c *cutter) lastPart(segment time.Duration) bool {
	next := c.target // as much of it as whole pictures fill
	if c.frame > 0 && c.frame <= c.target {
		next -= c.target % c.frame
	}
	return segment+next > c.longest+jitter || segment+c.target > c.longest+rounding ||
		(!c.pictures && segment >= c.shortest-jitter)
}

// full reports whether a part is long enough to be followed by another in its segment.
func (c *cutter) full(part time.Duration) bool { return part*100 >= c.target*85 }

// within cuts inside a picture that does not fit into the part; what follows there is audio only. What is
// left of the picture is made long enough for a frame of audio to begin in it, where there is sound. If next
// is an IDR picture that ends the segment and little is left, that goes with it into the next segment: a part
// of its own would hold nothing.
func (c *cutter) within(s, next *sample) {
	for s.until-c.part > c.target {
		part := c.target
		if slack := c.target * 15 / 100; s.until-c.part < c.target+slack {
			if at := c.part + part; next != nil && next.fresh == nil && c.ends(next, s.until-c.segment) {
				c.mark(at, true, next)
				return
			}
			part -= slack
		}
		at := c.part + part
		c.mark(at, c.lastPart(at-c.segment), nil)
	}
}

// ends reports whether a segment of some length ends before s.
func (c *cutter) ends(s *sample, segment time.Duration) bool {
	return c.pictures && s.key && c.begun && (segment >= c.shortest-jitter || !c.independent)
}

func (c *cutter) mark(at time.Duration, last bool, s *sample) {
	k := cut{at: at, last: last}
	key := s != nil && s.key
	if s != nil {
		k.fresh = s.fresh
	}
	c.cuts = append(c.cuts, k)
	c.part = at
	if last {
		c.segment, c.independent, c.begun = at, key, false
		if !key {
			*c.hardCuts++
		}
	}
}

// fit chooses the part target for pictures of one duration. Whole pictures must fill at least 85 % of it;
// where the wanted target does not allow that, it is moved to the next whole number of pictures, with a
// margin for jitter.
func fit(want, frame time.Duration) time.Duration {
	if frame <= 0 {
		return want
	}
	if whole := want - want%frame; whole*100 >= want*85 {
		return want
	}
	pictures := max(want+frame/2, frame)
	fitted := pictures - pictures%frame
	return (fitted*105/100 + 9*time.Millisecond).Truncate(10 * time.Millisecond)
}

// median is the middle duration of samples.
func median(samples []sample) time.Duration {
	d := make([]time.Duration, len(samples))
	for i := range samples {
		d[i] = samples[i].until - samples[i].at
	}
	slices.Sort(d)
	return d[len(d)/2]
}
