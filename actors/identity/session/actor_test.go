package session_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/barrage-live/barrage/actors/identity/session"
	"github.com/barrage-live/barrage/actors/worldtest"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/id"
)

func open(t *testing.T, w *worldtest.World, user id.User) session.Rotation {
	t.Helper()
	r, err := w.Sessions.Open(t.Context(), user, 0, "a phone")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func refresh(t *testing.T, w *worldtest.World, r session.Rotation) session.Rotation {
	t.Helper()
	next, err := w.Sessions.Refresh(t.Context(), r.Token.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func TestRefreshFamily(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	r1 := open(t, w, "42")
	r2 := refresh(t, w, r1)
	if again := refresh(t, w, r1); again.Token != r2.Token || again.User != "42" {
		t.Errorf("a retry got another successor: %v, %v", again, r2)
	}
	r3 := refresh(t, w, r2)
	if _, err := w.Sessions.Refresh(t.Context(), r1.Token.Reveal()); !errors.Is(err, session.ErrReused) {
		t.Errorf("two generations old: %v", err)
	}
	if _, err := w.Sessions.Refresh(t.Context(), r3.Token.Reveal()); !errors.Is(err, auth.ErrSessionEnded) {
		t.Errorf("the newest of a dead family: %v", err)
	}
	if !slices.Contains(w.Sockets.Logins(), r1.Token.Session) {
		t.Error("the sockets stay open")
	}
}

func TestLateRetryEndsTheFamily(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{Session: session.Config{RetryWindow: time.Nanosecond}})
	r1 := open(t, w, "42")
	refresh(t, w, r1)
	if _, err := w.Sessions.Refresh(t.Context(), r1.Token.Reveal()); !errors.Is(err, session.ErrReused) {
		t.Errorf("got %v", err)
	}
}

func TestParallelRefreshesGetOneSuccessor(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	r := open(t, w, "42")
	for range 20 {
		var wg sync.WaitGroup
		got := make([]session.Rotation, 8)
		for i := range got {
			wg.Go(func() {
				var err error
				if got[i], err = w.Sessions.Refresh(t.Context(), r.Token.Reveal()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, g := range got {
			if g.Token != got[0].Token || g.Token == r.Token {
				t.Fatalf("successors %v and %v", g.Token, got[0].Token)
			}
		}
		r = got[0]
	}
}

func TestTheSuccessorSurvivesARestart(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	r1 := open(t, w, "42")
	r2 := refresh(t, w, r1)
	w.Kill()
	w = worldtest.New(t, worldtest.Config{Table: w.Table})
	if again := refresh(t, w, r1); again.Token != r2.Token {
		t.Error("the answer lost in the crash cannot be had again")
	}
	refresh(t, w, r2)
}

func TestGarbageDoesNothing(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	r := open(t, w, "42")
	forged := auth.FirstRefresh(r.Token.Session, auth.NewFamilyKey()).Reveal()
	stranger := auth.FirstRefresh(id.NewSession(), auth.NewFamilyKey()).Reveal()
	for name, token := range map[string]string{"forged": forged, "unknown session": stranger, "text": "x", "empty": ""} {
		if _, err := w.Sessions.Refresh(t.Context(), token); !errors.Is(err, auth.ErrTokenInvalid) {
			t.Errorf("refresh with %s: %v", name, err)
		}
		if err := w.Sessions.Logout(t.Context(), token); !errors.Is(err, auth.ErrTokenInvalid) {
			t.Errorf("logout with %s: %v", name, err)
		}
	}
	refresh(t, w, r)
}

func TestLogout(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	r := open(t, w, "42")
	for range 2 {
		if err := w.Sessions.Logout(t.Context(), r.Token.Reveal()); err != nil {
			t.Error(err)
		}
	}
	if _, err := w.Sessions.Get(t.Context(), r.Token.Session); !errors.Is(err, auth.ErrSessionEnded) {
		t.Errorf("got %v", err)
	}
	if closed := w.Sockets.Logins(); !slices.Equal(closed, []id.Session{r.Token.Session}) {
		t.Errorf("closed %v", closed)
	}
}

func TestListAndRevoke(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	ctx := t.Context()
	a, b, c := open(t, w, "42"), open(t, w, "42"), open(t, w, "42")
	foreign := open(t, w, "43")
	list, err := w.Sessions.List(ctx, "42")
	if err != nil || len(list) != 3 || list[0].Device != "a phone" {
		t.Fatalf("list: %+v, %v", list, err)
	}
	if err := w.Sessions.Revoke(ctx, "42", foreign.Token.Session); !errors.Is(err, auth.ErrSessionEnded) {
		t.Errorf("a foreign session: %v", err)
	}
	if err := w.Sessions.Revoke(ctx, "42", a.Token.Session); err != nil {
		t.Error(err)
	}
	if n, err := w.Sessions.RevokeAll(ctx, "42", b.Token.Session, 0); n != 1 || err != nil {
		t.Errorf("%d ended, %v", n, err)
	}
	if list, err := w.Sessions.List(ctx, "42"); err != nil || len(list) != 1 || list[0].Session != b.Token.Session {
		t.Errorf("list: %+v, %v", list, err)
	}
	for _, gone := range []session.Rotation{a, c} {
		if _, err := w.Sessions.Refresh(ctx, gone.Token.Reveal()); !errors.Is(err, auth.ErrSessionEnded) {
			t.Errorf("refresh: %v", err)
		}
	}
	refresh(t, w, foreign)
}

// TestAnOrderEndsWhatWasBefore: a login that was opened under the version that ends others is not one of
// them.
func TestAnOrderEndsWhatWasBefore(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	before, after := open(t, w, "42"), open(t, w, "42")
	later, err := w.Sessions.Open(t.Context(), "42", after.Logins+1, "")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := w.Sessions.RevokeAll(t.Context(), "42", after.Token.Session, later.Logins); n != 1 || err != nil {
		t.Errorf("%d ended, %v", n, err)
	}
	if _, err := w.Sessions.RevokeAll(t.Context(), "42", "", later.Logins); err != nil {
		t.Error(err)
	}
	for _, gone := range []session.Rotation{before, after} {
		if _, err := w.Sessions.Refresh(t.Context(), gone.Token.Reveal()); !errors.Is(err, auth.ErrSessionEnded) {
			t.Errorf("refresh: %v", err)
		}
	}
	refresh(t, w, later)
}

func TestTooManySessionsEndTheOldest(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{Session: session.Config{MaxPerUser: 3}})
	first := open(t, w, "42")
	for range 3 {
		open(t, w, "42")
	}
	list, err := w.Sessions.List(t.Context(), "42")
	if err != nil || len(list) != 3 {
		t.Fatalf("list: %+v, %v", list, err)
	}
	if _, err := w.Sessions.Refresh(t.Context(), first.Token.Reveal()); !errors.Is(err, auth.ErrSessionEnded) {
		t.Errorf("the oldest: %v", err)
	}
}
