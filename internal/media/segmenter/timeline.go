package segmenter

import (
	"time"

	"github.com/barrage-live/barrage/internal/media"
)

const (
	// maxJump is how far a timestamp may be away from all others and still be believed; how far ahead it may
	// be is a matter of the clock, once there is one.
	maxJump = 6 * time.Second
	// maxBack is how far it may fall behind the last of its track.
	maxBack = 500 * time.Millisecond
	// maxBehind is how far the first unit of a track may be behind the other: less than what sound is held.
	maxBehind = maxHeld - 250*time.Millisecond
	// confirm is how many units of a track must agree on a new time before it is believed.
	confirm = 3
	// settle is how long after a jump another track may still arrive with old timestamps and be followed
	// alone.
	settle = 10 * time.Second
	// headStart is how far what is written may be ahead of the wall clock when the base moves.
	headStart = 250 * time.Millisecond
	// maxReorder bounds PTS - DTS; a larger one is nonsense.
	maxReorder = 5 * time.Second
	// maxDoubted bounds what is held of a track, in bytes, whose time is in doubt.
	maxDoubted = 16 << 20
)

// timeline maps the timestamps of a publication, which are hostile, to one rising time.
//
// One base holds for all tracks, so that a jump moves audio and video together. A unit whose time fits
// nothing, or has not come yet by the clock, is held as a suspect; if the next units of its track agree with
// it, the base moves, as often as the budget allows, else it was a glitch and is dropped. A track that alone
// jumped, while the others went on, gets an offset of its own.
type timeline struct {
	clock  *clock
	budget *budget
	// tail is where the timeline ends as far as it is known, and interrupt completes it there.
	tail      func() time.Duration
	interrupt func(now time.Time)
	lost      func(track int) // hears of a unit that was dropped

	base   time.Duration
	placed bool
	latest time.Duration
	moved  time.Duration // latest at the last jump
	mover  int           // the track that jumped then
	ran    ran
	lanes  []lane
	count  *Counters
}

type lane struct {
	offset   time.Duration
	last     time.Duration
	step     time.Duration // between the last two
	seen     bool
	heard    time.Time // arrival of the last unit that fitted
	suspects []media.Unit
}

// timed is a unit with its place on the timeline.
type timed struct {
	media.Unit
	at, show time.Duration // decode and presentation time
}

// ran is how often a publication ran away from real time, and whether it is away.
type ran struct {
	times int
	away  bool
}

// restart begins a publication of n tracks.
func (l *timeline) restart(n int) {
	l.placed, l.lanes, l.ran = false, make([]lane, n), ran{}
}

// grow makes room for tracks that join.
func (l *timeline) grow(n int) {
	for len(l.lanes) < n {
		l.lanes = append(l.lanes, lane{})
	}
}

// push maps a unit and appends it, and what it confirmed, to dst.
func (l *timeline) push(u media.Unit, dst []timed) []timed {
	if !l.placed {
		l.placed = true
		l.clock.anchor(u.Arrival)
		l.base = l.resume(u.Arrival) - u.DTS
		l.latest = u.DTS + l.base
		l.mover, l.moved = u.Track, l.latest
	}
	n := &l.lanes[u.Track]
	if l.fits(&u, n.offset) {
		return append(l.restore(n, &u, dst), l.accept(u))
	}
	if k := len(n.suspects); k > 0 && !agree(&n.suspects[k-1], &u) {
		l.forget(n)
	}
	n.suspects = append(n.suspects, u)
	switch {
	case n.weight() > maxDoubted:
		l.forget(n)
	case len(n.suspects) >= confirm:
		dst = l.move(u.Track, dst)
	}
	for len(n.suspects) >= confirm {
		l.drop(n)
	}
	return dst
}

// weight is how many bytes the suspects of a track hold.
func (n *lane) weight() (bytes int) {
	for i := range n.suspects {
		bytes += weight(n.suspects[i].Data)
	}
	return bytes
}

// agree reports whether a unit can follow another of its track.
func agree(a, b *media.Unit) bool {
	step := b.DTS - a.DTS
	return step > -maxBack && step < b.Arrival.Sub(a.Arrival)+maxAhead
}

// restore gives suspects that a unit shows to be glitches, which are at most two, times between the last that
// fitted and that unit: others refer to their pictures.
func (l *timeline) restore(n *lane, u *media.Unit, dst []timed) []timed {
	room := u.DTS + l.base + n.offset - n.last
	for left := len(n.suspects); left > 0; left-- {
		if !n.seen || room <= 0 {
			l.drop(n)
			continue
		}
		s := n.suspects[0]
		l.blame(s.Arrival)
		n.suspects = append(n.suspects[:0], n.suspects[1:]...)
		to := n.last + room/time.Duration(left+1)
		if n.step > 0 {
			to = min(to, n.last+n.step)
		}
		to -= l.base + n.offset
		s.PTS += to - s.DTS
		s.DTS, s.Arrival = to, u.Arrival
		dst = append(dst, l.accept(s))
		room = u.DTS + l.base + n.offset - n.last
	}
	return dst
}

