package hub

import (
	"time"

	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/gateway/socket/frame"
	"github.com/barrage-live/barrage/gateway/socket/protocol"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wire"
)

// Enter counts a member into a room, attaching the node if it is the first, and finds out what it missed.
// Whether it succeeds or not, Release or Leave must follow; Leave may come before the answer. done is
// called once, from any goroutine; it must not block.
func (h *Hub) Enter(deadline time.Time, m *Member, e protocol.Enter, done func(protocol.Entry, error)) {
	f, err := h.join(m, e.Room)
	if err != nil {
		done(protocol.Entry{}, err)
		return
	}
	f.whenReady(func(failed error) {
		if failed != nil {
			done(protocol.Entry{}, failed)
			return
		}
		(&entrance{hub: h, deadline: deadline, view: f.look(), want: e, encoding: m.encoding, done: done}).answer()
	})
}

// join finds the room, or begins to keep it, and counts the member in.
func (h *Hub) join(m *Member, r id.Room) (*roomFeed, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mu.closed {
		return nil, errClosed
	}
	f := h.feed(r)
	if f == nil {
		f = newFeed(h, r)
		h.feeds.Store(r, f)
		h.count.Add(1)
		h.metrics.rooms.Inc()
		h.keepers.Go(func() { (&keeper{roomFeed: f}).run(h.ctx) })
	}
	if before := m.feed(r); before != f {
		if before != nil { // it was given up, and nobody has said so yet
			m.leave(before)
		}
		m.enter(f)
	}
	return f, nil
}

// entrance is a join that is being answered: from what is kept here if that suffices, else from the room.
type entrance struct {
	hub      *Hub
	deadline time.Time
	view     view
	want     protocol.Enter
	encoding wire.Encoding
	done     func(protocol.Entry, error)
	entry    protocol.Entry
}

func (e *entrance) answer() {
	e.entry = protocol.Entry{Info: e.view.info, Version: e.view.version, Head: e.view.recent.head}
	switch {
	case !e.want.Resuming:
		e.fill()
	case e.view.recent.covers(e.want.Since):
		e.recover(frame.RowsAfter(e.want.Since.Offset, e.view.recent.after(e.want.Since.Offset)), e.view.recent.head, false)
		e.finish("hub", nil)
	default:
		e.hub.rooms.ResumeFunc(e.deadline, e.want.Room, e.want.Since, e.resumed)
	}
}

// resumed takes the room's answer to a resume.
func (e *entrance) resumed(rec room.Recovery, err error) {
	switch {
	case err != nil:
		e.finish("room", err)
	case !rec.Recovered:
		e.entry.Reason = rec.Reason
		e.fill()
	default:
		e.recover(frame.RowsOf(rec.Danmaku), rec.To, rec.More)
		e.finish("room", nil)
	}
}

// recover answers with what was missed up to a position, as much as fits. What is here of the rest follows
// as batches.
func (e *entrance) recover(rows frame.Rows, to position.Position, more bool) {
	e.entry.Recovered, e.entry.Rows, e.entry.Head = true, rows.Oldest(e.encoding, wire.MaxListing), to
	if e.entry.Rows.Len() < rows.Len() {
		e.entry.Head, more = e.entry.Rows.Last(), true
	}
	e.entry.More = more && !e.view.recent.covers(e.entry.Head)
}

// fill answers with the newest danmaku.
func (e *entrance) fill() {
	if e.want.History == 0 {
		e.finish("hub", nil)
		return
	}
	if rows, _, ok := e.view.recent.newest(0, e.want.History); ok {
		e.entry.Rows = rows.Newest(e.encoding, wire.MaxListing)
		e.finish("hub", nil)
		return
	}
	e.hub.rooms.HistoryFunc(e.deadline, e.want.Room, position.Position{}, e.want.History, func(danmaku []room.Danmaku, _ bool, err error) {
		e.entry.Rows = frame.RowsOf(danmaku).Newest(e.encoding, wire.MaxListing)
		if last := e.entry.Rows.Last(); last.Offset > e.entry.Head.Offset {
			e.entry.Head = last
		}
		e.finish("room", err)
	})
}

func (e *entrance) finish(source string, err error) {
	if err != nil {
		e.done(protocol.Entry{}, err)
		return
	}
	e.hub.metrics.entries.WithLabelValues(source).Inc()
	e.done(e.entry, nil)
}

// History gives a page of a room, from what is kept here if that suffices: as much of it as fits into a
// frame. done is called as Enter's is.
func (h *Hub) History(deadline time.Time, m *Member, q protocol.ReadHistory, done func(rows frame.Rows, more bool, err error)) {
	answer := func(rows frame.Rows, more bool, err error) {
		fit := rows.Newest(m.encoding, wire.MaxListing)
		done(fit, more || fit.Len() < rows.Len(), err)
	}
	if f := h.feed(q.Room); f != nil {
		v := f.look()
		if rows, more, ok := v.recent.newest(q.Before.Offset, q.Limit); ok {
			answer(rows, more, nil)
			return
		}
	}
	h.rooms.HistoryFunc(deadline, q.Room, q.Before, q.Limit, func(danmaku []room.Danmaku, more bool, err error) {
		answer(frame.RowsOf(danmaku), more, err)
	})
}

// Release writes the answer to an Enter, which told the state of a version, and then what follows head, as
// it comes.
func (h *Hub) Release(m *Member, r id.Room, head position.Position, version uint64, answer []byte) {
	f := m.feed(r)
	m.shard.order(func(s *shard) {
		if len(answer) > 0 {
			m.socket.Write(answer)
		}
		if f != nil {
			s.subscribe(f, m, head, version)
		}
	})
}

// Leave takes a member out of a room and writes the answer, if any, after the last batch.
func (h *Hub) Leave(m *Member, r id.Room, answer []byte) {
	f := m.feed(r)
	m.shard.order(func(s *shard) { s.leave(f, m, answer) })
	if f != nil {
		m.leave(f)
	}
}

// Drop takes a member out of everything, when its connection has ended.
func (h *Hub) Drop(m *Member) {
	for len(m.feeds) > 0 {
		h.Leave(m, m.feeds[0].room, nil)
	}
}
