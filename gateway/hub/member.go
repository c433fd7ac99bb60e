package hub

import (
	"sync"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/wire"
)

// Socket is what the hub needs of a connection. Its methods must not block.
type Socket interface {
	// Write takes whole websocket frames that nobody will change, and reports whether it did.
	Write(frames []byte) bool
	// Encoding is that of the connection.
	Encoding() wire.Encoding
	// Evict says that the connection was taken out of a room. Hub.Leave must follow.
	Evict(r id.Room, why *fault.Error)
	// Revoke says that the connection's login has ended.
	Revoke(reason error)
}

// Member is one connection in the hub. It is made by Hub.Admit; its owner calls the hub's methods for it one at a time.
type Member struct {
	socket   Socket
	encoding wire.Encoding
	shard    *shard
	rooms    map[id.Room]*local
	login    id.Session
}

// logins finds the connections of a login.
type logins struct {
	sync.Mutex
	members map[id.Session]map[*Member]struct{}
}

func (l *logins) add(login id.Session, m *Member) {
	l.Lock()
	defer l.Unlock()
	if l.members[login] == nil {
		l.members[login] = map[*Member]struct{}{}
	}
	l.members[login][m] = struct{}{}
}

func (l *logins) remove(login id.Session, m *Member) {
	l.Lock()
	defer l.Unlock()
	delete(l.members[login], m)
	if len(l.members[login]) == 0 {
		delete(l.members, login)
	}
}

func (l *logins) of(login id.Session) []*Member {
	l.Lock()
	defer l.Unlock()
	list := make([]*Member, 0, len(l.members[login]))
	for m := range l.members[login] {
		list = append(list, m)
	}
	return list
}
