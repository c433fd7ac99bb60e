package room

import (
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
)

const (
	// RecoveryLimit is the most danmaku a Resume recovers.
	RecoveryLimit = 1000
	// HistoryLimit is the most danmaku of one page of history.
	HistoryLimit = 200
	// maxReads bounds the reads of the log one room has out; a storm that is behind the ring is told to come later.
	maxReads = 16
)

var errReadsBusy = fault.New(fault.Exhausted, "room_busy", "too many are reading the room's log at the moment")

// resume answers with everything after a position, or says honestly why it cannot prove that it would be everything.
func (s *state) resume(w waiter, c resume) {
	since, head := c.Since, s.head
	switch {
	case since == head:
		s.answerTo(w, Recovery{Recovered: true, Head: head})
	case since.Offset >= head.Offset, since.Offset == 0 && since.Epoch != 0:
		s.answerTo(w, lost(UnknownPosition, head))
	case s.ring.holds(since.Offset) && s.ring.between(since.Offset, since.Offset)[0].Position != since:
		s.answerTo(w, lost(UnknownPosition, head))
	case head.Offset-since.Offset > RecoveryLimit:
		s.answerTo(w, lost(TooMany, head))
	case s.ring.holds(since.Offset), since.IsZero() && s.ring.holds(1):
		s.answerTo(w, Recovery{Danmaku: s.ring.between(since.Offset+1, head.Offset), Recovered: true, Head: head})
	default:
		s.read(w, query{
			from: max(1, since.Offset), to: head.Offset, limit: RecoveryLimit + 1,
			since: since, head: head, recovery: true,
		})
	}
}

func lost(reason string, head position.Position) Recovery {
	return Recovery{Reason: reason, Head: head}
}

// recovered judges rows read for a Resume: only if they begin with the very row the reader has seen and go on to the head
// without a hole is nothing missing.
func recovered(q query, rows []Danmaku) Recovery {
	if len(rows) > 0 && rows[0].Position.Offset == q.since.Offset {
		if rows[0].Position.Epoch != q.since.Epoch {
			return lost(UnknownPosition, q.head)
		}
		rows = rows[1:]
	} else if q.since.Offset != 0 {
		return lost(TooOld, q.head)
	}
	if len(rows) != int(q.head.Offset-q.since.Offset) {
		return lost(TooOld, q.head)
	}
	for i, d := range rows {
		if d.Position.Offset != q.since.Offset+position.Offset(i)+1 {
			return lost(TooOld, q.head)
		}
	}
	return Recovery{Danmaku: rows, Recovered: true, Head: q.head}
}

// history answers with a page before a position, from memory if it is there.
func (s *state) history(w waiter, c history) {
	limit := min(c.Limit, HistoryLimit)
	if limit <= 0 {
		limit = HistoryLimit
	}
	last := s.head.Offset
	if !c.Before.IsZero() {
		last = min(last, max(1, c.Before.Offset)-1)
	}
	if last == 0 {
		s.answerTo(w, page{})
		return
	}
	first := position.Offset(1)
	if last > position.Offset(limit) {
		first = last - position.Offset(limit) + 1
	}
	if s.ring.holds(last) && s.ring.holds(first) {
		held, _, _ := s.ring.bounds()
		s.answerTo(w, page{Danmaku: s.ring.between(first, last), More: first > held || held > 1})
		return
	}
	s.read(w, query{from: 1, to: last, limit: limit + 1, newest: true})
}

func (s *state) read(w waiter, q query) {
	if s.reads >= maxReads {
		s.refuse(w, errReadsBusy.After(s.interval()))
		return
	}
	s.reads++
	s.emit(effect{do: doRead, to: w, query: q})
}

func (s *state) found(w waiter, c found) {
	s.reads--
	switch {
	case c.Err != nil:
		s.refuse(w, c.Err)
	case c.Query.recovery:
		s.answerTo(w, recovered(c.Query, c.Rows))
	default:
		rows, more := c.Rows, false
		if limit := c.Query.limit - 1; len(rows) > limit {
			rows, more = rows[len(rows)-limit:], true
		}
		s.answerTo(w, page{Danmaku: rows, More: more})
	}
}
