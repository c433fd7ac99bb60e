package api_test

import (
	"net/http"
	"slices"
	"strings"
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
	_, key, err := w.Channels.MintKey(t.Context(), id.Channel(ch), 0)
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

// TestTheListOfAccountsGoesByPages: who looks after the platform sees every account once, in the order of
// handles, however many pages it takes, as it is now.
func TestTheListOfAccountsGoesByPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	boss, ann := w.join("Boss", auth.Admin), w.join("ann")
	for _, handle := range []string{"Anton", "berta", "Zoë"} {
		w.join(handle)
	}
	list := func(by person, query string) answer {
		return w.do(call{method: "GET", path: "/v1/users" + query, token: by.token})
	}
	handles := func(a answer) (names []string) {
		users, _ := a.json["users"].([]any)
		for _, u := range users {
			name, _ := u.(map[string]any)["handle"].(string)
			names = append(names, name)
		}
		return names
	}
	list(ann, "").want(t, http.StatusForbidden, "not_allowed")
	list(person{}, "").want(t, http.StatusUnauthorized, "login_required")
	list(boss, "?cursor=no%20cursor").want(t, http.StatusUnprocessableEntity, "bad_cursor")
	// A list has what was answered a moment later.
	eventually(t, "all accounts are listed", func() bool { return len(handles(list(boss, ""))) == 5 })
	var seen []string
	for query, pages := "?limit=2", 0; query != ""; pages++ {
		a := list(boss, query)
		if a.status != http.StatusOK || pages > 3 {
			t.Fatalf("page %d: %d %s", pages, a.status, a.body)
		}
		seen = append(seen, handles(a)...)
		if query = a.text("next"); query != "" {
			query = "?limit=2&cursor=" + query
		}
	}
	if want := []string{"ann", "Anton", "berta", "Boss", "Zoë"}; !slices.Equal(seen, want) {
		t.Errorf("listed are %q, want %q", seen, want)
	}
	if got := handles(list(boss, "?prefix=AN")); !slices.Equal(got, []string{"ann", "Anton"}) {
		t.Errorf("those that begin with an are %q", got)
	}
	if got := handles(list(boss, "?prefix=nobody")); len(got) != 0 {
		t.Errorf("those that begin with nobody are %q", got)
	}
	w.do(call{method: "PATCH", path: "/v1/users/ann", token: boss.token, body: map[string]any{"disabled": true}})
	eventually(t, "the disabled account is listed as one", func() bool {
		return strings.Contains(list(boss, "?prefix=ann").body, `"disabled":true`)
	})
}
