package session_test

import (
	"errors"
	"testing"
	"time"

	"github.com/barrage-live/barrage/actors/channel/channeltest"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
)

// A refresh whose write has an unknown outcome may be tried again with the same token, and the family goes on.
func TestARefreshOfUnknownOutcomeMayBeTriedAgain(t *testing.T) {
	for name, x := range map[string]struct {
		how  channeltest.Fault
		kind fault.Kind
	}{"lost": {channeltest.Lost, fault.Unavailable}, "unsure": {channeltest.Unsure, fault.Timeout}} {
		t.Run(name, func(t *testing.T) {
			store, disk := channeltest.NewFlaky(t)
			w := channeltest.New(t, channeltest.Config{Table: store})
			r := open(t, w, "42")
			disk.Fail("session", x.how)
			if _, err := w.Sessions.Refresh(t.Context(), r.Token.Reveal()); fault.KindOf(err) != x.kind {
				t.Errorf("got %v", err)
			}
			disk.Fail("", channeltest.None)
			refresh(t, w, refresh(t, w, r))
		})
	}
}

// TestALogoutThatNobodyHearsOf: the session is ended, but its tokens are still taken, so the answer must not be that it is done.
func TestALogoutThatNobodyHearsOf(t *testing.T) {
	store, disk := channeltest.NewFlaky(t)
	w := channeltest.New(t, channeltest.Config{Table: store})
	r := open(t, w, "42")
	token, err := w.Tokens.Mint(auth.Identity{User: "42", Session: r.Token.Session}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	disk.Fail("revocation", channeltest.Lost)
	if err := w.Sessions.Logout(t.Context(), r.Token.Reveal()); fault.KindOf(err) != fault.Timeout {
		t.Errorf("got %v", err)
	}
	disk.Fail("", channeltest.None)
	if err := w.Sessions.Logout(t.Context(), r.Token.Reveal()); err != nil {
		t.Errorf("again: %v", err)
	}
	if _, err := w.Tokens.Verify(token); !errors.Is(err, auth.ErrSessionEnded) || len(w.Sockets.Logins()) != 1 {
		t.Errorf("its token: %v, sockets closed %v", err, w.Sockets.Logins())
	}
}

// A logout that was not stored is not claimed: the session lives and its sockets stay.
func TestALogoutThatWasLostIsRefused(t *testing.T) {
	store, disk := channeltest.NewFlaky(t)
	w := channeltest.New(t, channeltest.Config{Table: store})
	r := open(t, w, "42")
	disk.Fail("session", channeltest.Lost)
	if err := w.Sessions.Logout(t.Context(), r.Token.Reveal()); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("got %v", err)
	}
	if closed := w.Sockets.Logins(); len(closed) != 0 {
		t.Errorf("closed %v", closed)
	}
	disk.Fail("", channeltest.None)
	if err := w.Sessions.Logout(t.Context(), r.Token.Reveal()); err != nil || len(w.Sockets.Logins()) != 1 {
		t.Errorf("afterwards: %v, closed %v", err, w.Sockets.Logins())
	}
}
