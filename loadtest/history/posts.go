package history

import (
	"cmp"
	"maps"
	"slices"

	"github.com/barrage-live/barrage/internal/position"
)

// life is what is known of one post.
type life struct {
	hash  string
	tries int
	seq   uint64
	conn  reader
	// after is the highest offset that was acknowledged before the post was first invoked.
	after position.Offset
	acked bool
	place Place // zero until something tells
}

// seat is an offset of a room; occupant is who sits there.
type (
	seat struct {
		room   string
		offset position.Offset
	}
	occupant struct {
		post  post
		epoch position.Epoch
	}
)

// book is what is known of one room.
type book struct {
	// acked is the highest offset acknowledged before the moment now, fresh the highest at it: what ends at
	// a moment did not end before what begins at it.
	acked, fresh position.Offset
	now          int64
	// sources are the final histories, by the node that told them.
	sources map[string]*source
	final   map[position.Offset]Record // of the first source
}

type source struct {
	last position.Offset
	has  map[post]bool
}

// learn is the first scan: posts, positions and histories.
func (c *checker) learn(r Record) {
	switch r.Kind {
	case Invoke:
		c.invoked(r)
	case OK:
		c.acknowledged(r)
	case Fail:
		c.report.Refused++
	case Info:
		c.report.Unknown++
	case Recv:
		c.report.Received++
		c.seen(r)
	case Hist:
		c.seen(r)
		c.written(r)
	case Gap:
		c.report.Gaps++
	case Resume:
		if r.Since == (Place{}) {
			return
		}
		if r.Recovered {
			c.report.Recovered++
		} else {
			c.report.Unrecovered++
		}
	}
}

func (c *checker) invoked(r Record) {
	l := c.posts[r.post()]
	if l == nil {
		c.report.Posts++
		l = &life{hash: r.Hash, seq: r.Seq, conn: r.reader(), after: c.room(r.Room).ackedBefore(r.T)}
		c.posts[r.post()] = l
	}
	l.tries++
}

func (c *checker) acknowledged(r Record) {
	c.report.Acked++
	l := c.posts[r.post()]
	if l == nil {
		c.broken("I2", r.Room, "%v was acknowledged but never invoked", r.post())
		return
	}
	l.acked = true
	c.sit(l, r)
	b := c.room(r.Room)
	b.ackedBefore(r.T)
	b.fresh = max(b.fresh, r.Offset)
}

// ackedBefore is the highest offset that was acknowledged before t, which does not fall from call to call.
func (b *book) ackedBefore(t int64) position.Offset {
	if t > b.now {
		b.acked, b.now = max(b.acked, b.fresh), t
	}
	return b.acked
}

// seen holds a danmaku that came back to what was sent.
func (c *checker) seen(r Record) {
	l := c.posts[r.post()]
	switch {
	case l == nil:
		c.broken("I2", r.Room, "%v at %v was never invoked", r.post(), r.place())
		return
	case l.hash != r.Hash:
		c.broken("I2", r.Room, "%v at %v has another content than was sent", r.post(), r.place())
	}
	c.sit(l, r)
}

// sit gives a post its place and a place its post, once each.
func (c *checker) sit(l *life, r Record) {
	switch {
	case l.place == Place{}:
		l.place = r.place()
	case l.place != r.place():
		c.broken("I3", r.Room, "%v is at %v and at %v", r.post(), l.place, r.place())
	}
	k, v := seat{r.Room, r.Offset}, occupant{r.post(), r.Epoch}
	if before, taken := c.places[k]; taken && before != v {
		c.broken("I4", r.Room, "offset %d holds %v of epoch %d and %v of epoch %d",
			r.Offset, before.post, before.epoch, v.post, v.epoch)
		return
	}
	c.places[k] = v
}

// written takes a row of a final history in.
func (c *checker) written(r Record) {
	b := c.room(r.Room)
	s := b.sources[r.Node]
	if s == nil {
		s = &source{has: map[post]bool{}}
		b.sources[r.Node] = s
		if b.final == nil {
			b.final = map[position.Offset]Record{}
		}
	}
	if r.Offset != s.last+1 {
		c.broken("I5", r.Room, "the history of %q goes from offset %d to %d", r.Node, s.last, r.Offset)
	}
	s.last = r.Offset
	s.has[r.post()] = true
	b.final[r.Offset] = r
}

// finish judges what needed the whole first scan.
func (c *checker) finish() {
	c.report.Rooms = len(c.rooms)
	byConn := map[reader][]post{}
	for p, l := range c.posts {
		b := c.room(p.room)
		if l.acked && len(b.sources) == 0 {
			c.broken("I1", p.room, "%v was acknowledged and no history was read", p)
		}
		for node, s := range b.sources {
			if l.acked && !s.has[p] {
				c.broken("I1", p.room, "%v, acknowledged at %v, is not in the history of %q", p, l.place, node)
			}
		}
		if l.place != (Place{}) && l.place.Offset <= l.after {
			c.broken("I7", p.room, "%v is at %v, but was invoked after offset %d was acknowledged", p, l.place, l.after)
		}
		if l.tries == 1 && l.seq != 0 && l.place != (Place{}) {
			byConn[l.conn] = append(byConn[l.conn], p)
		}
	}
	for _, posts := range byConn {
		c.inOrder(posts)
	}
	for name := range c.rooms {
		c.epochsGrow(name)
	}
}

// inOrder checks that posts of one connection are in the log as they were sent.
func (c *checker) inOrder(posts []post) {
	slices.SortFunc(posts, func(a, b post) int { return cmp.Compare(c.posts[a].seq, c.posts[b].seq) })
	for i := 1; i < len(posts); i++ {
		a, b := c.posts[posts[i-1]], c.posts[posts[i]]
		if a.place.Offset >= b.place.Offset {
			c.broken("I8", posts[i].room, "%v was sent before %v, but lies at %v, not before %v", posts[i-1], posts[i], a.place, b.place)
		}
	}
}

// epochsGrow checks the one order of a room: no row of a lower epoch behind one of a higher epoch.
func (c *checker) epochsGrow(room string) {
	b := c.rooms[room]
	var last Record
	for _, o := range slices.Sorted(maps.Keys(b.final)) {
		if r := b.final[o]; r.Epoch < last.Epoch {
			c.broken("I6", room, "%v follows %v", r.place(), last.place())
		}
		last = b.final[o]
	}
}
