package hub

import (
	"github.com/barrage-live/barrage/gateway/socket/frame"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wire"
)

const (
	// maxBacklog bounds the bytes of a room that connections are sent after each other when the node is
	// slow; of more they get a sample.
	maxBacklog = 512 << 10
	// maxSteps bounds the steps that are kept to be shared.
	maxSteps = 64
)

// The words of SPEC.md for what does not come, and why.
const (
	sampled = "sampled"
	slow    = "slow"
	lost    = "lost"
)

// step is what takes a connection in a room from where it is towards the newest: whole websocket frames,
// shared and immutable.
type step struct {
	frames  []byte
	to      position.Position
	missing int    // danmaku that it is told it does not get
	why     string // it does not
}

// place is where a connection is in a room.
type place struct {
	at    position.Position
	stale bool // it does not know the room's state of now
	// late: the connection did not take what came. It is told everything that is still kept, while of those
	// that do take, but that the node cannot keep up with, the backlog is bounded.
	late     bool
	encoding wire.Encoding
}

// steps makes the steps out of one view of a room, each once for all connections in the same place.
type steps struct {
	room    id.Room
	view    view
	metrics *Metrics
	made    map[place]*step
	// first is where most are.
	first [wire.Encodings]struct {
		place place
		step  *step
	}
}

// begin forgets what was made and goes on from a new view.
func (s *steps) begin(v view) {
	s.view = v
	clear(s.made)
	clear(s.first[:])
}

// done lets go of what was made: who has all of the view needs it no more, and others get another one.
func (s *steps) done() {
	s.view.recent.blocks = nil
	clear(s.made)
	clear(s.first[:])
}

// next gives the next step, nil if there is nothing to tell.
func (s *steps) next(p place) *step {
	if p.at.Offset >= s.view.recent.head.Offset && !p.stale {
		return nil
	}
	first := &s.first[p.encoding]
	if first.step != nil && first.place == p {
		return first.step
	}
	if st, made := s.made[p]; made {
		return st
	}
	st := s.make(p)
	s.metrics.encoded.Inc()
	if first.step == nil {
		first.place, first.step = p, st
	} else if len(s.made) < maxSteps {
		s.made[p] = st
	}
	return st
}

func (s *steps) make(p place) *step {
	r := &s.view.recent
	st := &step{to: p.at}
	switch {
	case p.at.Offset >= r.head.Offset:
	case p.at.Offset < s.view.lost.Offset:
		s.gap(st, p, s.view.lost, lost)
	case p.at.Offset < r.base.Offset && p.late:
		s.gap(st, p, s.resync(p.encoding), slow)
	default:
		s.batch(st, p)
	}
	if p.stale {
		st.frames = frame.Append(st.frames, p.encoding, frame.State(&s.view.info, s.view.version), frame.Rows{})
	}
	return st
}

// gap tells that what lies up to a position does not come.
func (s *steps) gap(st *step, p place, to position.Position, why string) {
	st.frames = frame.Append(nil, p.encoding, frame.Gap(s.room, p.at, to, why), frame.Rows{})
	st.to, st.missing, st.why = to, int(to.Offset-p.at.Offset), why
}

// resync is where those go on that have lost touch: so near the newest that one frame takes them there.
func (s *steps) resync(e wire.Encoding) position.Position {
	r := &s.view.recent
	newest := frame.RowsAfter(0, r.blocks).Newest(e, wire.MaxListing)
	to := r.head
	for i := len(r.blocks) - 1; i >= 0 && r.blocks[i].From().Offset+1 >= newest.First().Offset; i-- {
		to = r.blocks[i].From()
	}
	return to
}

// batch tells as much of what follows as fits into a frame. When that is not all, the next step goes on;
// when it would be too many steps, a sample of all of it is told at once.
func (s *steps) batch(st *step, p place) {
	r := &s.view.recent
	rows := frame.RowsAfter(p.at.Offset, r.after(p.at.Offset))
	fit := rows.Oldest(p.encoding, wire.MaxListing)
	st.to = r.head
	switch {
	case fit.Len() == rows.Len():
	case p.late || rows.Size(p.encoding) <= maxBacklog:
		st.to = fit.Last()
	default:
		fit = rows.Sample(p.encoding, wire.MaxListing)
		s.metrics.samples.Inc()
	}
	st.frames = frame.Append(nil, p.encoding, frame.Batch(s.room, p.at, st.to, fit.Len(), sampled), fit)
	if st.missing = int(st.to.Offset-p.at.Offset) - fit.Len(); st.missing > 0 {
		st.why = sampled
	}
}
