package api_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/barrage-live/barrage/actors/identity/account"
	"github.com/barrage-live/barrage/gateway/api"
	"github.com/barrage-live/barrage/gateway/api/identity"
	"github.com/barrage-live/barrage/gateway/api/live"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/id"
)

// shutOut has an administrator shut ann out.
func (w *world) shutOut(boss person) answer {
	w.t.Helper()
	return w.do(call{method: "PATCH", path: "/v1/users/ann", token: boss.token, body: map[string]any{"disabled": true}})
}

// channel makes the channel of somebody.
func (w *world) channel(p person) string {
	w.t.Helper()
	ch, _ := w.own(p, p.account.Handle+"live")["id"].(string)
	return ch
}

// meanwhile lets something happen just before an account is found, or just after it was.
type meanwhile struct {
	live.Accounts
	before, after func()
}

func (m *meanwhile) Find(ctx context.Context, name string) (account.Account, error) {
	before, after := m.before, m.after
	m.before, m.after = nil, nil
	if before != nil {
		before()
	}
	a, err := m.Accounts.Find(ctx, name)
	if after != nil {
		after()
	}
	return a, err
}

// TestAShutOutWhileAStreamKeyIsMade leaves none that serves, nor does an administrator make one after it.
func TestAShutOutWhileAStreamKeyIsMade(t *testing.T) {
	m := &meanwhile{}
	w := newWorldOf(t, func(d *api.Deps) { m.Accounts, d.Live.Accounts = d.Live.Accounts, m })
	boss, ann := w.join("boss", auth.Admin), w.join("ann")
	keys := "/v1/channels/" + w.channel(ann) + "/keys"
	shut := func() { w.shutOut(boss).want(t, http.StatusOK, "") }
	m.after = shut
	w.do(call{method: "POST", path: keys, token: ann.token}).want(t, http.StatusUnauthorized, "token_outdated")

	w.do(call{method: "PATCH", path: "/v1/users/ann", token: boss.token, body: map[string]any{"disabled": false}}).want(t, http.StatusOK, "")
	token := w.do(loginAs("ann", password)).text("access_token")
	m.before = shut
	w.do(call{method: "POST", path: keys, token: token}).want(t, http.StatusForbidden, "account_disabled")
	w.do(call{method: "POST", path: keys, token: boss.token}).want(t, http.StatusForbidden, "account_disabled")
}

// TestShutOutOnceMoreEndsWhatIsThere: however it came to be there.
func TestShutOutOnceMoreEndsWhatIsThere(t *testing.T) {
	w := newWorld(t, nil)
	boss, ann := w.join("boss", auth.Admin), w.join("ann")
	ch := id.Channel(w.channel(ann))
	first := w.shutOut(boss)
	first.want(t, http.StatusOK, "")
	a, err := w.Accounts.Get(t.Context(), ann.account.User)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Channels.MintKey(t.Context(), ch, a.RightsVersion); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Sessions.Open(t.Context(), a.User, a.Logins, ""); err != nil {
		t.Fatal(err)
	}
	again := w.shutOut(boss)
	if again.status != http.StatusOK || again.body != first.body {
		t.Errorf("it says %d %s, and %s the first time", again.status, again.body, first.body)
	}
	if keys, err := w.Channels.Keys(t.Context(), ch); err != nil || len(keys) != 1 || keys[0].Revoked.IsZero() {
		t.Errorf("stream keys: %+v, %v", keys, err)
	}
	if l, err := w.Sessions.List(t.Context(), a.User); err != nil || len(l) != 0 {
		t.Errorf("logins: %v, %v", l, err)
	}
}

// slowly lets something happen after a password was looked at.
type slowly struct {
	identity.Accounts
	then func()
}

func (s *slowly) Authenticate(ctx context.Context, handle, word string) (account.Account, error) {
	a, err := s.Accounts.Authenticate(ctx, handle, word)
	s.pass()
	return a, err
}

func (s *slowly) Register(ctx context.Context, handle, word string) (account.Account, error) {
	a, err := s.Accounts.Register(ctx, handle, word)
	s.pass()
	return a, err
}

func (s *slowly) pass() {
	then := s.then
	s.then = nil
	if then != nil {
		then()
	}
}

// TestAShutOutWhileSomebodyLogsIn leaves no login, also when the account is let in again.
func TestAShutOutWhileSomebodyLogsIn(t *testing.T) {
	for name, begin := range map[string]call{
		"login":    loginAs("ann", password),
		"register": {method: "POST", path: "/v1/auth/register", body: map[string]any{"handle": "ann", "password": password}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &slowly{}
			w := newWorldOf(t, func(d *api.Deps) { s.Accounts, d.Identity.Accounts = d.Identity.Accounts, s })
			boss := w.join("boss", auth.Admin)
			if name == "login" {
				w.join("ann")
			}
			s.then = func() { w.shutOut(boss).want(t, http.StatusOK, "") }
			w.do(begin).want(t, http.StatusForbidden, "account_disabled")
			w.do(call{method: "PATCH", path: "/v1/users/ann", token: boss.token, body: map[string]any{"disabled": false}}).want(t, http.StatusOK, "")
			a, err := w.Accounts.ByHandle(t.Context(), "ann")
			if err != nil {
				t.Fatal(err)
			}
			if l, err := w.Sessions.List(t.Context(), a.User); err != nil || len(l) != 0 {
				t.Errorf("logins: %v, %v", l, err)
			}
		})
	}
}
