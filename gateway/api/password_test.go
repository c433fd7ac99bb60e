package api_test

import (
	"net/http"
	"testing"

	"github.com/barrage-live/barrage/gateway/api"
)

func TestAChangedPassword(t *testing.T) {
	w := newWorld(t, nil)
	p := w.join("ann")
	other := w.do(loginAs("ann", password))
	change := func(current, next string) answer {
		return w.do(call{method: "POST", path: "/v1/me/password", token: p.token, body: map[string]any{"current": current, "new": next}})
	}
	change("wrong horse", "battery staple").want(t, http.StatusForbidden, "wrong_password")
	short := change(password, "short")
	short.want(t, http.StatusUnprocessableEntity, "password_short")
	if short.text("field") != "new" {
		t.Errorf("%s", short.body)
	}
	if a := w.do(loginAs("ann", password)); a.status != http.StatusOK {
		t.Fatalf("a refused change changed something: %s", a.body)
	}
	if a := change(password, "battery staple"); a.status != http.StatusOK || a.json["ended"] != 2.0 {
		t.Errorf("%d %s", a.status, a.body)
	}
	w.do(loginAs("ann", password)).want(t, http.StatusUnauthorized, "bad_credentials")
	if a := w.do(loginAs("ann", "battery staple")); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	w.do(call{method: "GET", path: "/v1/me", token: other.text("access_token")}).want(t, http.StatusUnauthorized, "session_ended")
	w.do(call{method: "POST", path: "/v1/auth/refresh", body: map[string]any{"refresh_token": other.text("refresh_token")}}).
		want(t, http.StatusUnauthorized, "session_ended")
	if a := w.do(call{method: "GET", path: "/v1/me", token: p.token}); a.status != http.StatusOK {
		t.Errorf("the login that changed it was ended: %s", a.body)
	}
}

// Who has a token must not guess the password faster than who has none.
func TestGuessesOfThePresentPasswordAreLimited(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.Logins = 3 })
	p := w.join("ann")
	guess := call{method: "POST", path: "/v1/me/password", token: p.token, body: `{"current":"wrong horse","new":"battery staple"}`}
	for range 2 {
		w.do(guess).want(t, http.StatusForbidden, "wrong_password")
	}
	w.do(loginAs("ann", "wrong horse")).want(t, http.StatusUnauthorized, "bad_credentials")
	a := w.do(guess)
	a.want(t, http.StatusTooManyRequests, "rate_limited")
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}
