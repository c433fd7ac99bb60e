package hub

import (
	"context"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/barrage-live/barrage/actors/room"
	"github.com/barrage-live/barrage/gateway/session"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

// Rooms is what the hub needs of the room actors; room.Client is it. What connections wait for is asked by the functions that block
// nobody; they call done once, from any goroutine.
type Rooms interface {
	Attach(ctx context.Context, r id.Room, node id.Node, attachment uint64) (room.Attached, error)
	Detach(r id.Room, node id.Node, attachment uint64) error
	Report(ctx context.Context, r id.Room, node id.Node, attachment uint64, viewers int) (room.Attached, error)
	ResumeFunc(deadline time.Time, r id.Room, since position.Position, done func(room.Recovery, error))
	HistoryFunc(deadline time.Time, r id.Room, before position.Position, limit int, done func([]room.Danmaku, bool, error))
}

// Config tunes the hub. The zero value works.
type Config struct {
	// Shards is the number of writing goroutines; 0 means GOMAXPROCS.
	Shards int
	// Renew is how often the node attaches again; 0 means 20 s.
	Renew time.Duration
	// Grace is how long a room stays attached after the last connection left; 0 means 10 s.
	Grace time.Duration
	// ReportEvery is the least time between two reports of how many are here; 0 means 1 s.
	ReportEvery time.Duration
	// AskTimeout bounds a question of the hub to a room; 0 means 5 s.
	AskTimeout time.Duration
}

func (c Config) filled() Config {
	if c.Shards == 0 {
		c.Shards = runtime.GOMAXPROCS(0)
	}
	for _, f := range []struct {
		d   *time.Duration
		def time.Duration
	}{{&c.Renew, 20 * time.Second}, {&c.Grace, 10 * time.Second}, {&c.ReportEvery, time.Second}, {&c.AskTimeout, 5 * time.Second}} {
		if *f.d == 0 {
			*f.d = f.def
		}
	}
	return c
}

// Hub is the rooms and connections of one node. Start makes it, Close ends it.
type Hub struct {
	cfg     Config
	node    id.Node
	rooms   Rooms
	log     *slog.Logger
	metrics *Metrics
	shards  []*shard
	dealt   atomic.Uint64 // members, for dealing them to shards
	attach  atomic.Uint64 // the number of the last attachment to any room
	// versions numbers the states of rooms: those that one connection is told grow.
	versions atomic.Uint64
	logins   logins

	ctx     context.Context //nolint:containedctx // the life of the hub itself: keepers are started by joins
	stop    context.CancelFunc
	keepers sync.WaitGroup
	writers sync.WaitGroup

	// kept are mu.rooms for Deliver, which must not wait for whoever holds mu while asking a room.
	kept sync.Map // id.Room -> *local

	mu struct {
		sync.Mutex
		rooms  map[id.Room]*local
		closed bool
	}
}

var errClosed = fault.New(fault.Unavailable, "draining", "this node is going away")

// Start makes the hub of a node and its writing goroutines.
func Start(cfg Config, node id.Node, rooms Rooms, log *slog.Logger, m *Metrics) *Hub {
	h := &Hub{cfg: cfg.filled(), node: node, rooms: rooms, log: log, metrics: m}
	h.ctx, h.stop = context.WithCancel(context.Background())
	h.mu.rooms = map[id.Room]*local{}
	h.logins.members = map[id.Session]map[*Member]struct{}{}
	for i := range h.cfg.Shards {
		s := newShard(i, m)
		h.shards = append(h.shards, s)
		h.writers.Go(s.run)
	}
	return h
}

// Close detaches every room and ends the goroutines. Connections should have been dropped before.
func (h *Hub) Close() {
	h.mu.Lock()
	h.mu.closed = true
	h.mu.Unlock()
	h.stop()
	h.keepers.Wait()
	for _, s := range h.shards {
		s.close()
	}
	h.writers.Wait()
}

// Deliver implements room.Fanout: it takes a batch for this node from a room.
func (h *Hub) Deliver(node id.Node, b *room.Batch) {
	if node != h.node {
		return
	}
	if l, ok := h.kept.Load(b.Room); ok {
		l.(*local).deliver(b)
	}
}

// Admit makes a connection a member; Drop ends that.
func (h *Hub) Admit(s Socket) *Member {
	shard := h.shards[h.dealt.Add(1)%uint64(len(h.shards))]
	return &Member{socket: s, encoding: s.Encoding(), shard: shard, rooms: map[id.Room]*local{}}
}

// Login notes under which login a member speaks.
func (h *Hub) Login(m *Member, login id.Session) {
	if m.login == login {
		return
	}
	if m.login != "" {
		h.logins.remove(m.login, m)
	}
	m.login = login
	if login != "" {
		h.logins.add(login, m)
	}
}

// CloseSession tells every connection of a login that it has ended. It returns at once.
func (h *Hub) CloseSession(login id.Session, reason error) {
	for _, m := range h.logins.of(login) {
		m.socket.Revoke(reason)
	}
}

// Enter puts a member into a room, attaching the node if it is the first, and finds out what it missed. Whether it succeeds or
// not, batches of the room wait from then on for Release or Leave, one of which must follow; Leave may come before the answer.
// done is called once, from any goroutine; it must not block.
func (h *Hub) Enter(deadline time.Time, m *Member, e session.Enter, done func(session.Entry, error)) {
	l, err := h.seat(m, e.Room)
	if err != nil {
		done(session.Entry{}, err)
		return
	}
	l.whenReady(func(failed error) {
		if failed != nil {
			done(session.Entry{}, failed)
			return
		}
		h.answer(deadline, l.look(), e, done)
	})
}

// seat finds the room, or begins to keep it, counts the member in and has batches wait for it from now on. Under the lock of the
// rooms: whoever gives up a room takes out all who were seated before.
func (h *Hub) seat(m *Member, r id.Room) (*local, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mu.closed {
		return nil, errClosed
	}
	l := h.mu.rooms[r]
	if l == nil {
		l = newLocal(h, r)
		h.mu.rooms[r] = l
		h.kept.Store(r, l)
		h.metrics.rooms.Inc()
		h.keepers.Go(func() { (&keeper{local: l}).run(h.ctx) })
	}
	if m.rooms[r] != l {
		m.rooms[r] = l
		l.count(m.shard.index, 1)
	}
	m.shard.push(order{do: func(s *shard) { s.seat(r, m) }})
	return l, nil
}

// answer says what a joining connection has to know: from what is kept here if that suffices, else from the room.
func (h *Hub) answer(deadline time.Time, snap snapshot, e session.Enter, done func(session.Entry, error)) {
	entry := session.Entry{Info: snap.info, Version: snap.version, Head: snap.window.head}
	if !e.Resuming {
		h.fill(deadline, snap, e, entry, done)
		return
	}
	if rows, ok := snap.window.behind(e.Since); ok {
		h.metrics.entries.WithLabelValues("hub").Inc()
		entry.Danmaku, entry.Recovered = rows, true
		done(entry, nil)
		return
	}
	h.rooms.ResumeFunc(deadline, e.Room, e.Since, func(rec room.Recovery, err error) {
		if err != nil {
			done(session.Entry{}, err)
			return
		}
		entry.Recovered, entry.Reason = rec.Recovered, rec.Reason
		if !rec.Recovered {
			h.fill(deadline, snap, e, entry, done)
			return
		}
		h.metrics.entries.WithLabelValues("room").Inc()
		entry.Danmaku, entry.Head, entry.More = rec.Danmaku, rec.To, rec.More
		done(entry, nil)
	})
}

// fill puts the newest danmaku into an entry.
func (h *Hub) fill(deadline time.Time, snap snapshot, e session.Enter, entry session.Entry, done func(session.Entry, error)) {
	if e.History == 0 {
		h.metrics.entries.WithLabelValues("hub").Inc()
		done(entry, nil)
		return
	}
	h.newest(deadline, snap, e.Room, e.History, func(rows []room.Danmaku, _ bool, err error) {
		if err != nil {
			done(session.Entry{}, err)
			return
		}
		entry.Danmaku = rows
		if n := len(rows); n > 0 && rows[n-1].Position.Offset > entry.Head.Offset {
			entry.Head = rows[n-1].Position
		}
		done(entry, nil)
	})
}

func (h *Hub) newest(deadline time.Time, snap snapshot, r id.Room, limit int, done func([]room.Danmaku, bool, error)) {
	if rows, more, ok := snap.window.newest(limit); ok {
		h.metrics.entries.WithLabelValues("hub").Inc()
		done(rows, more, nil)
		return
	}
	h.metrics.entries.WithLabelValues("room").Inc()
	h.rooms.HistoryFunc(deadline, r, position.Position{}, limit, done)
}

// History gives a page of a room, from what is kept here if that suffices. done is called as Enter's is.
func (h *Hub) History(deadline time.Time, q session.ReadHistory, done func(danmaku []room.Danmaku, more bool, err error)) {
	if l, ok := h.kept.Load(q.Room); ok && q.Before.IsZero() {
		if snap := l.(*local).look(); !snap.window.head.IsZero() {
			h.newest(deadline, snap, q.Room, q.Limit, done)
			return
		}
	}
	h.rooms.HistoryFunc(deadline, q.Room, q.Before, q.Limit, done)
}

// Release writes the answer to an Enter and then what came behind head meanwhile; from then on batches are written as they come.
func (h *Hub) Release(m *Member, r id.Room, head position.Position, answer []byte) {
	m.shard.push(order{do: func(s *shard) { s.release(r, m, head, answer) }})
}

// Leave takes a member out of a room and writes the answer, if any, behind the last batch.
func (h *Hub) Leave(m *Member, r id.Room, answer []byte) {
	m.shard.push(order{do: func(s *shard) {
		s.vacate(r, m)
		if len(answer) > 0 {
			m.socket.Write(answer)
		}
	}})
	if l := m.rooms[r]; l != nil {
		delete(m.rooms, r)
		l.count(m.shard.index, -1)
	}
}

// Drop takes a member out of everything, when its connection has ended.
func (h *Hub) Drop(m *Member) {
	for r := range m.rooms {
		h.Leave(m, r, nil)
	}
	h.Login(m, "")
}

// abandon gives up a room that cannot be kept: whoever is in it or waits for it, and whoever comes next, learns why.
func (h *Hub) abandon(l *local, why error) {
	h.mu.Lock()
	if h.mu.rooms[l.room] == l {
		h.forget(l.room)
		h.metrics.rooms.Dec()
	}
	h.mu.Unlock()
	l.become(why)
}

// forget ends the keeping of a room. Hub.mu is held.
func (h *Hub) forget(r id.Room) {
	delete(h.mu.rooms, r)
	h.kept.Delete(r)
}

// retire gives up a room in which nobody is. The detaching happens before anyone can begin to keep it anew, so that it cannot
// undo the new attachment.
func (h *Hub) retire(l *local) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l.here() > 0 {
		return false
	}
	if err := h.rooms.Detach(l.room, h.node, l.attachment()); err != nil {
		h.log.Debug("a room could not be detached", slog.String("room", string(l.room)), slog.Any("error", err))
	}
	h.forget(l.room)
	h.metrics.rooms.Dec()
	return true
}
