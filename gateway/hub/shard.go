package hub

import (
	"sync"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wire"
)

const (
	maxBatches = 1024 // waiting at a shard
	maxHeld    = 64   // waiting in a seat
)

// errGap tells a client that batches of a room were lost to it.
var errGap = fault.New(fault.Unavailable, "gap", "danmaku of this room were lost; join again with your position")

// seat is a connection in a room.
type seat struct {
	member *Member
	// waiting holds the batches that come between Enter and Release; nil afterwards.
	waiting *waiting
	// known is the offset up to which the answer to the join went where it ran ahead of the batches, as the room's own answer
	// does; zero once they have caught up.
	known position.Offset
}

type waiting struct {
	batches []*prepared
	lost    bool
}

// hall is the seats of one room on one shard.
type hall struct {
	seats []seat
	at    map[*Member]int
}

func (h *hall) remove(m *Member) bool {
	i, in := h.at[m]
	if !in {
		return false
	}
	last := len(h.seats) - 1
	h.seats[i] = h.seats[last]
	h.at[h.seats[i].member] = i
	h.seats[last] = seat{}
	h.seats = h.seats[:last]
	delete(h.at, m)
	return true
}

// order is one thing for a shard to do. Exactly one of batch and do is set.
type order struct {
	batch *prepared
	do    func(s *shard)
}

// shard writes to a part of the connections. Its halls belong to its goroutine; only the queue is shared.
type shard struct {
	index   int
	metrics *Metrics
	halls   map[id.Room]*hall
	wake    chan struct{} // capacity 1

	mu struct {
		sync.Mutex
		queue   []order
		batches int
		lost    map[id.Room]struct{} // rooms of which a batch was dropped
		closed  bool
	}
}

func newShard(index int, m *Metrics) *shard {
	s := &shard{index: index, metrics: m, halls: map[id.Room]*hall{}, wake: make(chan struct{}, 1)}
	s.mu.lost = map[id.Room]struct{}{}
	return s
}

// push queues a batch, or drops it and remembers the room. Orders of other kinds are as few as requests of connections.
func (s *shard) push(o order) {
	s.mu.Lock()
	switch {
	case s.mu.closed:
	case o.batch != nil && s.mu.batches >= maxBatches:
		s.mu.lost[o.batch.room] = struct{}{}
		s.metrics.dropped.WithLabelValues("shard").Inc()
	default:
		if o.batch != nil {
			s.mu.batches++
		}
		s.mu.queue = append(s.mu.queue, o)
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// swap takes everything queued and leaves the spare slice.
func (s *shard) swap(spare []order) (orders []order, lost []id.Room, closed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	orders = s.mu.queue
	s.mu.queue, s.mu.batches = spare, 0
	for r := range s.mu.lost {
		lost = append(lost, r)
		delete(s.mu.lost, r)
	}
	return orders, lost, s.mu.closed
}

func (s *shard) close() {
	s.mu.Lock()
	s.mu.closed = true
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run carries out orders in their order until close.
func (s *shard) run() {
	var spare []order
	for range s.wake {
		orders, lost, closed := s.swap(spare)
		for i := range orders {
			if orders[i].batch != nil {
				s.fanOut(orders[i].batch)
			} else {
				orders[i].do(s)
			}
			orders[i] = order{}
		}
		for _, r := range lost {
			s.clear(r, errGap)
		}
		spare = orders[:0]
		if closed {
			return
		}
	}
}

// fanOut hands a batch to every seat of its room.
func (s *shard) fanOut(p *prepared) {
	h := s.halls[p.room]
	if h == nil {
		return
	}
	var bytes [wire.Encodings][]byte
	written, refused := 0, 0
	for i := range h.seats {
		st := &h.seats[i]
		if st.waiting != nil {
			st.waiting.hold(p, s.metrics)
			continue
		}
		e := st.member.encoding
		if bytes[e] == nil {
			bytes[e] = p.bytes(e)
		}
		frames := bytes[e]
		if st.known > 0 {
			if frames = st.unknown(p); len(frames) == 0 {
				continue
			}
		}
		if st.member.socket.Write(frames) {
			written++
		} else {
			refused++
		}
	}
	s.metrics.deliveries.Add(float64(written))
	s.metrics.refused.Add(float64(refused))
	s.metrics.lag.Observe(time.Since(p.came).Seconds())
}

// unknown gives the frames of a batch without what the answer to the join held already.
func (st *seat) unknown(p *prepared) []byte {
	frames := p.behind(st.member.encoding, st.known)
	if n := len(p.danmaku); n > 0 && p.danmaku[n-1].Position.Offset >= st.known {
		st.known = 0
	}
	return frames
}

func (w *waiting) hold(p *prepared, m *Metrics) {
	if len(w.batches) >= maxHeld {
		w.lost = true
		m.dropped.WithLabelValues("seat").Inc()
		return
	}
	w.batches = append(w.batches, p)
}

// seat puts a member into a room, its batches waiting.
func (s *shard) seat(r id.Room, m *Member) {
	h := s.halls[r]
	if h == nil {
		h = &hall{at: map[*Member]int{}}
		s.halls[r] = h
	}
	if i, in := h.at[m]; in {
		h.seats[i] = seat{member: m, waiting: &waiting{}}
		return
	}
	h.at[m] = len(h.seats)
	h.seats = append(h.seats, seat{member: m, waiting: &waiting{}})
	s.metrics.seats.Inc()
}

// release answers a join and lets go what waited behind head.
func (s *shard) release(r id.Room, m *Member, head position.Position, answer []byte) {
	if len(answer) > 0 {
		m.socket.Write(answer)
	}
	h := s.halls[r]
	if h == nil {
		return
	}
	i, in := h.at[m]
	if !in || h.seats[i].waiting == nil {
		return
	}
	st := &h.seats[i]
	if st.waiting.lost {
		s.evict(r, m, errGap)
		return
	}
	batches := st.waiting.batches
	st.waiting, st.known = nil, head.Offset
	for _, p := range batches {
		if frames := st.unknown(p); len(frames) > 0 {
			m.socket.Write(frames)
		}
	}
}

// vacate takes a member out of a room.
func (s *shard) vacate(r id.Room, m *Member) bool {
	h := s.halls[r]
	if h == nil || !h.remove(m) {
		return false
	}
	s.metrics.seats.Dec()
	if len(h.seats) == 0 {
		delete(s.halls, r)
	}
	return true
}

// evict takes a member out and tells it why.
func (s *shard) evict(r id.Room, m *Member, why *fault.Error) {
	if s.vacate(r, m) {
		s.metrics.evicted.WithLabelValues(why.Code).Inc()
		m.socket.Evict(r, why)
	}
}

// clear takes everybody out of a room.
func (s *shard) clear(r id.Room, why *fault.Error) {
	for h := s.halls[r]; h != nil && len(h.seats) > 0; {
		s.evict(r, h.seats[len(h.seats)-1].member, why)
	}
}
