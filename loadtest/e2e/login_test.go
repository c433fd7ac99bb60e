package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wireclient"
)

// TestLogoutReachesSockets logs out over HTTP: the sockets of the login close, and its access token, though
// not expired, opens no other.
func TestLogoutReachesSockets(t *testing.T) {
	s := start(t, t.TempDir())
	st := s.streamer(t, "leaver")
	var login struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
	}
	in := map[string]string{"handle": "leaver", "password": password}
	if err := s.call(t.Context(), http.MethodPost, "/v1/auth/login", "", in, &login, http.StatusOK); err != nil {
		t.Fatal(err)
	}
	stays := s.viewer(t, st) // of the login that registering began
	st.Token = login.AccessToken
	open := s.viewer(t, st)
	out := map[string]string{"refresh_token": login.RefreshToken}
	if err := s.call(t.Context(), http.MethodPost, "/v1/auth/logout", "", out, nil, http.StatusNoContent); err != nil {
		t.Fatal(err)
	}
	select {
	case <-open.Done():
	case <-time.After(10 * time.Second):
		t.Error("the socket of the ended login stays open")
	}
	late, err := wireclient.Dial(t.Context(), wireclient.Config{URL: s.ws(), Encoding: wire.JSON})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(late.Close)
	if _, err := late.Auth(t.Context(), st.Token); fault.CodeOf(err) != "session_ended" {
		t.Errorf("a new socket with the token of an ended login: %v", err)
	}
	if _, err := late.Ping(t.Context()); err != nil {
		t.Errorf("it may stay as a guest: %v", err)
	}
	if _, err := stays.Ping(t.Context()); err != nil {
		t.Errorf("another login of the user: %v", err)
	}
}
