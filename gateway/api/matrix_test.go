package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/auth"
)

// roles are the columns of the matrix. "other" is a streamer with a channel of their own.
var roles = []string{"guest", "viewer", "other", "owner", "moderator", "admin"}

// cells says, for every operation, what each role gets; the objects in the requests are the owner's.
var cells = map[string]struct {
	want [6]int // in the order of roles
	body string
}{
	"register":             {want: [6]int{201, 201, 201, 201, 201, 201}, body: `{"handle":"zoe","password":"correct horse"}`},
	"login":                {want: [6]int{200, 200, 200, 200, 200, 200}, body: `{"handle":"owner","password":"correct horse"}`},
	"refresh":              {want: [6]int{200, 200, 200, 200, 200, 200}, body: `{"refresh_token":"{refresh}"}`},
	"logout":               {want: [6]int{204, 204, 204, 204, 204, 204}, body: `{"refresh_token":"{refresh}"}`},
	"get-me":               {want: [6]int{401, 200, 200, 200, 200, 200}},
	"list-sessions":        {want: [6]int{401, 200, 200, 200, 200, 200}},
	"end-session":          {want: [6]int{401, 404, 404, 204, 404, 404}},
	"end-sessions":         {want: [6]int{401, 200, 200, 200, 200, 200}},
	"list-users":           {want: [6]int{401, 403, 403, 403, 200, 200}},
	"get-user":             {want: [6]int{401, 403, 403, 403, 200, 200}},
	"update-user":          {want: [6]int{401, 403, 403, 403, 403, 200}, body: `{"roles":["moderator"],"disabled":true}`},
	"list-channels":        {want: [6]int{200, 200, 200, 200, 200, 200}},
	"create-channel":       {want: [6]int{401, 201, 409, 409, 201, 201}, body: `{"name":"fresh","title":"Fresh"}`},
	"list-my-channels":     {want: [6]int{401, 200, 200, 200, 200, 200}},
	"get-channel":          {want: [6]int{200, 200, 200, 200, 200, 200}},
	"update-channel":       {want: [6]int{401, 403, 403, 200, 403, 200}, body: `{"title":"Changed"}`},
	"get-ingest":           {want: [6]int{401, 403, 403, 200, 200, 200}},
	"list-keys":            {want: [6]int{401, 403, 403, 200, 403, 200}},
	"create-key":           {want: [6]int{401, 403, 403, 201, 403, 201}},
	"revoke-key":           {want: [6]int{401, 403, 403, 204, 403, 204}},
	"list-broadcasts":      {want: [6]int{200, 200, 200, 200, 200, 200}},
	"get-broadcast":        {want: [6]int{200, 200, 200, 200, 200, 200}},
	"delete-broadcast":     {want: [6]int{401, 403, 403, 204, 403, 204}},
	"list-danmaku":         {want: [6]int{200, 200, 200, 200, 200, 200}},
	"list-danmaku-by-time": {want: [6]int{200, 200, 200, 200, 200, 200}},
	"update-room":          {want: [6]int{401, 403, 403, 200, 200, 200}, body: `{"slow_mode_seconds":5}`},
	"get-room":             {want: [6]int{200, 200, 200, 200, 200, 200}},
	"change-password":      {want: [6]int{401, 200, 200, 200, 200, 200}, body: `{"current":"correct horse","new":"battery staple"}`},
	"list-mutes":           {want: [6]int{401, 403, 403, 200, 200, 200}},
	"mute-user":            {want: [6]int{401, 403, 403, 200, 200, 200}, body: `{"until_ms":4102444800000}`},
	"unmute-user":          {want: [6]int{401, 403, 403, 204, 204, 204}},
	"list-errors":          {want: [6]int{200, 200, 200, 200, 200, 200}},
}

type declared struct {
	id, method, path string
	public           bool
}

// operations reads what the server declares, so that an operation nobody thought of fails the test.
func operations(t *testing.T, w *world) []declared {
	t.Helper()
	var spec struct {
		Paths map[string]map[string]struct {
			OperationID string                `json:"operationId"`
			Security    []map[string][]string `json:"security"`
		} `json:"paths"`
	}
	if err := json.Unmarshal([]byte(w.do(call{method: "GET", path: "/openapi.json"}).body), &spec); err != nil {
		t.Fatal(err)
	}
	var out []declared
	for path, methods := range spec.Paths {
		for method, op := range methods {
			out = append(out, declared{op.OperationID, strings.ToUpper(method), path, len(op.Security) == 0})
		}
	}
	if len(out) != len(cells) {
		t.Errorf("%d operations are declared, %d are in the matrix", len(out), len(cells))
	}
	return out
}

// stage is the owner's world with one of each role.
type stage struct {
	*world
	people  map[string]person
	replace *strings.Replacer
}

