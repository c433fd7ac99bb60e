package room

import (
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
)

const (
	// RecoveryLimit is the most danmaku a reader may have missed for a Resume to recover them, page by page.
	RecoveryLimit = 1000
	// HistoryLimit is the most danmaku of one page of history.
	HistoryLimit = 200
	// maxReads bounds the reads of the log one room has out; a storm of positions older than the ring is
	// told to come later.
	maxReads = 16
)

var errReadsBusy = fault.New(fault.Exhausted, "room_busy", "too many are reading the room's log at the moment")

// resume answers with what comes after a position, or says honestly why it cannot prove that nothing would
// be missing.
func (s *state) resume(w waiter, c resume) {
	since, head := c.Since, s.head
	switch {
	case since == head:
		s.answerTo(w, recovered(nil, since, head))
	case since.Offset >= head.Offset, since.Offset == 0 && since.Epoch != 0:
		s.answerTo(w, lost(UnknownPosition, head))
	case s.ring.holds(since.Offset) && s.ring.copied(since.Offset, 1)[0].Position != since:
		s.answerTo(w, lost(UnknownPosition, head))
	case head.Offset-since.Offset > RecoveryLimit:
		s.answerTo(w, lost(TooMany, head))
	case s.ring.holds(since.Offset), since.IsZero() && s.ring.holds(1):
		s.answerTo(w, recovered(s.ring.page(since.Offset+1, head.Offset), since, head))
	default:
		s.read(w, query{
			from: max(1, since.Offset), to: min(head.Offset, since.Offset+pageRows), limit: pageRows + 1,
			since: since, head: head, recovery: true,
		})
	}
}

// recovered is the recovery of a page of danmaku that follow a position without a hole.
func recovered(page []Danmaku, since, head position.Position) Recovery {
	r := Recovery{Danmaku: page, Recovered: true, To: since, Head: head}
	if n := len(page); n > 0 {
		r.To = page[n-1].Position
	}
	r.More = r.To != head
	return r
}

func lost(reason string, head position.Position) Recovery {
	return Recovery{Reason: reason, To: head, Head: head}
}

// judged makes the recovery out of rows read for a Resume: only if they begin with the very row the reader
// has seen and go on without a hole is nothing missing.
func judged(q query, rows []Danmaku, more bool) Recovery {
	if len(rows) > 0 && rows[0].Position.Offset == q.since.Offset {
		if rows[0].Position.Epoch != q.since.Epoch {
			return lost(UnknownPosition, q.head)
		}
		rows = rows[1:]
	} else if q.since.Offset != 0 {
		return lost(TooOld, q.head)
	}
	n, size := 0, 0
	for n < len(rows) && rows[n].Position.Offset == q.since.Offset+position.Offset(n)+1 {
		if size += rows[n].Weight(); n > 0 && size > MaxBatchBytes {
			return recovered(rows[:n], q.since, q.head)
		}
		n++
	}
	if n == 0 || n < len(rows) || !more && rows[n-1].Position.Offset != q.to {
		return lost(TooOld, q.head) // rows have expired, or do so while they are read
	}
	return recovered(rows, q.since, q.head)
}

// history answers with a page before a position, from memory if it is there.
func (s *state) history(w waiter, c history) {
	limit := min(c.Limit, HistoryLimit, pageRows)
	if limit <= 0 {
		limit = min(HistoryLimit, pageRows)
	}
	last := s.head.Offset
	if !c.Before.IsZero() {
		last = min(last, max(1, c.Before.Offset)-1)
	}
	if last == 0 {
		s.answerTo(w, page{})
		return
	}
	if s.ring.holds(last) {
		if rows, whole := s.ring.upTo(last, limit); whole {
			s.answerTo(w, page{Danmaku: rows, More: rows[0].Position.Offset > 1})
			return
		}
	}
	s.read(w, query{from: 1, to: last, limit: limit, newest: true})
}

func (s *state) read(w waiter, q query) {
	if s.reads >= maxReads {
		s.refuse(w, errReadsBusy.After(s.interval()))
		return
	}
	s.reads++
	s.emit(effect{do: doRead, to: w, query: q})
}

func (s *state) rowsRead(w waiter, c rowsRead) {
	s.reads--
	switch {
	case c.Err != nil:
		s.refuse(w, c.Err)
	case c.Query.recovery:
		s.answerTo(w, judged(c.Query, c.Rows, c.More))
	default:
		s.answerTo(w, lastPage(c.Rows, c.More))
	}
}

// lastPage is the page of the last rows: as many as fit, and at least one.
func lastPage(rows []Danmaku, more bool) page {
	n, size := len(rows), 0
	for n > 0 {
		if size += rows[n-1].Weight(); size > MaxBatchBytes && n < len(rows) {
			more = true
			break
		}
		n--
	}
	return page{Danmaku: rows[n:], More: more}
}
