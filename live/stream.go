package live

import (
	"slices"
	"sync"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media"
)

// The reasons for which a Stream ends, and the refusal of what comes after.
var (
	// ErrEnded is the reason when the publisher ended properly.
	ErrEnded = fault.New(fault.Unavailable, "stream_ended", "the publisher ended the stream")
	// ErrTakenOver is the reason when another publisher with a right to it took over.
	ErrTakenOver = fault.New(fault.Conflict, "taken_over", "another publisher took over")
	// ErrClosed refuses a write behind the end.
	ErrClosed = fault.New(fault.Conflict, "stream_closed", "the stream is closed")
)

// Bounds of the ring.
const (
	maxUnits = 2048
	maxBytes = 16 << 20
	// firstUnits is what the ring has room for until it needs more: about two seconds.
	firstUnits = 256
)

// Stream is one publication. Its methods are safe for concurrent use, except that only one goroutine writes.
type Stream struct {
	id           id.Stream
	done         chan struct{}
	units, limit int // bounds of the ring, in units and in bytes

	mu struct {
		sync.Mutex
		tracks  []media.Track
		video   bool
		changes []change     // of the tracks: those the ring still has, and the one before
		ring    []media.Unit // unit n lies at n % len
		tail    uint64       // the oldest unit held
		head    uint64       // the next unit
		bytes   int
		readers map[*Reader]struct{}
		meter   meter
		configs []*media.Config // the newest of each track
		err     error
	}
}

// change is that other tracks hold from a unit on. What the first unit brings holds from the same unit as
// what the stream began with, so that only the numbers tell changes apart.
type change struct {
	number uint64
	from   uint64
	tracks []media.Track
}

// NewStream makes an open Stream. The tracks must be valid, and their slice is not changed afterwards.
func NewStream(sid id.Stream, tracks []media.Track) *Stream {
	return newStream(sid, tracks, maxUnits, maxBytes)
}

func newStream(sid id.Stream, tracks []media.Track, units, limit int) *Stream {
	s := &Stream{id: sid, done: make(chan struct{}), units: units, limit: limit}
	s.use(tracks)
	s.mu.ring = make([]media.Unit, min(units, firstUnits))
	s.mu.readers = make(map[*Reader]struct{})
	return s
}

// use makes tracks the ones that hold from the next unit on. The caller holds the lock.
func (s *Stream) use(tracks []media.Track) {
	m := &s.mu
	m.tracks, m.video, m.configs = tracks, false, nil
	for _, t := range tracks {
		m.video = m.video || t.Config.Codec.Video()
		m.configs = append(m.configs, t.Config)
	}
	c := change{from: m.head, tracks: tracks}
	if n := len(m.changes); n > 0 {
		c.number = m.changes[n-1].number + 1
	}
	m.changes = append(m.changes, c)
	for len(m.changes) > 1 && m.changes[1].from <= m.tail {
		m.changes = m.changes[1:]
	}
}

// ID is the publication's identity.
func (s *Stream) ID() id.Stream { return s.id }

// Tracks are what the publication consists of, at last; what it consisted of before its readers are told
// with the units. Do not change them.
func (s *Stream) Tracks() []media.Track {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.tracks
}

// Configs are the newest configurations of the tracks, in their order.
func (s *Stream) Configs() []*media.Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mu.configs)
}

