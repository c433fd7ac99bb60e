package segmenter

import (
	"time"

	"github.com/barrage-live/barrage/internal/media"
)

const (
	// maxJump is how far a timestamp may run ahead of all others and still be believed.
	maxJump = 5 * time.Second
	// maxBack is how far it may fall behind the last of its track.
	maxBack = 500 * time.Millisecond
	// confirm is how many units of a track must agree on a new time before it is believed.
	confirm = 3
	// settle is how long after a jump another track may still arrive with old timestamps and be followed
	// alone.
	settle = 10 * time.Second
	// maxReorder bounds PTS - DTS; a larger one is nonsense.
	maxReorder = 5 * time.Second
)

// timeline maps the timestamps of a publication, which are hostile, to one rising time.
//
// One base holds for all tracks, so that a jump moves audio and video together. A unit whose time fits
// nothing is held as a suspect; if the next units of its track agree with it, the base moves, else it was a
// glitch and is dropped. A track that alone jumped, while the others went on, gets an offset of its own.
type timeline struct {
	base   time.Duration
	placed bool
	latest time.Duration
	moved  time.Duration // latest at the last jump
	mover  int           // the track that jumped then
	lanes  []lane
	count  *Counters
}

type lane struct {
	offset   time.Duration
	last     time.Duration
	seen     bool
	suspects []media.Unit
}

// timed is a unit with its place on the timeline.
type timed struct {
	media.Unit
	at, show time.Duration // decode and presentation time
	// jump says that the timeline was re-based before this unit.
	jump bool
}

// restart begins a publication of n tracks.
func (l *timeline) restart(n int) {
	l.placed, l.lanes = false, make([]lane, n)
}

// push maps a unit. resume tells where on the timeline a unit belongs that starts it anew.
func (l *timeline) push(u media.Unit, resume func(arrival time.Time) time.Duration, dst []timed) []timed {
	if !l.placed {
		l.placed = true
		l.base = resume(u.Arrival) - u.DTS
		l.latest = u.DTS + l.base
		l.mover, l.moved = u.Track, l.latest
	}
	n := &l.lanes[u.Track]
	if l.fits(u.Track, u.DTS+l.base+n.offset) {
		l.count.Glitches += uint64(len(n.suspects))
		n.suspects = n.suspects[:0]
		return append(dst, l.accept(u))
	}
	if k := len(n.suspects); k > 0 && !near(u.DTS-n.suspects[k-1].DTS) {
		l.count.Glitches += uint64(k)
		n.suspects = n.suspects[:0]
	}
	n.suspects = append(n.suspects, u)
	if len(n.suspects) < confirm {
		return dst
	}
	return l.move(u.Track, resume, dst)
}

func near(step time.Duration) bool { return step > -maxBack && step < maxJump }

func (l *timeline) fits(track int, t time.Duration) bool {
	n := &l.lanes[track]
	if n.seen && t < n.last-maxBack {
		return false
	}
	return t > l.latest-maxJump-maxBack && t < l.latest+maxJump
}

func (l *timeline) accept(u media.Unit) timed {
	n := &l.lanes[u.Track]
	at := u.DTS + l.base + n.offset
	n.last, n.seen = at, true
	l.latest = max(l.latest, at)
	reorder := u.PTS - u.DTS
	if reorder < -maxReorder || reorder > maxReorder {
		reorder = 0
	}
	return timed{Unit: u, at: at, show: at + reorder}
}

// move believes the suspects of a track and finds the time they belong to.
func (l *timeline) move(track int, resume func(time.Time) time.Duration, dst []timed) []timed {
	n := &l.lanes[track]
	first := n.suspects[0]
	jump := false
	switch to := resume(first.Arrival); {
	case n.offset != 0 && l.fits(track, first.DTS+l.base):
		n.offset = 0
	case l.mover != track && l.latest-l.moved < settle:
		n.offset = max(n.last, l.latest) - first.DTS - l.base
	default:
		l.count.Jumps++
		l.base, l.mover, jump = to-first.DTS, track, true
		l.latest, l.moved = to, to
		for i := range l.lanes {
			l.lanes[i].offset, l.lanes[i].seen = 0, false
		}
	}
	return l.replay(jump, dst)
}

// replay accepts, in order of arrival, every suspect that fits the new base.
func (l *timeline) replay(jump bool, dst []timed) []timed {
	for {
		next := -1
		for i := range l.lanes {
			s := l.lanes[i].suspects
			if len(s) == 0 || !l.fits(i, s[0].DTS+l.base+l.lanes[i].offset) {
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
		t := l.accept(n.suspects[0])
		n.suspects = n.suspects[1:]
		t.jump, jump = jump, false
		dst = append(dst, t)
	}
}
