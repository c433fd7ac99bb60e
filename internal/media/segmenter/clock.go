package segmenter

import (
	"math"
	"time"
)

const (
	// slewDown is the share of a segment by which it may move the clock back, as a divisor; it never does
	// by more than its last picture lasts. slewUp is that by which it may move it ahead: five times what
	// two clocks run apart.
	slewDown = 20
	slewUp   = 1000
	// maxReserve bounds how much earlier than the first estimate a publication begins: by what the delays
	// have differed so far. Lines are slow at first, and going ahead later costs nothing, where going back
	// takes long. The reserve is given up after young.
	maxReserve = 200 * time.Millisecond
	young      = 5 * time.Second
	// clockWindow is the span of the running minimum.
	clockWindow = 30 * time.Second
	// maxAhead is how much earlier than the quickest ones of its track a unit may come and be believed,
	// beside the distance of the last two.
	maxAhead = 500 * time.Millisecond
	// calmLead is how long what comes may be held back while the clock slews back by less than a picture.
	// What is beyond is made up fast, by slewFast of a segment as a divisor: media times of two segments
	// overlap then, which is less than to keep viewers behind for minutes.
	calmLead = time.Second
	slewFast = 2
	// maxQuicker is how much quicker a line may become and be followed fast: what a publisher saves up
	// while its line stands. It comes back by a share of the time, as a divisor. Whoever stays faster than
	// that gets ahead by maxLead; what lies beyond is dropped, and a second time nothing more is taken.
	maxQuicker = 6 * time.Second
	quickerPer = 20
	maxLead    = 6 * time.Second
	// burstPace is how much of the timeline must pass without the delay falling by burstSlack before a
	// publication counts as having caught up with real time, and maxBurst how long that is waited for.
	burstPace  = 250 * time.Millisecond
	burstSlack = 40 * time.Millisecond
	maxBurst   = 10 * time.Second
	// stepped is by how much what was written may be ahead of a publication that begins. A publisher gets
	// ahead by maxLead, a reorder delay and a part at most; what is more is a wall clock that was set back.
	stepped = 10 * time.Second
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

// delays are those of one track: sound and pictures may be stamped apart.
type delays struct {
	now, before lows      // of this window and of the one before it
	turned      time.Time // when this window began
}

func (l *delays) add(arrival time.Time, d time.Duration) {
	none := lows{unknown, unknown, unknown}
	switch {
	case l.turned.IsZero():
		l.turned, l.now, l.before = arrival, none, none
	case arrival.Sub(l.turned) > clockWindow:
		l.before, l.now, l.turned = l.now, none, arrival
	}
	l.now.add(d)
}

// least is the smallest delay that can be believed, or unknown.
func (l *delays) least() time.Duration {
	if l.turned.IsZero() {
		return unknown
	}
	return min(l.now[2], l.before[2])
}

// guess is the largest delay of one or two units.
func (l *delays) guess() time.Duration {
	switch {
	case l.turned.IsZero():
		return unknown
	case l.now[1] != unknown:
		return l.now[1]
	}
	return l.now[0]
}

// clock anchors the timeline to arrival. Media time is timeline + offset, and program-date-time is the
// start of the broadcast + media time.
//
// The truth it looks for is the smallest delay: a unit can arrive late but never before it was captured, so
// the running minimum of (arrival - timeline) is the best estimate, and a media time above it would lie in
// the future. The clock slews to it, a little with each segment: it is never stepped, since two pictures
// would share a media time then. The first estimate is taken only after the first part's worth of units,
// and not while they still come faster than real time, because a publisher that has just connected sends
// what it had saved up in a burst, late.
type clock struct {
	origin  time.Time // when the broadcast began
	start   time.Time // the same by the clock that the publication began with; see anchor
	offset  time.Duration
	decided bool
	settled bool          // the reserve is used up
	opened  time.Duration // where the last segment began
	given   time.Duration // media time already given out when the publication began
	tracks  []delays
	high    time.Duration // the largest delay
	// burst is when the delay last fell by burstSlack, to burstLow; first is when the publication began,
	// latest how far it is.
	burst, burstLow, first, latest time.Duration
	// began and heard are the arrivals of the first unit and of the last.
	began, heard time.Time
	// quicker is how much was made up fast, when the clock was last looked at.
	quicker time.Duration
	looked  time.Time
}

// newClock makes the clock of a broadcast. What was captured before its start has a negative media time: an
// ingest needs a while to know what comes.
func newClock(start time.Time) clock {
	return clock{origin: start, start: start, given: -unknown / 2}
}

// anchor begins a publication with the arrival of its first unit. From then on times are told by the
// monotonic reading that arrivals have, whatever becomes of the wall clock. The start of a broadcast has none
// because it comes from a message or a recording. Where the wall clock was set back behind what was written
// media time goes on there: it never goes back, and a publication must not wait for an hour to come again.
// Program-date-time is then ahead of the wall clock by as much, until a publication begins after that was
// put right.
func (c *clock) anchor(arrival time.Time) {
	since := arrival.Sub(c.origin)
	if written := max(c.given, 0); written-since > stepped {
		since = written
	}
	c.start = arrival.Add(-since)
}

// restart forgets the delays of the last publication, and expects one of n tracks; what was given out, up
// to end, stays given out.
func (c *clock) restart(end time.Duration, n int) {
	if c.decided {
		c.given = max(c.given, end+c.offset)
	}
	c.decided, c.settled, c.began = false, false, time.Time{}
	c.tracks = make([]delays, n)
}

// grow makes room for tracks that join.
func (c *clock) grow(n int) {
	for len(c.tracks) < n {
		c.tracks = append(c.tracks, delays{})
	}
}

// observe takes the arrival of a unit of a track that is to be presented at t of the timeline.
func (c *clock) observe(track int, arrival time.Time, t time.Duration) {
	d := arrival.Sub(c.start) - t
	if c.began.IsZero() {
		c.began, c.looked = arrival, arrival
		c.burst, c.burstLow, c.first, c.latest, c.high = t, d, t, t, d
	}
	c.tracks[track].add(arrival, d)
	c.heard = arrival
	c.high = max(c.high, d)
	c.latest = max(c.latest, t)
	if d < c.burstLow-burstSlack {
		c.burst, c.burstLow = c.latest, d
	}
}

// delay is the smallest delay that can be believed. A track of which only a unit or two came counts as long
// as nothing is decided: the other may be stamped far apart.
func (c *clock) delay() time.Duration {
	least := unknown
	for i := range c.tracks {
		d := c.tracks[i].least()
		if d == unknown && !c.decided {
			d = c.tracks[i].guess()
		}
		least = min(least, d)
	}
	for i := range c.tracks {
		if least == unknown {
			least = c.tracks[i].guess()
		}
	}
	return least
}

// catchingUp reports whether the first estimate should wait, because the publication still sends what it
// had saved up.
func (c *clock) catchingUp() bool {
	return !c.decided && c.latest-c.burst < burstPace && c.latest-c.first < maxBurst && c.heard.Sub(c.began) < maxBurst
}

// place is where on the timeline a unit that arrives now belongs when nothing else is known.
func (c *clock) place(arrival time.Time) time.Duration {
	return arrival.Sub(c.start) - c.offset
}

// least is the offset, or what it will be at least, until it is decided.
func (c *clock) least() time.Duration {
	if c.decided {
		return c.offset
	}
	return c.given - c.first
}

// lead is how far t is ahead of a unit that arrives now. While nothing was given out nothing is ahead.
func (c *clock) lead(arrival time.Time, t time.Duration) time.Duration {
	return t + c.least() - arrival.Sub(c.start)
}

// reach is how far the timeline can be when a unit arrives: what lies behind it would be too far ahead.
func (c *clock) reach(arrival time.Time) time.Duration {
	if c.began.IsZero() {
		return unknown
	}
	return arrival.Sub(c.start) - c.least() + maxLead
}

// quickest is where on the timeline a unit of a track that arrives now is if it comes as quickly as those
// before it, and whether enough came to know.
func (c *clock) quickest(track int, arrival time.Time) (at time.Duration, known bool) {
	least := c.tracks[track].least()
	if known = least != unknown; !known {
		least = c.tracks[track].guess()
	}
	if least == unknown {
		return -unknown, false
	}
	return arrival.Sub(c.start) - least, known
}

// quickestOfAll is the same of all tracks, and whether it is known of one.
func (c *clock) quickestOfAll(arrival time.Time) (at time.Duration, known bool) {
	at = -unknown
	for i := range c.tracks {
		t, ok := c.quickest(i, arrival)
		at, known = max(at, t), known || ok
	}
	return at, known
}

// open gives the media time of a segment that starts at t, after a picture of some duration.
func (c *clock) open(t, picture time.Duration) time.Duration {
	want := c.delay()
	span := t - c.opened
	back := min(picture, span/slewDown)
	switch {
	case !c.decided:
		c.offset, c.decided = max(want-min(2*(c.high-want), maxReserve), c.given-t), true
	case c.settled:
		c.slew(want, c.fast(want, back, span), span/slewUp)
	case t-c.first < young:
		c.slew(want, c.fast(want, back, span), 0)
	default:
		c.slew(want, c.fast(want, back, span), span/slewDown)
		c.settled = c.offset >= want
	}
	c.opened = t
	return t + c.offset
}

// fast is how far the clock may go back: more than what is usual where the line became much quicker, as
// long as that is not what it always does.
func (c *clock) fast(want, usual, span time.Duration) time.Duration {
	c.quicker = max(0, c.quicker-c.heard.Sub(c.looked)/quickerPer)
	c.looked = c.heard
	more := min(c.offset-want-calmLead, span/slewFast, maxQuicker-c.quicker)
	if more <= usual {
		return usual
	}
	c.quicker += more
	return more
}

// slew moves the clock to an offset, as far as it may.
func (c *clock) slew(to, back, ahead time.Duration) {
	c.offset += min(max(to-c.offset, -back), ahead)
}
