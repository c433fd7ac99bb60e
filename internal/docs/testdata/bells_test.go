package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/auth"
)

// TestBells rings a bell over HTTP, as somebody who is logged in and as somebody who is not.
func TestBells(t *testing.T) {
	ctx := t.Context()
	p, err := openPlatform(ctx, Config{Data: t.TempDir(), Storage: Storage{Cache: 1 << 20}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.steps.undo(ctx, p.log); err != nil {
			t.Error(err)
		}
	}()
	if err := p.startActors(ctx, nobody{}); err != nil {
		t.Fatal(err)
	}
	face, err := p.programs()
	if err != nil {
		t.Fatal(err)
	}
	ann, err := p.accounts.Register(ctx, "ann", "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	login, err := p.sessions.Open(ctx, ann.User, ann.Logins, "")
	if err != nil {
		t.Fatal(err)
	}
	token, err := p.tokens.Mint(auth.Identity{User: ann.User, Session: login.Session, Name: ann.Handle, Roles: ann.Roles}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		token, want string
		status      int
	}{
		{"Bearer " + token, `"rings":1`, http.StatusOK},
		{"Bearer " + token, `"rings":2`, http.StatusOK},
		{"", "login_required", http.StatusUnauthorized},
	} {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/bells/front/rings", nil)
		if c.token != "" {
			r.Header.Set("Authorization", c.token)
		}
		w := httptest.NewRecorder()
		face.ServeHTTP(w, r)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%d %s, want %d and %s", w.Code, w.Body, c.status, c.want)
		}
	}
}