func newStage(t *testing.T) *stage {
	t.Helper()
	w := newWorld(t, nil)
	s := &stage{world: w, people: map[string]person{}}
	s.people["guest"] = person{}
	s.people["viewer"] = w.join("viewer1")
	s.people["other"] = w.join("other")
	s.people["owner"] = w.join("owner")
	s.people["moderator"] = w.join("watchman", auth.Moderator)
	s.people["admin"] = w.join("boss", auth.Admin)
	w.own(s.people["other"], "others")
	ch := w.own(s.people["owner"], "owners")
	owned, err := w.Channels.Owned(t.Context(), s.people["owner"].account.User)
	if err != nil {
		t.Fatal(err)
	}
	const recorded = "0123456789abcdef0123456789abcdef"
	w.Record(t, owned, recorded, time.Now(), 1, true)
	key := w.do(call{method: "POST", path: "/v1/channels/owners/keys", token: s.people["owner"].token})
	second := w.do(call{method: "POST", path: "/v1/auth/login", body: `{"handle":"owner","password":"correct horse"}`})
	session, _, _ := strings.Cut(second.text("refresh_token"), ".")
	s.replace = strings.NewReplacer(
		"{channel}", "owners", "{broadcast}", recorded, "{room}", fmt.Sprint(ch["room"]), "{key}", key.text("id"), "{session}", session,
		"{user}", "viewer1", "{refresh}", second.text("refresh_token"),
	)
	return s
}

func (s *stage) send(op declared, token string) answer {
	c := call{method: op.method, path: s.replace.Replace(op.path), token: token}
	if op.id == "list-channels" {
		c.path += "?live=true"
	}
	if body := cells[op.id].body; body != "" {
		c.body = s.replace.Replace(body)
	}
	return s.do(c)
}

func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	for _, op := range operations(t, newWorld(t, nil)) {
		for i, role := range roles {
			t.Run(op.id+"/"+role, func(t *testing.T) {
				t.Parallel()
				cell, known := cells[op.id]
				if !known {
					t.Fatal("nobody has said who may do this")
				}
				s := newStage(t)
				a := s.send(op, s.people[role].token)
				if a.status != cell.want[i] {
					t.Errorf("got %d %s, want %d", a.status, a.body, cell.want[i])
				}
				if a.status >= http.StatusBadRequest && (a.text("code") == "" || a.text("kind") == "") {
					t.Errorf("a refusal without kind or code: %s", a.body)
				}
			})
		}
	}
}

// Every operation that looks at a token refuses every kind of bad one, also those that guests may use.
func TestBadTokens(t *testing.T) {
	s := newStage(t)
	owner := s.people["owner"]
	other, err := auth.NewRing(s.now())
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := auth.NewTokens(auth.TokenConfig{}, other).Mint(owner.identity(), s.now())
	if err != nil {
		t.Fatal(err)
	}
	expired, err := s.Tokens.Mint(owner.identity(), s.now().Add(-1e12))
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(owner.token, ".")
	for name, c := range map[string]struct{ token, code string }{
		"alg none":          {"eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0." + parts[1] + ".", "token_invalid"},
		"signature cut off": {parts[0] + "." + parts[1] + ".", "token_invalid"},
		"another's key":     {foreign, "token_invalid"},
		"expired":           {expired, "token_expired"},
		"a refresh token":   {owner.refresh, "token_invalid"},
		"a megabyte":        {strings.Repeat("a", 1<<20), "token_invalid"},
		"dots":              {strings.Repeat(".", 1000), "token_invalid"},
		"nothing":           {" ", "token_invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, op := range operations(t, s.world) {
				if op.public {
					continue
				}
				s.send(op, c.token).want(t, http.StatusUnauthorized, c.code)
			}
		})
	}
	for _, header := range []string{"Basic b3duZXI6cHc=", "Bearer", owner.token, "bearer"} {
		a := s.do(call{method: "GET", path: "/v1/me", header: map[string]string{"Authorization": header}})
		a.want(t, http.StatusUnauthorized, "token_invalid")
		if a.header.Get("WWW-Authenticate") == "" {
			t.Error("no WWW-Authenticate")
		}
	}
}

// A right that was taken away is gone at once, and so is a token that says otherwise; one that was given is
// there.
func TestRightsAreOfNow(t *testing.T) {
	s := newStage(t)
	mute := declared{id: "mute-user", method: "PUT", path: "/v1/rooms/{room}/mutes/{user}"}
	viewer, moderator := s.people["viewer"], s.people["moderator"]
	if _, err := s.Accounts.GrantRole(t.Context(), viewer.account.User, auth.Moderator); err != nil {
		t.Fatal(err)
	}
	if a := s.send(mute, viewer.token); a.status != http.StatusOK {
		t.Errorf("a new moderator: %d %s", a.status, a.body)
	}
	if _, err := s.Accounts.SetRoles(t.Context(), moderator.account.User, auth.NewRoles()); err != nil {
		t.Fatal(err)
	}
	s.send(mute, moderator.token).want(t, http.StatusUnauthorized, "token_outdated")
	moderator = s.renew(moderator)
	s.send(mute, moderator.token).want(t, http.StatusForbidden, "not_allowed")
	if who, err := s.Tokens.Verify(moderator.token); err != nil || who.Roles.Has(auth.Moderator) {
		t.Errorf("the new token has %v, %v", who.Roles, err)
	}
	if _, err := s.Accounts.SetDisabled(t.Context(), s.people["owner"].account.User, true); err != nil {
		t.Fatal(err)
	}
	s.send(mute, s.people["owner"].token).want(t, http.StatusUnauthorized, "session_ended")
	s.do(call{method: "POST", path: "/v1/auth/refresh", body: map[string]any{"refresh_token": s.people["owner"].refresh}}).
		want(t, http.StatusUnauthorized, "session_ended")
	s.do(call{method: "GET", path: "/v1/me", token: s.people["owner"].token}).want(t, http.StatusUnauthorized, "session_ended")
}
