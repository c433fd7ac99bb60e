package room

import (
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

const (
	// indexRows is how many rows of the log one step of the index takes; their weight is at most appendBytes.
	indexRows = 1024
	// indexAfter is how long danmaku wait for others of the same step. It is what keeps the index from having
	// the disk sync once more for every append.
	indexAfter = time.Second
	// indexPause is the rest between two steps that read the log: who catches up leaves the disk to posts.
	indexPause = 50 * time.Millisecond
	// cursorAfter and cursorRows are how much of the index the next activation may have to make again.
	cursorAfter = 30 * time.Second
	cursorRows  = 16 * indexRows
	// lastIndexRetry bounds the wait before a failed step is tried again.
	lastIndexRetry = 10 * time.Second
	// maxSettling bounds who waits for the index.
	maxSettling = 16
)

var errRunning = fault.New(fault.Conflict, "broadcast_running", "the broadcast goes on: danmaku may follow")

// indexed is how far the log is in the index, and the broadcast whose danmaku may follow there.
type indexed struct {
	to   position.Offset
	open id.Broadcast
}

// indexing follows the log with the index by media time, a step at a time, off the way of posts: nobody's
// answer waits for it, and it holds no rows. They come from the ring, or from the log where the ring has gone
// on.
type indexing struct {
	at    indexed
	saved indexed // what the next activation would go on from
	// ended says that the next row of the log belongs to another broadcast than the open one.
	ended bool

	out       bool // a step is being done
	tries     int  // of the step, that failed
	notBefore time.Duration
	due       time.Duration // when the shell brings the next indexDue; zero: it does not
	rowsAt    time.Duration // when the oldest row that waits was seen first; zero: none waits
	movedAt   time.Duration // when at left saved
	settling  []settling
}

// settling is who waits until all danmaku of a broadcast that the log has up to an offset are in the index.
type settling struct {
	by        waiter
	broadcast id.Broadcast
	to        position.Offset
}

// indexStep is what the shell does for the index, at a time one thing: the rows after at in the log up to
// an offset; or, with seal, that no further danmaku of the open broadcast follow; or, with save, the cursor.
type indexStep struct {
	at         indexed
	to         position.Offset
	rows       []Danmaku // from the ring; nil: read the log
	seal, save bool
}

// stepped tells how a step ended: how far the index is now, and whether the open broadcast ends there.
type stepped struct {
	At    indexed
	Ended bool
	Saved bool // the cursor is durable at At
	Read  bool // the log was read
	Err   error
}

// indexDue says that the moment has come that the index waited for.
type indexDue struct{}

// index asks for the next step if it is time for one, and to be woken if it is not yet.
func (s *state) index(now instant) {
	x := &s.indexing
	if x.out || s.ended || !s.exists {
		return
	}
	s.answerSettled()
	step, at := s.nextStep(now)
	if step == nil {
		return
	}
	if at = max(at, x.notBefore); at > now.at {
		if x.due == 0 || at < x.due {
			x.due = at
			s.emit(effect{do: doIndexWake, after: at - now.at})
		}
		return
	}
	if !step.seal && !step.save && s.ring.holds(step.at.to+1) {
		step.rows = s.ring.step(step.at.to+1, indexRows, appendBytes)
	}
	x.out, x.rowsAt = true, 0
	s.emit(effect{do: doIndex, step: step})
}

// nextStep is what the index is to do next, and when; nil for nothing.
func (s *state) nextStep(now instant) (*indexStep, time.Duration) {
	x := &s.indexing
	urgent := len(x.settling) > 0
	step := &indexStep{at: x.at, to: s.head.Offset}
	switch waiting := s.head.Offset - x.at.to; {
	case x.at.to-x.saved.to >= cursorRows, x.at != x.saved && urgent && waiting == 0:
		step.save = true
		return step, now.at
	case x.at.open != "" && (x.ended || x.at.open != s.card.broadcast && (x.at.to+1 >= s.broadcastFrom || s.caughtUp())):
		step.seal = true
		return step, now.at
	case waiting > 0:
		if x.rowsAt == 0 {
			x.rowsAt = max(1, now.at)
		}
		if urgent || waiting >= indexRows {
			return step, now.at
		}
		return step, x.rowsAt + indexAfter
	case x.at != x.saved:
		step.save = true
		return step, x.movedAt + cursorAfter
	}
	return nil, 0
}

// stepped takes the outcome of a step. One that failed, however, is done again: all of it may be done twice.
func (s *state) stepped(now instant, c stepped) {
	x := &s.indexing
	x.out = false
	if c.Err != nil {
		if fault.KindOf(c.Err) == fault.Fenced {
			s.fail(errMoved)
			return
		}
		x.tries++
		x.notBefore = now.at + min(firstRetry<<min(x.tries-1, 10), lastIndexRetry)
		return
	}
	if x.at == x.saved {
		x.movedAt = now.at
	}
	x.at, x.ended, x.tries, x.notBefore = c.At, c.Ended, 0, now.at
	if c.Saved {
		x.saved = c.At
	}
	if c.Read {
		x.notBefore += indexPause
	}
}

// settle has the asker wait until what the log has of a broadcast that is over is in the index, and will not
// be written there again, even by an activation that goes on from where this one would have it begin.
func (s *state) settle(w waiter, c settle) {
	switch x := &s.indexing; {
	case c.Broadcast == "":
		s.refuse(w, errBadLive)
	case c.Broadcast == s.card.broadcast:
		s.refuse(w, errRunning)
	case len(x.settling) >= maxSettling:
		s.refuse(w, errBusy.After(indexAfter))
	default:
		x.settling = append(x.settling, settling{w, c.Broadcast, max(s.head.Offset+1, s.broadcastFrom) - 1})
	}
}

// answerSettled answers who waits no longer.
func (s *state) answerSettled() {
	x := &s.indexing
	if len(x.settling) == 0 || x.out {
		return
	}
	waits := x.settling[:0]
	for _, w := range x.settling {
		if x.at == x.saved && x.at.open != w.broadcast && (x.at.to >= w.to || s.caughtUp()) {
			s.answerTo(w.by, nil)
			continue
		}
		waits = append(waits, w)
	}
	x.settling = waits
}

// caughtUp reports whether the index has all that the room has accepted.
func (s *state) caughtUp() bool {
	return s.indexing.at.to == s.head.Offset && s.queue.len() == 0
}

// failIndex refuses who waits for the index.
func (s *state) failIndex() {
	for _, w := range s.indexing.settling {
		s.refuse(w.by, errMoved)
	}
	s.indexing.settling = nil
}
