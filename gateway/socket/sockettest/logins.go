package sockettest

import (
	"hash/fnv"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/id"
)

// Tokens accepts "user-session-lifetime" or "user-session-lifetime-rights", for example "ann-s1-1h" or
// "ann-s1-1h-2", unless it was revoked.
type Tokens struct {
	revocations *auth.Revocations
	held        sync.Map // token -> *hold
}

// hold keeps whoever verifies a token.
type hold struct{ entered, free chan struct{} }

// Hold has the next who verifies the token wait: entered is closed once somebody does, and release lets it
// go on.
func (w *World) Hold(token string) (entered <-chan struct{}, release func()) {
	h := &hold{make(chan struct{}), make(chan struct{})}
	w.tokens.held.Store(token, h)
	return h.entered, sync.OnceFunc(func() { close(h.free) })
}

// Verify implements socket.Verifier.
func (t *Tokens) Verify(token string) (auth.Identity, error) {
	if h, held := t.held.LoadAndDelete(token); held {
		close(h.(*hold).entered)
		<-h.(*hold).free
	}
	parts := strings.Split(token, "-")
	rights := 1
	if len(parts) == 4 {
		rights, _ = strconv.Atoi(parts[3])
		parts = parts[:3]
	}
	if len(parts) != 3 {
		return auth.Identity{}, auth.ErrTokenInvalid
	}
	life, err := time.ParseDuration(parts[2])
	if err != nil {
		return auth.Identity{}, auth.ErrTokenInvalid
	}
	if life <= 0 {
		return auth.Identity{}, auth.ErrTokenExpired
	}
	who := auth.Identity{
		User: UserOf(parts[0]), Name: parts[0], Session: id.Session(parts[1]), Roles: auth.NewRoles(), RightsVersion: uint64(rights),
		Expires: time.Now().Add(life),
	}
	return who, t.revocations.Check(who)
}

// UserOf is the user of a name in a token.
func UserOf(name string) id.User {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // a hash takes everything
	return id.User(strconv.FormatUint(uint64(h.Sum32())+1, 10))
}

// EndLogin ends a login as its actor does: tokens are refused from now on, then its sockets are told.
func (w *World) EndLogin(login id.Session) {
	w.Revocations.EndLogin(login, time.Now().Add(time.Hour))
	w.Gateway.Revoke(login, "")
}

// Outdate makes tokens of a user, by the name in them, with lesser rights out of date.
func (w *World) Outdate(name string, rights uint64) {
	user := UserOf(name)
	w.Revocations.OutdateUser(user, rights, time.Now().Add(time.Hour))
	w.Gateway.Revoke("", user)
}