// Write adds a unit and wakes the readers that wait for it; it never waits itself. The unit and what it
// points to must not be changed afterwards, and its Tracks, if it has some, must be valid. It fails with
// ErrClosed, or fault.Invalid code "no_track".
func (s *Stream) Write(u media.Unit) error {
	size := u.Size()
	s.mu.Lock()
	defer s.mu.Unlock()
	m := &s.mu
	if m.err != nil {
		return ErrClosed
	}
	tracks := m.tracks
	if u.Tracks != nil {
		tracks = u.Tracks
	}
	if u.Track < 0 || u.Track >= len(tracks) || len(tracks) < len(m.tracks) {
		return fault.New(fault.Invalid, "no_track", "the unit belongs to no track of the stream, or leaves one out")
	}
	if u.Tracks != nil {
		s.use(tracks)
	}
	s.makeRoom(size)
	m.ring[m.head%uint64(len(m.ring))] = u
	m.head++
	m.bytes += size
	if s.entry(m.head - 1) {
		s.trim()
	}
	if u.Config != nil {
		m.configs[u.Track] = u.Config
	}
	m.meter.add(&u, size, m.configs[u.Track].Codec.Video())
	s.wake()
	return nil
}

// makeRoom lets the ring grow for another unit, or drops the oldest. The caller holds the lock.
func (s *Stream) makeRoom(size int) {
	m := &s.mu
	for m.tail < m.head && m.bytes+size > s.limit {
		s.drop()
	}
	n := uint64(len(m.ring))
	switch {
	case m.head-m.tail < n:
	case int(n) == s.units:
		s.drop()
	default:
		ring := make([]media.Unit, min(2*int(n), s.units))
		for i := m.tail; i < m.head; i++ {
			ring[i%uint64(len(ring))] = m.ring[i%n]
		}
		m.ring = ring
	}
}

// trim drops what lies before the newest unit, from which reading can start, and was read by all: nobody
// comes who would want it. The caller holds the lock.
func (s *Stream) trim() {
	needed := s.mu.head - 1
	for r := range s.mu.readers {
		needed = min(needed, r.next)
	}
	for s.mu.tail < needed {
		s.drop()
	}
}

// drop lets go of the oldest unit. The caller holds the lock.
func (s *Stream) drop() {
	m := &s.mu
	old := &m.ring[m.tail%uint64(len(m.ring))]
	m.bytes -= old.Size()
	*old = media.Unit{}
	m.tail++
}

// Unreadable counts something that arrived for the stream and could not be made a unit of.
func (s *Stream) Unreadable(arrival time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.meter.unreadable(arrival)
}

// wake signals every reader that waits. The caller holds the lock.
func (s *Stream) wake() {
	for r := range s.mu.readers {
		select {
		case r.signal <- struct{}{}:
		default:
		}
	}
}

// Close ends the stream; only the first call counts. A nil reason means ErrEnded.
func (s *Stream) Close(reason error) {
	if reason == nil {
		reason = ErrEnded
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.err != nil {
		return
	}
	s.mu.err = reason
	close(s.done)
	s.wake()
}

// Done is closed when the stream ends.
func (s *Stream) Done() <-chan struct{} { return s.done }

// Err is the reason of the end, nil while the stream is open.
func (s *Stream) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.err
}

// Stats describes the publication over its last seconds.
func (s *Stream) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.meter.stats()
}

// NewReader makes a Reader that starts at the newest picture from which decoding can start, or, when there
// is none yet, with the next one. Close it.
func (s *Stream) NewReader() *Reader {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &Reader{stream: s, signal: make(chan struct{}, 1), seek: s.mu.video, next: s.mu.head}
	for n := s.mu.head; n > s.mu.tail; n-- {
		if s.entry(n - 1) {
			r.next = n - 1
			break
		}
	}
	r.tracks = *s.tracksAt(r.next)
	s.mu.readers[r] = struct{}{}
	return r
}

// entry reports whether reading can start at unit n. The caller holds the lock.
func (s *Stream) entry(n uint64) bool {
	u := &s.mu.ring[n%uint64(len(s.mu.ring))]
	return u.Entry() && (!s.mu.video || s.mu.tracks[u.Track].Config.Codec.Video())
}

// tracksAt tells which tracks hold at unit n. The caller holds the lock.
func (s *Stream) tracksAt(n uint64) *change {
	c := s.mu.changes
	for len(c) > 1 && c[1].from <= n {
		c = c[1:]
	}
	return &c[0]
}
