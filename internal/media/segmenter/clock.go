package segmenter

import "time"

const (
	// slewDown and slewUp bound how much one segment may move the clock without a discontinuity.
	slewDown = 10 * time.Millisecond
	slewUp   = time.Millisecond
	// maxLead is how far the clock may run ahead of arrival before it is stepped.
	maxLead = 100 * time.Millisecond
	// stepPause is how much of the timeline lies between two steps at least.
	stepPause = 30 * time.Second
	// clockWindow is the span of the running minimum.
	clockWindow = 30 * time.Second
	// burstPace is how much of the timeline must pass without the delay falling by burstSlack before a
	// publication counts as having caught up with real time, and maxBurst how long that is waited for.
	burstPace  = 250 * time.Millisecond
	burstSlack = 40 * time.Millisecond
	maxBurst   = 10 * time.Second
)

// clock anchors the timeline to arrival. Media time is timeline + offset, and program-date-time is the
// start of the broadcast + media time.
//
// The truth it looks for is the smallest delay: a unit can arrive late but never before it was captured, so
// the running minimum of (arrival - PTS) is the best estimate, and a media time above it would lie in the
// future. The first estimate is taken only after the first part's worth of units, and not while they still
// come faster than real time, because a publisher that has just connected sends what it had saved up in a
// burst, late.
type clock struct {
	start   time.Time
	offset  time.Duration
	decided bool
	// low and before are the lowest delays of this window and of the one before it.
	low, before time.Duration
	seen        bool
	windowFrom  time.Duration
	// burst is when the delay last fell by burstSlack, to burstLow; first is when the publication began,
	// latest how far it is.
	burst, burstLow, first, latest time.Duration
	// floor is the media time already given out. Where it did not let the clock go as low as the delays
	// say, bias is what was missing: the clock stays that much above them.
	floor, bias time.Duration
	stepped     time.Duration // timeline of the last step
	steps       bool
}

// restart forgets the delays of the last publication; what was given out stays given out.
func (c *clock) restart(end time.Duration) {
	if c.decided {
		c.floor = max(c.floor, end+c.offset)
	}
	c.decided, c.seen, c.bias = false, false, 0
}

// observe takes the arrival of a unit that is to be presented at t of the timeline.
func (c *clock) observe(arrival time.Time, t time.Duration) {
	d := arrival.Sub(c.start) - t
	if !c.seen {
		c.low, c.before, c.seen, c.windowFrom = d, d, true, t
		c.burst, c.burstLow, c.first, c.latest = t, d, t, t
		return
	}
	c.latest = max(c.latest, t)
	if d < c.burstLow-burstSlack {
		c.burst, c.burstLow = c.latest, d
	}
	if t-c.windowFrom > clockWindow {
		c.before, c.low, c.windowFrom = c.low, d, t
	}
	c.low = min(c.low, d)
}

// catchingUp reports whether the first estimate should wait, because the publication still sends what it
// had saved up.
func (c *clock) catchingUp() bool {
	return !c.decided && c.latest-c.burst < burstPace && c.latest-c.first < maxBurst
}

// place is where on the timeline a unit that arrives now belongs when nothing else is known.
func (c *clock) place(arrival time.Time) time.Duration {
	return max(0, arrival.Sub(c.start)-c.offset)
}

// open gives the media time of a segment that starts at t, and reports whether the clock had to be stepped.
func (c *clock) open(t time.Duration) (at time.Duration, stepped bool) {
	want := min(c.low, c.before) + c.bias
	switch {
	case !c.decided:
		c.offset, c.decided = c.low, true
	case want < c.offset-maxLead && (!c.steps || t-c.stepped > stepPause):
		c.offset, c.stepped, c.steps, stepped = want, t, true, true
	case want < c.offset:
		c.offset -= min(slewDown, c.offset-want)
	case want > c.offset:
		c.offset += min(slewUp, want-c.offset)
	}
	if short := c.floor - t - c.offset; short > 0 {
		c.offset += short
		c.bias += short
	}
	c.floor = t + c.offset
	return c.floor, stepped
}
