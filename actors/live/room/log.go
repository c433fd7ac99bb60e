package room

import (
	"time"

	"github.com/barrage-live/barrage/internal/fault"
)

// doubt is a write of unknown outcome: it may have happened, may still happen late, or never. It is settled
// by writing the very same again under the same condition until an answer comes: both together happen once,
// because either takes the condition of the other away. Only this activation can write under its fence, so
// a condition that does not hold any more tells that the write has happened.
type doubt struct {
	exists bool
	since  time.Duration
	tries  int
}

const (
	// retryDoubt is when whoever was refused because of a doubt should come again.
	retryDoubt = time.Second
	// firstRetry is when a write of unknown outcome is tried again; doubled with every try, up to lastRetry.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 2 * time.Second
)

// next notes one more try that told nothing, and gives how long to wait for the next.
func (d *doubt) next(now instant) time.Duration {
	if !d.exists {
		*d = doubt{exists: true, since: now.at}
	}
	d.tries++
	return min(firstRetry<<min(d.tries-1, 10), lastRetry)
}

// inDoubt reports whether the room has a write of unknown outcome.
func (s *state) inDoubt() bool { return !s.ended && (s.doubt.exists || s.saves.doubt.exists) }

// outcome is what an asker is told of a failed write.
func outcome(err error) (o ending, told error) {
	e := fault.From(err)
	switch e.Kind {
	case fault.Unavailable, fault.Exhausted:
		return notDone, e
	case fault.Fenced, fault.Conflict:
		return overtaken, errMoved
	default:
		return unknown, errUnknown
	}
}

// ending is how a failed write ended.
type ending uint8

const (
	notDone   ending = iota // surely: the room goes on
	unknown                 // the room goes on and finds out
	overtaken               // somebody else writes: the activation is over
)

// flush appends what waits, unless an append is out already: while it is, others gather for the next. The
// bucket that the rows belong to is announced in the card first.
func (s *state) flush(now instant) {
	if s.waitsForBucket() {
		if s.saves.change == nil {
			card := s.card
			card.bucket++
			s.save(0, change{card: card})
		}
		return
	}
	if rows := s.queue.begin(); rows != nil {
		s.appendAt = now.at
		s.emit(effect{do: doAppend, rows: rows})
	}
}

// waitsForBucket reports whether what waits belongs into a bucket that is not announced yet.
func (s *state) waitsForBucket() bool {
	return !s.queue.out && len(s.queue.waiting) > 0 && bucketOf(s.queue.waiting[0].Position.Offset) > s.card.bucket
}

// appended takes the outcome of the append in flight.
func (s *state) appended(now instant, err error) {
	if err == nil {
		s.acknowledge()
		s.doubt = doubt{}
		s.flush(now)
		s.schedule(now)
		return
	}
	how, told := outcome(err)
	switch {
	case how == overtaken:
		if !s.doubt.exists {
			s.refuseRows(s.queue.settle(), told) // it was refused, and was the only attempt
		}
		s.fail(told)
		return
	case how == notDone && !s.doubt.exists:
		s.refuseRows(s.queue.settle(), told)
		s.refuseRows(s.queue.withdraw(), told)
	default: // that one try was refused says nothing of those before
		s.suspect(now)
	}
	s.schedule(now)
}

// acknowledge passes the rows that are durable now on to their authors, to the ring and to the tick.
func (s *state) acknowledge() {
	rows := s.queue.settle()
	for i := range rows {
		e := &rows[i]
		s.head = e.Position
		s.ring.push(&e.Danmaku, e.weight)
		s.answerPost(e.to, e.Position, false)
		for _, w := range s.keys.settle(postKey{e.User, e.Key}, e.Position, e.content, e.at) {
			s.answerPost(w, e.Position, true)
		}
	}
	s.collect(rows)
	clear(rows)
}

// suspect keeps an append of unknown outcome in flight until it is settled. Its authors are told that
// nobody knows, those after it that nothing was done: their places may be taken by whoever comes after.
func (s *state) suspect(now instant) {
	for i := range s.queue.inflight {
		e := &s.queue.inflight[i]
		s.refuse(e.to, errUnknown)
		e.to = 0
		for _, w := range s.keys.release(postKey{e.User, e.Key}) {
			s.refuse(w, errUnknown)
		}
	}
	s.refuseRows(s.queue.withdraw(), errDoubt.After(retryDoubt))
	s.emit(effect{do: doRetry, value: retryAppend{}, after: s.doubt.next(now)})
}

func (s *state) retryAppend() {
	s.emit(effect{do: doSettleAppend, rows: s.queue.inflight})
}

// fail ends the activation, because it has ended anyway or cannot go on. What was not yet handed to the log
// was certainly not done; what is on its way there may still be.
func (s *state) fail(err error) {
	if s.queue.out {
		err = errUnknown
	}
	s.refuseRows(s.queue.inflight, err)
	s.refuseRows(s.queue.waiting, errMoved)
	s.queue = appendQueue{} // the append may still be reading its rows
	s.failSaves()
	s.failIndex()
	s.close()
	s.ended = true
	s.emit(effect{do: doStop})
}

// refuseRows tells the authors of rows that they are not in the log, or that nobody knows.
func (s *state) refuseRows(rows []entry, err error) {
	for i := range rows {
		e := &rows[i]
		s.refuse(e.to, err)
		for _, w := range s.keys.abandon(postKey{e.User, e.Key}) {
			s.refuse(w, err)
		}
		s.pace.forgive(e.User)
	}
}
