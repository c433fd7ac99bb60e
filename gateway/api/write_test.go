package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/barrage-live/barrage/gateway/api"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/id"
)

// TestWritesAreLimited: an account that changes and changes is told to wait, whatever it changes and from
// wherever; others notice nothing. Who makes up tokens keeps no neighbour from refreshing a real one.
func TestWritesAreLimited(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.Writes = 0.5 }) // a burst of 15 for an account, of 240 for an address
	ann, bea := w.join("ann"), w.join("bea")
	room := "/v1/rooms/" + string(rid(w.own(ann, "anns")))
	changes := []call{
		{method: "PATCH", path: "/v1/channels/anns", body: `{"title":"Changed"}`},
		{method: "PATCH", path: room, body: `{"slow_mode_seconds":1}`},
		{method: "PUT", path: room + "/mutes/bea", body: `{"until_ms":4000000000000}`},
		{method: "DELETE", path: room + "/mutes/bea"},
		{method: "POST", path: "/v1/channels", body: `{"name":"again"}`},
	}
	done := 0
	var last answer
	for i := range 60 {
		c := changes[i%len(changes)]
		c.token, c.from = ann.token, fmt.Sprintf("203.%d.113.9:99", i)
		if last = w.do(c); last.status == http.StatusTooManyRequests {
			break
		}
		done++
	}
	last.want(t, http.StatusTooManyRequests, "rate_limited")
	if done < 10 || done > 16 || last.header.Get("Retry-After") != "1" {
		t.Errorf("%d changes are done, then %v", done, last.header)
	}
	if a := w.do(call{method: "GET", path: "/v1/me", token: ann.token}); a.status != http.StatusOK {
		t.Errorf("who may not change may not look: %d %s", a.status, a.body)
	}
	if a := w.do(call{method: "POST", path: "/v1/auth/logout-all", token: bea.token}); a.status != http.StatusOK {
		t.Errorf("another account at the same address: %d %s", a.status, a.body)
	}
	for range 300 {
		w.do(call{method: "POST", path: "/v1/auth/logout", body: `{"refresh_token":"nonsense"}`, from: "192.0.2.1:99"})
	}
	w.do(call{method: "POST", path: "/v1/auth/refresh", body: map[string]any{"refresh_token": bea.refresh}, from: "192.0.2.1:99"}).want(t, http.StatusOK, "")
}

// TestEveryWriteIsCounted finds an operation that is no read and is answered, however often it is asked for.
func TestEveryWriteIsCounted(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.Writes = 1e-6 }) // nobody may write
	token := w.mint(t)
	for line := range strings.Lines(api.Rights()) {
		name, method, path := strings.Fields(line)[0], strings.Fields(line)[1], strings.Fields(line)[2]
		switch {
		case method == http.MethodGet:
			continue
		case slices.Contains([]string{"register", "login", "refresh", "logout"}, name): // need no token
			continue
		}
		w.do(call{method: method, path: path, token: token}).want(t, http.StatusTooManyRequests, "rate_limited")
	}
}

// mint gives a token of nobody.
func (w *world) mint(t *testing.T) string {
	t.Helper()
	token, err := w.Tokens.Mint(auth.Identity{User: id.NewUser(w.now()), Session: id.NewSession(), Name: "nobody"}, w.now())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestALoginIsRefreshedNowAndThen: who does it without end is told to wait; tokens that somebody made up for
// the same login do not use it up.
func TestALoginIsRefreshedNowAndThen(t *testing.T) {
	w := newWorld(t, nil)
	p, other := w.join("ann"), w.join("bea")
	refresh := func(token string) answer {
		return w.do(call{method: "POST", path: "/v1/auth/refresh", body: map[string]any{"refresh_token": token}})
	}
	for range 100 {
		refresh(auth.FirstRefresh(p.session, auth.NewFamilyKey()).Reveal()).want(t, http.StatusUnauthorized, "token_invalid")
	}
	n := 0
	token := p.refresh
	for ; n < 100; n++ {
		a := refresh(token)
		if a.status != http.StatusOK {
			a.want(t, http.StatusTooManyRequests, "refreshed_often")
			if a.header.Get("Retry-After") != "2" {
				t.Errorf("come again in %q", a.header.Get("Retry-After"))
			}
			break
		}
		token = a.text("refresh_token")
	}
	if n < 20 || n > 25 {
		t.Errorf("%d refreshes in a row", n)
	}
	logout := func(token string) answer {
		return w.do(call{method: "POST", path: "/v1/auth/logout", body: map[string]any{"refresh_token": token}})
	}
	// Whoever has refreshed it without end, its owner is let out, and an older token is seen for what it is.
	logout(token).want(t, http.StatusNoContent, "")
	for token, thief := other.refresh, 0; thief < 22; thief++ {
		if a := refresh(token); a.status == http.StatusOK {
			token = a.text("refresh_token")
		}
	}
	refresh(other.refresh).want(t, http.StatusUnauthorized, "token_reused")
	other = w.join("cleo")
	next := refresh(other.refresh)
	next.want(t, http.StatusOK, "")
	ended := 0
	for ; ended < 100 && logout(next.text("refresh_token")).status == http.StatusNoContent; ended++ {
		continue
	}
	if ended < 10 || ended > 25 {
		t.Errorf("a login is ended %d times in a row", ended)
	}
}

// TestMadeUpLoginsWakeNobody: their tokens are refused, or their logout answered, without an actor.
func TestMadeUpLoginsWakeNobody(t *testing.T) {
	w := newWorld(t, nil)
	p := w.join("ann")
	awake := func() string {
		s := w.Node.Status()
		return fmt.Sprintf("%d sessions are awake and %d shards in use", s.Active["session"], len(s.Shards))
	}
	eventually(t, "the list of accounts hears of her", func() bool { return w.Node.Status().Active["account_list"] > 0 })
	before := awake()
	for range 50 {
		token := auth.FirstRefresh(id.NewSession(), auth.NewFamilyKey()).Reveal()
		body := map[string]any{"refresh_token": token}
		w.do(call{method: "POST", path: "/v1/auth/refresh", body: body}).want(t, http.StatusUnauthorized, "token_invalid")
		if a := w.do(call{method: "POST", path: "/v1/auth/logout", body: body}); a.status != http.StatusNoContent {
			t.Errorf("%d %s", a.status, a.body)
		}
		w.do(call{method: "DELETE", path: "/v1/me/sessions/" + string(id.NewSession()), token: p.token}).want(t, http.StatusNotFound, "no_session")
	}
	if after := awake(); after != before {
		t.Errorf("%s before, %s after", before, after)
	}
}
