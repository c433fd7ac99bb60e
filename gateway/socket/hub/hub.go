package hub

import (
	"cmp"
	"context"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

// Rooms is what the hub needs of the room actors; room.Client is it. What connections wait for is asked by
// the functions that block nobody; they call done once, from any goroutine.
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
	// Renew is how often the node reports to a room although nothing changed, so that it stays attached; 0
	// means 20 s.
	Renew time.Duration
	// Grace is how long a room stays attached after the last connection left; 0 means 10 s.
	Grace time.Duration
	// ReportEvery is the least time between two reports of how many are here; 0 means 1 s.
	ReportEvery time.Duration
	// AskTimeout bounds a question of the hub to a room; 0 means 5 s.
	AskTimeout time.Duration
	// Keep is for how long the newest danmaku of a room are kept, for those who come back; 0 means 90 s.
	Keep time.Duration
	// KeepBytes bounds the memory of the danmaku kept of one room, and KeepAllBytes about that of all; 0
	// means 8 MiB and 256 MiB.
	KeepBytes, KeepAllBytes int
}

// leastKeepBytes is what a room may keep however many there are.
const leastKeepBytes = 64 << 10

func (c Config) filled() Config {
	c.Shards = cmp.Or(c.Shards, runtime.GOMAXPROCS(0))
	c.Renew = cmp.Or(c.Renew, 20*time.Second)
	c.Grace = cmp.Or(c.Grace, 10*time.Second)
	c.ReportEvery = cmp.Or(c.ReportEvery, time.Second)
	c.AskTimeout = cmp.Or(c.AskTimeout, 5*time.Second)
	c.Keep = cmp.Or(c.Keep, 90*time.Second)
	c.KeepBytes = cmp.Or(c.KeepBytes, 8<<20)
	c.KeepAllBytes = cmp.Or(c.KeepAllBytes, 256<<20)
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

	ctx     context.Context //nolint:containedctx // the life of the hub itself: keepers are started by joins
	stop    context.CancelFunc
	keepers sync.WaitGroup
	writers sync.WaitGroup

	// feeds are the rooms that are kept, by id.Room. It changes under mu only; the batches of rooms look
	// into it without.
	feeds sync.Map // id.Room -> *roomFeed
	count atomic.Int64
	// kept is the memory of what all of them keep.
	kept atomic.Int64

	mu struct {
		sync.Mutex
		closed bool
	}
}

var errClosed = fault.New(fault.Unavailable, "draining", "this node is going away")

// Start makes the hub of a node and its writing goroutines.
func Start(cfg Config, node id.Node, rooms Rooms, log *slog.Logger, m *Metrics) *Hub {
	h := &Hub{cfg: cfg.filled(), node: node, rooms: rooms, log: log, metrics: m}
	h.ctx, h.stop = context.WithCancel(context.Background())
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
	if f := h.feed(b.Room); f != nil {
		f.deliver(b)
	}
}

// feed finds a room that is kept, nil if it is not.
func (h *Hub) feed(r id.Room) *roomFeed {
	f, _ := h.feeds.Load(r)
	feed, _ := f.(*roomFeed)
	return feed
}

// keep says what of a room may be kept. When all rooms together keep too much each may have an equal share.
func (h *Hub) keep() bounds {
	kept := h.kept.Load()
	h.metrics.kept.Set(float64(kept))
	most := h.cfg.KeepBytes
	if kept > int64(h.cfg.KeepAllBytes) {
		most = min(most, max(leastKeepBytes, h.cfg.KeepAllBytes/int(max(h.count.Load(), 1))))
	}
	return bounds{h.cfg.Keep, most}
}

// Admit makes a connection a member; Drop ends that.
func (h *Hub) Admit(s Socket) *Member {
	shard := h.shards[h.dealt.Add(1)%uint64(len(h.shards))]
	return &Member{socket: s, encoding: s.Encoding(), shard: shard}
}

// abandon gives up a room that cannot be kept: whoever is in it or waits for it, and whoever comes next,
// learns why.
func (h *Hub) abandon(f *roomFeed, why error) {
	h.mu.Lock()
	h.forget(f)
	h.mu.Unlock()
	f.become(fault.From(why))
	for _, s := range h.shards {
		s.order(func(s *shard) { s.evict(f, errRoomClosed) })
	}
	f.trim(time.Now(), true)
}

// retire gives up a room in which nobody is.
func (h *Hub) retire(f *roomFeed) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f.here() > 0 {
		return false
	}
	h.forget(f)
	return true
}

// forget ends the keeping of a room. Hub.mu is held.
func (h *Hub) forget(f *roomFeed) {
	if h.feeds.CompareAndDelete(f.room, f) {
		h.count.Add(-1)
		h.metrics.rooms.Dec()
	}
}
