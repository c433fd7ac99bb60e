package hub

import (
	"slices"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/wire"
)

// Socket is what the hub needs of a connection. Its methods must not block.
type Socket interface {
	// Write takes whole websocket frames that nobody will change, and reports whether it did. It is for
	// what the client asked for.
	Write(frames []byte) bool
	// Offer is Write for what the client did not ask for: frames are taken only if hardly anything waits to
	// be sent.
	Offer(frames []byte) Outcome
	// Encoding is that of the connection.
	Encoding() wire.Encoding
	// Evict says that the connection was taken out of a room. Hub.Leave must follow.
	Evict(r id.Room, why *fault.Error)
}

// LowWater is how many bytes may wait for a socket that still takes what it is offered.
const LowWater = 4 << 10

// Outcome is what became of an offer.
type Outcome uint8

// The outcomes.
const (
	// Taken says that the socket will send it.
	Taken Outcome = iota
	// Later says that too much waits already.
	Later
	// Gone says that the socket sends nothing any more.
	Gone
)

// Member is one connection in the hub. It is made by Hub.Admit; its owner calls the hub's methods for it
// one at a time.
type Member struct {
	socket   Socket
	encoding wire.Encoding
	shard    *shard
	// feeds are those of the rooms it is counted in: at most wire.MaxRooms, so that a map would cost more
	// than it saves.
	feeds []*roomFeed
}

// feed is that of a room the member is counted in, nil of another.
func (m *Member) feed(r id.Room) *roomFeed {
	for _, f := range m.feeds {
		if f.room == r {
			return f
		}
	}
	return nil
}

// enter counts the member into a room.
func (m *Member) enter(f *roomFeed) {
	m.feeds = append(m.feeds, f)
	f.count(m.shard.index, 1)
}

// leave ends that.
func (m *Member) leave(f *roomFeed) {
	m.feeds = slices.DeleteFunc(m.feeds, func(g *roomFeed) bool { return g == f })
	f.count(m.shard.index, -1)
}
