package hub

import (
	"sync"
	"time"

	"github.com/barrage-live/barrage/internal/fifo"
)

const (
	// slice is how many writes a shard does for one room before others get their turn.
	slice = 256
	// lateAgain is how long a connection that took nothing is left alone.
	lateAgain = 20 * time.Millisecond
	// lateSteps is how many steps a connection that takes again is sent at once.
	lateSteps = 8
	// queueKept is how many places the queues of a shard keep; they fill and empty all the time.
	queueKept = 64
)

// lateness is a connection that took nothing, in a room.
type lateness struct {
	room   *subscribers
	member *Member
}

// news says that a room has something to tell since a moment.
type news struct {
	feed  *roomFeed
	since time.Time
}

// shard writes to a part of the connections. Its subscribers belong to its goroutine; only the queues are
// shared.
type shard struct {
	index   int
	metrics *Metrics
	rooms   map[*roomFeed]*subscribers
	orders  []func(*shard)           // being served
	news    []news                   // being served
	ready   fifo.Queue[*subscribers] // with a pass under way or waiting, in turn
	// late are looked at again when the timer rings: as many as were there then are due.
	late  fifo.Queue[lateness]
	due   int
	round uint32 // of looking at the late
	timer *time.Timer
	wake  chan struct{} // capacity 1

	mu struct {
		sync.Mutex
		orders []func(*shard) // as few as requests of connections
		news   []news         // of each room at most one
		closed bool
	}
}

func newShard(index int, m *Metrics) *shard {
	s := &shard{index: index, metrics: m, rooms: map[*roomFeed]*subscribers{}, wake: make(chan struct{}, 1), timer: time.NewTimer(time.Hour)}
	s.ready.Keep, s.late.Keep = queueKept, queueKept
	s.timer.Stop()
	return s
}

// order has the shard do something, in turn with what was ordered before.
func (s *shard) order(do func(*shard)) {
	s.mu.Lock()
	if !s.mu.closed {
		s.mu.orders = append(s.mu.orders, do)
	}
	s.mu.Unlock()
	s.signal()
}

// mark notes that a room has news. Its feed sees to it that there is at most one note of a room.
func (s *shard) mark(f *roomFeed) {
	s.mu.Lock()
	s.mu.news = append(s.mu.news, news{f, time.Now()})
	s.mu.Unlock()
	s.signal()
}

func (s *shard) close() {
	s.mu.Lock()
	s.mu.closed = true
	s.mu.Unlock()
	s.signal()
}

func (s *shard) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run does what is ordered and tells what is new until close.
func (s *shard) run() {
	defer s.timer.Stop()
	for {
		more, closed := s.turn()
		switch {
		case closed:
			return
		case !more:
			s.rest()
		}
	}
}

// turn does everything that is ordered and one slice of writes, so that orders never wait for long and
// rooms take turns. It reports whether there is more to write.
func (s *shard) turn() (more, closed bool) {
	s.mu.Lock()
	s.orders, s.mu.orders = s.mu.orders, s.orders[:0]
	s.news, s.mu.news = s.mu.news, s.news[:0]
	closed = s.mu.closed
	s.mu.Unlock()
	s.serve()
	select {
	case <-s.timer.C:
		s.again()
	default:
	}
	s.pass()
	s.retry()
	return s.ready.Len() > 0 || s.due > 0, closed
}

// rest waits for work.
func (s *shard) rest() {
	select {
	case <-s.wake:
	case <-s.timer.C:
		s.again()
	}
}

// again begins a round of looking at the late.
func (s *shard) again() {
	s.due = s.late.Len()
	s.round++
}

// serve does what is ordered, and gives the rooms with news their turn.
func (s *shard) serve() {
	for _, do := range s.orders {
		do(s)
	}
	clear(s.orders)
	for _, n := range s.news {
		n.feed.marked[s.index].Store(false)
		if r := s.rooms[n.feed]; r != nil {
			s.enqueue(r, n.since)
		}
	}
	clear(s.news)
}