func (l *timeline) blame(arrival time.Time) {
	l.count.Glitches++
	l.budget.pay(arrival, 1, errTimestamps)
}

// drop forgets the first suspect of a track.
func (l *timeline) drop(n *lane) {
	l.blame(n.suspects[0].Arrival)
	l.lost(n.suspects[0].Track)
	n.suspects = append(n.suspects[:0], n.suspects[1:]...)
}

// forget drops all suspects of a track.
func (l *timeline) forget(n *lane) {
	for len(n.suspects) > 0 {
		l.drop(n)
	}
}

// resume is where a publication, or what follows a jump, starts. The margin keeps units that belong a
// little before the first one after everything that was written.
func (l *timeline) resume(arrival time.Time) time.Duration {
	return max(l.tail(), l.clock.place(arrival)) + maxBack
}

// fits reports whether the time of a unit can be true, with an offset of its track.
func (l *timeline) fits(u *media.Unit, offset time.Duration) bool {
	n, t := &l.lanes[u.Track], u.DTS+l.base+offset
	if n.seen && t < n.last-maxBack {
		return false
	}
	from := l.latest - maxJump - maxBack
	var reach time.Duration
	quickest, known := l.clock.quickest(u.Track, u.Arrival)
	all, some := l.clock.quickestOfAll(u.Arrival)
	switch {
	case !n.seen: // what is stamped further apart from the rest would never be played with it
		from = l.latest - maxBehind
		reach = max(l.latest, all) + maxLag
	case known || n.step > 0:
		reach = max(quickest, n.last+n.step) + maxAhead
	case some: // of the other track
		reach = max(l.latest, all) + maxLag
	default:
		reach = max(l.latest, all) + maxJump
	}
	return t > from && t < min(reach, l.clock.reach(u.Arrival))
}

func (l *timeline) accept(u media.Unit) timed {
	n := &l.lanes[u.Track]
	at := u.DTS + l.base + n.offset
	if n.seen {
		n.step = min(max(at-n.last, 0), maxStand)
	}
	n.last, n.seen, n.heard = at, true, u.Arrival
	l.latest = max(l.latest, at)
	reorder := u.PTS - u.DTS
	if reorder < -maxReorder || reorder > maxReorder {
		reorder = 0
	}
	return timed{Unit: u, at: at, show: at + reorder}
}

// move believes the suspects of a track and finds the time they belong to.
func (l *timeline) move(track int, dst []timed) []timed {
	n := &l.lanes[track]
	first := &n.suspects[0]
	ahead := l.clock.lead(first.Arrival, l.tail())
	switch {
	case n.offset != 0 && l.fits(first, 0):
		n.offset = 0
	case l.follows(track):
		n.offset = l.apart(n)
	case !l.budget.mayBreak(first.Arrival) || ahead > headStart:
		l.ranAway(ahead)
		l.drop(n)
		return dst
	default:
		l.count.Jumps++
		l.ran.away = false
		l.budget.pay(first.Arrival, breakCost, errTimestamps)
		l.interrupt(first.Arrival)
		to := l.resume(first.Arrival)
		l.base, l.mover = to-first.DTS, track
		l.latest, l.moved = to, to
		for i := range l.lanes {
			l.lanes[i].offset, l.lanes[i].seen = 0, false
		}
	}
	return l.replay(dst)
}

// apart is the offset with which the suspects of a track go on where it and the others are.
func (l *timeline) apart(n *lane) time.Duration {
	return max(n.last, l.latest) - n.suspects[0].DTS - l.base
}

// follows reports whether the suspects of a track are what follows a jump of another one, with an offset of
// their own that can be true.
func (l *timeline) follows(track int) bool {
	n := &l.lanes[track]
	first := &n.suspects[0]
	if l.mover == track || l.latest-l.moved >= settle || n.seen && !l.lanes[l.mover].heard.After(first.Arrival) {
		return false
	}
	return l.fits(first, l.apart(n))
}

// ranAway notes that what does not fit comes while what is written is ahead. Where that is as far as it may
// be, the publication is faster than real time. Once may be a line that had saved up much; whoever does it
// again would break for ever, now and then, without spending its budget. What no publisher gets ahead by is
// arrivals that go back, which is given up at once.
func (l *timeline) ranAway(ahead time.Duration) {
	if l.ran.away || ahead < maxLead-maxAhead {
		return
	}
	l.ran.away = true
	if l.ran.times++; l.ran.times > 1 || ahead > 2*stepped {
		l.budget.giveUp(errTimestamps)
	}
}

// replay accepts, in order of arrival, every suspect that fits the new base.
func (l *timeline) replay(dst []timed) []timed {
	for {
		next := -1
		for i := range l.lanes {
			s := l.lanes[i].suspects
			if len(s) == 0 || !l.fits(&s[0], l.lanes[i].offset) {
				continue
			}
			if next < 0 || s[0].Arrival.Before(l.lanes[next].suspects[0].Arrival) {
				next = i
			}
		}
		if next < 0 {
			return dst
		}
		n := &l.lanes[next]
		dst = append(dst, l.accept(n.suspects[0]))
		n.suspects = n.suspects[1:]
	}
}
