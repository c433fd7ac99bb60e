package history

import "github.com/barrage-live/barrage/internal/position"

// reader is one connection in one room.
type reader struct{ proc, conn, room string }

func (r Record) reader() reader { return reader{r.Proc, r.Conn, r.Room} }

// cursor is how far a reader has come.
type cursor struct {
	last  Place
	begun bool // whether the next offset is known
	// promised is the rest of a recovery: what was said to be everything up to it has still to come.
	promised position.Offset
	owed     int
}

// follow is the second scan: every subscription against the final history.
func (c *checker) follow(r Record) {
	switch r.Kind {
	case Resume:
		c.resumed(r)
	case Gap:
		cur := c.cursor(r)
		if cur.begun && r.Offset != cur.last.Offset+1 || r.To < r.Offset {
			c.broken("I5", r.Room, "%s was told of a gap from %d to %d after %v", r.Conn, r.Offset, r.To, cur.last)
		}
		cur.begun, cur.last = true, Place{cur.last.Epoch, r.To}
	case Recv:
		c.received(r)
	case Invoke, OK, Fail, Info, Hist:
	}
}

func (c *checker) cursor(r Record) *cursor {
	cur := c.readers[r.reader()]
	if cur == nil {
		cur = &cursor{}
		c.readers[r.reader()] = cur
	}
	return cur
}

// resumed judges the answer to a join and moves the cursor to where it says that reading goes on.
func (c *checker) resumed(r Record) {
	cur := c.cursor(r)
	if cur.owed > 0 {
		c.broken("I10", r.Room, "%s joined again before the %d danmaku of its recovery came", r.Conn, cur.owed)
	}
	*cur = cursor{last: r.Head, begun: true}
	if !r.Recovered {
		return
	}
	cur.last, cur.promised, cur.owed = r.Since, r.Head.Offset, r.Count
	for _, p := range []Place{r.Since, r.Head} {
		if p.Offset == 0 {
			continue
		}
		if row, ok := c.room(r.Room).final[p.Offset]; !ok || row.Epoch != p.Epoch {
			c.broken("I10", r.Room, "%s recovered from %v to %v, but the history does not know %v", r.Conn, r.Since, r.Head, p)
		}
	}
	if int(r.Head.Offset)-int(r.Since.Offset) != r.Count {
		c.broken("I10", r.Room, "%s recovered from %v to %v with %d danmaku", r.Conn, r.Since, r.Head, r.Count)
	}
}

func (c *checker) received(r Record) {
	cur := c.cursor(r)
	if cur.begun && r.Offset != cur.last.Offset+1 {
		c.broken("I5", r.Room, "%s got %v after %v", r.Conn, r.place(), cur.last)
	}
	if cur.begun && (r.Offset <= cur.last.Offset || r.Epoch < cur.last.Epoch) {
		c.broken("I6", r.Room, "%s got %v after %v", r.Conn, r.place(), cur.last)
	}
	if cur.owed > 0 {
		cur.owed--
		row, ok := c.room(r.Room).final[r.Offset]
		if !ok || row.place() != r.place() || row.post() != r.post() || row.Hash != r.Hash || r.Offset > cur.promised {
			c.broken("I10", r.Room, "%s recovered %v at %v, which is not what the history holds", r.Conn, r.post(), r.place())
		}
	}
	cur.begun, cur.last = true, r.place()
}
