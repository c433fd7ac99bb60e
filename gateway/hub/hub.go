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

// Rooms is what the hub needs of the room actors; room.Client is it.
type Rooms interface {
	Attach(ctx context.Context, r id.Room, node id.Node, attachment uint64) (room.Attached, error)
	Detach(r id.Room, node id.Node, attachment uint64) error
	Report(ctx context.Context, r id.Room, node id.Node, attachment uint64, viewers int) (room.Attached, error)
	Resume(ctx context.Context, r id.Room, since position.Position) (room.Recovery, error)
	History(ctx context.Context, r id.Room, before position.Position, limit int) ([]room.Danmaku, bool, error)
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
// not, batches of the room wait from then on for Release or Leave, one of which must follow.
func (h *Hub) Enter(ctx context.Context, m *Member, e session.Enter) (session.Entry, error) {
	l, err := h.local(m, e.Room)
	if err != nil {
		return session.Entry{}, err
	}
	select {
	case <-l.ready:
	case <-ctx.Done():
		return session.Entry{}, fault.From(ctx.Err())
	}
	if l.failed != nil {
		return session.Entry{}, l.failed
	}
	return h.answer(ctx, l.seat(m), e)
}

// local finds the room, or begins to keep it, and counts the member in.
func (h *Hub) local(m *Member, r id.Room) (*local, error) {
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
	return l, nil
}

// answer says what a joining connection has to know: from what is kept here if that suffices, else from the room.
func (h *Hub) answer(ctx context.Context, snap snapshot, e session.Enter) (session.Entry, error) {
	entry := session.Entry{Info: snap.info, Version: snap.version, Head: snap.window.head}
	if e.Resuming {
		if rows, ok := snap.window.behind(e.Since); ok {
			h.metrics.entries.WithLabelValues("hub").Inc()
			entry.Danmaku, entry.Recovered = rows, true
			return entry, nil
		}
		rec, err := h.rooms.Resume(ctx, e.Room, e.Since)
		if err != nil {
			return session.Entry{}, err //nolint:wrapcheck // a fault, told to the client as it is
		}
		entry.Recovered, entry.Reason = rec.Recovered, rec.Reason
		if rec.Recovered {
			h.metrics.entries.WithLabelValues("room").Inc()
			entry.Danmaku, entry.Head = rec.Danmaku, rec.Head
			return entry, nil
		}
	}
	if e.History == 0 {
		h.metrics.entries.WithLabelValues("hub").Inc()
		return entry, nil
	}
	rows, _, err := h.newest(ctx, snap, e.Room, e.History)
	if err != nil {
		return session.Entry{}, err
	}
	entry.Danmaku = rows
	if n := len(rows); n > 0 && rows[n-1].Position.Offset > entry.Head.Offset {
		entry.Head = rows[n-1].Position
	}
	return entry, nil
}

func (h *Hub) newest(ctx context.Context, snap snapshot, r id.Room, limit int) ([]room.Danmaku, bool, error) {
	if rows, more, ok := snap.window.newest(limit); ok {
		h.metrics.entries.WithLabelValues("hub").Inc()
		return rows, more, nil
	}
	h.metrics.entries.WithLabelValues("room").Inc()
	return h.rooms.History(ctx, r, position.Position{}, limit) //nolint:wrapcheck // a fault, told to the client as it is
}

// History gives a page of a room, from what is kept here if that suffices.
func (h *Hub) History(ctx context.Context, q session.ReadHistory) ([]room.Danmaku, bool, error) {
	h.mu.Lock()
	l := h.mu.rooms[q.Room]
	h.mu.Unlock()
	if l != nil && q.Before.IsZero() {
		if snap := l.look(); !snap.window.head.IsZero() {
			return h.newest(ctx, snap, q.Room, q.Limit)
		}
	}
	return h.rooms.History(ctx, q.Room, q.Before, q.Limit) //nolint:wrapcheck // a fault, told to the client as it is
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

// abandon gives up a room that cannot be kept: whoever waits for it, and whoever comes next, learns why.
func (h *Hub) abandon(l *local, why error) {
	h.mu.Lock()
	if h.mu.rooms[l.room] == l {
		h.forget(l.room)
		h.metrics.rooms.Dec()
	}
	h.mu.Unlock()
	select {
	case <-l.ready:
	default:
		l.failed = why
		close(l.ready)
	}
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
