package socket

import (
	"slices"
	"sync"

	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
)

var errSockets = fault.New(fault.Exhausted, "too_many_sockets", "the login has too many open sockets")

// register finds the viewers of a login and of a user on this node. It is safe for concurrent use; each
// viewer enters and leaves by itself.
type register struct {
	most int // viewers of one login

	mu struct {
		sync.Mutex
		logins map[id.Session][]*viewer
		users  map[id.User][]*viewer
	}
}

func newRegister(most int) *register {
	r := &register{most: most}
	r.mu.logins, r.mu.users = map[id.Session][]*viewer{}, map[id.User][]*viewer{}
	return r
}

// enter notes that a viewer speaks as somebody; it may speak under several logins until it leaves them. It
// is refused for one viewer too many of a login.
func (r *register) enter(v *viewer, who auth.Identity) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	of := r.mu.logins[who.Session]
	switch {
	case slices.Contains(of, v):
		return nil
	case len(of) >= r.most:
		return errSockets
	}
	r.mu.logins[who.Session] = append(of, v)
	r.mu.users[who.User] = append(r.mu.users[who.User], v)
	return nil
}

// leave takes a viewer out of one of its logins.
func (r *register) leave(v *viewer, who auth.Identity) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if drop(r.mu.logins, who.Session, v) {
		drop(r.mu.users, who.User, v)
	}
}

// drop takes a viewer out of a list once, and reports whether it was there.
func drop[K comparable](lists map[K][]*viewer, key K, v *viewer) bool {
	list := lists[key]
	i := slices.Index(list, v)
	if i < 0 {
		return false
	}
	last := len(list) - 1
	list[i], list[last] = list[last], nil
	if lists[key] = list[:last]; last == 0 {
		delete(lists, key)
	}
	return true
}

// of gives the viewers of a login and of a user.
func (r *register) of(login id.Session, user id.User) []*viewer {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Concat(r.mu.logins[login], r.mu.users[user])
}
