package session_test

import (
	"testing"

	"github.com/barrage-live/barrage/actors/channel/channeltest"
	"github.com/barrage-live/barrage/internal/fault"
)

// A refresh whose write has an unknown outcome may be tried again with the same token, and the family goes on.
func TestARefreshOfUnknownOutcomeMayBeTriedAgain(t *testing.T) {
	for name, how := range map[string]channeltest.Fault{"lost": channeltest.Lost, "unsure": channeltest.Unsure} {
		t.Run(name, func(t *testing.T) {
			store, disk := channeltest.NewFlaky(t)
			w := channeltest.New(t, channeltest.Config{Table: store})
			r := open(t, w, "42")
			disk.Fail("session", how)
			if _, err := w.Sessions.Refresh(t.Context(), r.Token.Reveal()); fault.KindOf(err) != fault.Unavailable {
				t.Errorf("got %v", err)
			}
			disk.Fail("", channeltest.None)
			refresh(t, w, refresh(t, w, r))
		})
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
	if closed := w.Sockets.Closed(); len(closed) != 0 {
		t.Errorf("closed %v", closed)
	}
	disk.Fail("", channeltest.None)
	if err := w.Sessions.Logout(t.Context(), r.Token.Reveal()); err != nil || len(w.Sockets.Closed()) != 1 {
		t.Errorf("afterwards: %v, closed %v", err, w.Sockets.Closed())
	}
}
