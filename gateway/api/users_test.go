package api_test

import (
	"net/http"
	"testing"

	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
)

func TestAdministratorsChangeAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	boss, ann := w.join("boss", auth.Admin), w.join("ann")
	patch := func(by person, handle string, body any) answer {
		return w.do(call{method: "PATCH", path: "/v1/users/" + handle, token: by.token, body: body})
	}
	look := func(by person, handle string) answer {
		return w.do(call{method: "GET", path: "/v1/users/" + handle, token: by.token})
	}
	if a := patch(boss, "ANN", map[string]any{"roles": []string{"moderator"}}); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	look(ann, "boss").want(t, http.StatusUnauthorized, "token_outdated")
	ann = w.renew(ann)
	if a := look(ann, "boss"); a.status != http.StatusOK || a.json["disabled"] != false || a.text("handle") != "boss" {
		t.Errorf("the new moderator sees %d %s", a.status, a.body)
	}
	patch(ann, "boss", map[string]any{"disabled": true}).want(t, http.StatusForbidden, "not_allowed")
	patch(boss, "boss", map[string]any{"roles": []string{}}).want(t, http.StatusConflict, "own_account")
	patch(boss, "nobody", map[string]any{"disabled": true}).want(t, http.StatusNotFound, "no_account")
	patch(boss, "ann", map[string]any{"roles": []string{"king"}}).want(t, http.StatusUnprocessableEntity, "validation_failed")

	login := func() answer {
		return w.do(call{method: "POST", path: "/v1/auth/login", body: map[string]any{"handle": "ann", "password": "correct horse"}})
	}
	ch, _ := w.own(ann, "annlive")["id"].(string)
	_, key, err := w.Channels.MintKey(t.Context(), id.Channel(ch))
	if err != nil {
		t.Fatal(err)
	}
	stream := w.Publish(t, key.Reveal())
	if a := patch(boss, "ann", map[string]any{"disabled": true}); a.status != http.StatusOK || a.json["disabled"] != true {
		t.Fatalf("%d %s", a.status, a.body)
	}
	login().want(t, http.StatusForbidden, "account_disabled")
	if <-stream.Done(); fault.CodeOf(stream.Err()) != "key_revoked" {
		t.Errorf("the broadcast ended with %v", stream.Err())
	}
	w.do(call{method: "GET", path: "/v1/me", token: ann.token}).want(t, http.StatusUnauthorized, "session_ended")
	if a := patch(boss, "ann", map[string]any{"disabled": false}); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := login(); a.status != http.StatusOK {
		t.Errorf("let in again: %d %s", a.status, a.body)
	}
}
