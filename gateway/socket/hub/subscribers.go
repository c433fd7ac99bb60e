package hub

import (
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
)

// subscriber is a connection in a room: a place in the room's log.
type subscriber struct {
	member   *Member
	sentUpTo position.Position
	version  uint64 // of the state it was sent
	round    uint32 // in which it was last looked at as late
	// late: it did not take what came last, or, if fresh, it has just joined and was not offered anything
	// yet.
	late, fresh bool
}

// subscribers are those of one room on one shard.
type subscribers struct {
	feed *roomFeed
	list []subscriber
	at   map[*Member]int

	// steps are those of the pass under way, which is at the subscriber next, and lateSteps those of the
	// late in one round.
	steps     steps
	next      int
	lateSteps steps
	lateRound uint32
	// queued: a pass is under way or waits for its turn. again: another one has to follow it.
	queued, again bool
	// since is when the oldest news of the pass came, and later that of the one which has to follow.
	since, later time.Time
}

func (r *subscribers) remove(m *Member) bool {
	i, in := r.at[m]
	if !in {
		return false
	}
	last := len(r.list) - 1
	r.list[i] = r.list[last]
	r.at[r.list[i].member] = i
	r.list[last] = subscriber{}
	r.list = r.list[:last]
	delete(r.at, m)
	r.again = true // the one that was moved may have been passed over
	return true
}

// subscribe puts a member into a room at a place in its log, which it knows the state of a version of.
func (s *shard) subscribe(f *roomFeed, m *Member, at position.Position, version uint64) {
	if why := f.gone(); why != nil {
		s.metrics.evicted.WithLabelValues(errRoomClosed.Code).Inc()
		m.socket.Evict(f.room, errRoomClosed)
		return
	}
	s.remove(f, m) // a connection may join again
	r := s.room(f)
	r.at[m] = len(r.list)
	r.list = append(r.list, subscriber{member: m, sentUpTo: at, version: version, round: s.round - 1, late: true, fresh: true})
	s.metrics.subscribers.Inc()
	// What came since the answer was made is told to it alone: the others have it, or will have it by a pass.
	s.metrics.late.Inc()
	r.lateRound = s.round - 1
	s.catchUp(lateness{r, m})
	r.lateSteps.done()
	r.lateRound = s.round - 1
}

// room finds the subscribers of a room, or makes the place for them.
func (s *shard) room(f *roomFeed) *subscribers {
	r := s.rooms[f]
	if r == nil {
		r = &subscribers{feed: f, at: map[*Member]int{}}
		for _, made := range []*steps{&r.steps, &r.lateSteps} {
			made.room, made.metrics, made.made = f.room, s.metrics, map[place]*step{}
		}
		s.rooms[f] = r
	}
	return r
}

// leave takes a member out of a room, and writes the answer, if any.
func (s *shard) leave(f *roomFeed, m *Member, answer []byte) {
	s.remove(f, m)
	if len(answer) > 0 {
		m.socket.Write(answer)
	}
}

func (s *shard) remove(f *roomFeed, m *Member) {
	r := s.rooms[f]
	if r == nil || !r.remove(m) {
		return
	}
	s.metrics.subscribers.Dec()
	if len(r.list) == 0 && !r.queued {
		s.forget(r)
	}
}

func (s *shard) forget(r *subscribers) { delete(s.rooms, r.feed) }

// evict takes everybody out of a room and tells them why.
func (s *shard) evict(f *roomFeed, why *fault.Error) {
	r := s.rooms[f]
	for r != nil && len(r.list) > 0 {
		m := r.list[len(r.list)-1].member
		s.remove(f, m)
		s.metrics.evicted.WithLabelValues(why.Code).Inc()
		m.socket.Evict(f.room, why)
	}
}
