package segmenter

import (
	"math"
	"time"
)

const (
	// slewDown is the share of a segment by which it may move the clock back, as a divisor; it never does by
	// more than its last picture lasts. slewUp is that by which it may move it ahead: five times what two
	// clocks run apart.
	slewDown = 20
	slewUp   = 1000
	// maxReserve bounds how much earlier than the first estimate a publication begins: by what the delays
	// have differed so far. Lines are slow at first, and going ahead later costs nothing, where going back
	// takes long. The reserve is given up after young.
	maxReserve = 200 * time.Millisecond
	young      = 5 * time.Second
	// clockWindow is the span of the running minimum.
	clockWindow = 30 * time.Second
	// maxAhead is how much earlier than the quickest ones a unit may come and be believed.
	maxAhead = 500 * time.Millisecond
	// maxLead is how far a publisher that sends faster than real time may get ahead of it.
	maxLead = time.Second
	// burstPace is how much of the timeline must pass without the delay falling by burstSlack before a
	// publication counts as having caught up with real time, and maxBurst how long that is waited for.
	burstPace  = 250 * time.Millisecond
	burstSlack = 40 * time.Millisecond
	maxBurst   = 10 * time.Second
)

// unknown is a delay that nothing was seen of.
const unknown = time.Duration(math.MaxInt64)

// lows are the three smallest delays of a window, ascending. The third is what counts: a timestamp or two
// that make no sense move nothing.
type lows [3]time.Duration

func (l *lows) add(d time.Duration) {
	for i := range l {
		if d < l[i] {
			l[i], d = d, l[i]
		}
	}
}

// clock anchors the timeline to arrival. Media time is timeline + offset, and program-date-time is the start
// of the broadcast + media time.
//
// The truth it looks for is the smallest delay: a unit can arrive late but never before it was captured, so
// the running minimum of (arrival - timeline) is the best estimate, and a media time above it would lie in
// the future. The clock slews to it, a little with each segment: it is never stepped, since two pictures
// would share a media time then. The first estimate is taken only after the first part's worth of units, and
// not while they still come faster than real time, because a publisher that has just connected sends what it
// had saved up in a burst, late.
type clock struct {
	start   time.Time
	offset  time.Duration
	decided bool
	settled bool          // the reserve is used up
	opened  time.Duration // where the last segment began
	given   time.Duration // media time already given out when the publication began
	// now and before are the lowest delays of this window and of the one before it.
	now, before lows
	turned      time.Time     // when this window began
	high        time.Duration // the largest delay
	// burst is when the delay last fell by burstSlack, to burstLow; first is when the publication began,
	// latest how far it is.
	burst, burstLow, first, latest time.Duration
}

// newClock makes the clock of a broadcast. What was captured before its start has a negative media time: an
// ingest needs a while to know what comes.
func newClock(start time.Time) clock {
	c := clock{start: start, given: -unknown / 2}
	c.restart(0)
	return c
}

// restart forgets the delays of the last publication; what was given out, up to end, stays given out.
func (c *clock) restart(end time.Duration) {
	if c.decided {
		c.given = max(c.given, end+c.offset)
	}
	c.decided, c.settled, c.turned = false, false, time.Time{}
	c.now, c.before = lows{unknown, unknown, unknown}, lows{unknown, unknown, unknown}
}

// observe takes the arrival of a unit that is to be presented at t of the timeline.
func (c *clock) observe(arrival time.Time, t time.Duration) {
	d := arrival.Sub(c.start) - t
	switch {
	case c.turned.IsZero():
		c.turned = arrival
		c.burst, c.burstLow, c.first, c.latest, c.high = t, d, t, t, d
	case arrival.Sub(c.turned) > clockWindow:
		c.before, c.turned = c.now, arrival
		c.now = lows{unknown, unknown, unknown}
	}
	c.now.add(d)
	c.high = max(c.high, d)
	c.latest = max(c.latest, t)
	if d < c.burstLow-burstSlack {
		c.burst, c.burstLow = c.latest, d
	}
}

// delay is the smallest delay that can be believed, or unknown.
func (c *clock) delay() time.Duration { return min(c.now[2], c.before[2]) }

// catchingUp reports whether the first estimate should wait, because the publication still sends what it
// had saved up.
func (c *clock) catchingUp() bool {
	return !c.decided && c.latest-c.burst < burstPace && c.latest-c.first < maxBurst
}

// place is where on the timeline a unit that arrives now belongs when nothing else is known.
func (c *clock) place(arrival time.Time) time.Duration {
	return arrival.Sub(c.start) - c.offset
}

// lead is how far t is ahead of a unit that arrives now. While nothing was given out nothing is ahead.
func (c *clock) lead(arrival time.Time, t time.Duration) time.Duration {
	if !c.decided {
		return 0
	}
	return t - c.place(arrival)
}

// reach is how far the timeline can be when a unit arrives: what lies behind it has not happened yet.
func (c *clock) reach(arrival time.Time) time.Duration {
	least := c.delay()
	if least == unknown {
		least = c.now[0] // of one or two
	}
	if least == unknown {
		return unknown
	}
	offset := c.given - c.first // at least, until it is decided
	if c.decided {
		offset = c.offset
	}
	since := arrival.Sub(c.start)
	return min(since-least+maxAhead, since-offset+maxLead)
}

// open gives the media time of a segment that starts at t, after a picture of some duration.
func (c *clock) open(t, picture time.Duration) time.Duration {
	want := c.delay()
	if want == unknown { // fewer than three units
		want = c.now[0]
	}
	switch span := t - c.opened; {
	case !c.decided:
		c.offset, c.decided = max(want-min(2*(c.high-want), maxReserve), c.given-t), true
	case c.settled:
		c.slew(want, min(picture, span/slewDown), span/slewUp)
	case t-c.first < young:
		c.slew(want, min(picture, span/slewDown), 0)
	default:
		c.slew(want, min(picture, span/slewDown), span/slewDown)
		c.settled = c.offset >= want
	}
	c.opened = t
	return t + c.offset
}

// slew moves the clock to an offset, as far as it may.
func (c *clock) slew(to, back, ahead time.Duration) {
	c.offset += min(max(to-c.offset, -back), ahead)
}
