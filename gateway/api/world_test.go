package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/actors/identity/account"
	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/actors/worldtest"
	"github.com/barrage-live/barrage/gateway/api"
	"github.com/barrage-live/barrage/gateway/api/identity"
	"github.com/barrage-live/barrage/gateway/api/live"
	"github.com/barrage-live/barrage/gateway/rest"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/id"
)

const password = "correct horse"

// world is the API over real actors and the embedded engine.
type world struct {
	*worldtest.World
	t        *testing.T
	handler  http.Handler
	log      *logBuffer
	registry *prometheus.Registry
	limits   *counter
}

func newWorld(t *testing.T, change func(*api.Config)) *world {
	t.Helper()
	return newWorldOf(t, func(d *api.Deps) {
		if change != nil {
			change(&d.Config)
		}
	})
}

// newWorldOf is newWorld with other things to stand on.
func newWorldOf(t *testing.T, change func(*api.Deps)) *world {
	t.Helper()
	return newWorldOn(t, worldtest.Config{}, change)
}

// newWorldOn is newWorldOf over other actors.
func newWorldOn(t *testing.T, actors worldtest.Config, change func(*api.Deps)) *world {
	t.Helper()
	w := &world{World: worldtest.New(t, actors), t: t, log: &logBuffer{}, registry: prometheus.NewRegistry(), limits: &counter{}}
	deps := api.Deps{
		Config: api.Config{Config: rest.Config{Writes: 1e6}, Logins: 1000, Registrations: 1000}, Tokens: w.Tokens,
		Identity: identity.Ports{Accounts: w.Accounts, Members: w.Accounts, Directory: w.List, Sessions: w.Sessions, SessionViews: w.Sessions},
		Live: live.Ports{
			Accounts: w.Accounts, Channels: w.Channels, ChannelViews: w.Channels, StreamKeys: w.Channels, Broadcasts: w.Broadcasts, Rooms: w.Rooms, Mutes: w.Rooms,
			Audience: fixedAudience(7), TimeIndex: w.Timeline,
		},
		Limiter: w.limits, Log: slog.New(slog.NewJSONHandler(w.log, nil)), Metrics: rest.NewMetrics(w.registry),
	}
	change(&deps)
	var err error
	if w.handler, err = api.New(deps); err != nil {
		t.Fatal(err)
	}
	return w
}

type fixedAudience int

func (a fixedAudience) Info(context.Context, id.Room) (room.Info, error) {
	return room.Info{Online: int(a)}, nil
}

// counter is a limiter that counts exactly and never forgets.
type counter struct {
	mu     sync.Mutex
	counts map[string]int
	err    error
}

func (c *counter) Allow(_ context.Context, key string, limit int, window time.Duration) (bool, time.Duration, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[string]int{}
	}
	if c.err != nil || c.counts[key] >= limit {
		return false, window, c.err
	}
	c.counts[key]++
	return true, 0, nil
}

// use counts n events of a key.
func (c *counter) use(key string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[string]int{}
	}
	c.counts[key] += n
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// call is one request. A body that is a string is sent as it is, anything else as JSON.
type call struct {
	method, path string
	body         any
	token        string
	cookie       string
	from         string // address of the peer
	header       map[string]string
}

// answer is its response.
type answer struct {
	status int
	header http.Header
	body   string
	json   map[string]any
	cookie *http.Cookie
}

func (w *world) do(c call) answer {
	w.t.Helper()
	var body io.Reader
	switch b := c.body.(type) {
	case nil:
	case string:
		body = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			w.t.Fatal(err)
		}
		body = bytes.NewReader(raw)
	}
	r := httptest.NewRequestWithContext(w.t.Context(), c.method, c.path, body)
	r.RemoteAddr = "198.51.100.7:4242"
	if c.from != "" {
		r.RemoteAddr = c.from
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.cookie != "" {
		r.AddCookie(&http.Cookie{Name: "barrage_refresh", Value: c.cookie})
	}
	for k, v := range c.header {
		r.Header.Set(k, v)
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	a := answer{status: rec.Code, header: rec.Result().Header, body: rec.Body.String()}
	_ = json.Unmarshal(rec.Body.Bytes(), &a.json) // not every answer is JSON
	for _, k := range rec.Result().Cookies() {
		if k.Name == "barrage_refresh" {
			a.cookie = k
		}
	}
	return a
}

func (a answer) text(name string) string { s, _ := a.json[name].(string); return s }

func (a answer) want(t *testing.T, status int, code string) {
	t.Helper()
	if a.status != status || a.text("code") != code {
		t.Errorf("got %d %q (%s), want %d %q", a.status, a.text("code"), a.body, status, code)
	}
	if kept := a.header.Values("Cache-Control"); len(kept) != 1 {
		t.Errorf("Cache-Control says %q", kept)
	}
	if code != "" && a.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("a refusal of type %q", a.header.Get("Content-Type"))
	}
}

// person is a logged-in account.
type person struct {
	account        account.Account
	token, refresh string
	session        id.Session
}

// join makes an account with roles and logs it in.
func (w *world) join(handle string, roles ...auth.Role) person {
	w.t.Helper()
	a := w.do(call{method: "POST", path: "/v1/auth/register", body: map[string]any{"handle": handle, "password": password}})
	if a.status != http.StatusCreated {
		w.t.Fatalf("register %s: %d %s", handle, a.status, a.body)
	}
	acc, err := w.Accounts.ByHandle(w.t.Context(), handle)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(roles) > 0 {
		if acc, err = w.Accounts.SetRoles(w.t.Context(), acc.User, auth.NewRoles(roles...)); err != nil {
			w.t.Fatal(err)
		}
	}
	p := person{account: acc, token: a.text("access_token"), refresh: a.text("refresh_token")}
	session, _, _ := strings.Cut(p.refresh, ".")
	p.session = id.Session(session)
	if len(roles) > 0 { // the token has the roles from before
		p = w.renew(p)
	}
	return p
}

// renew exchanges the tokens of a person.
func (w *world) renew(p person) person {
	w.t.Helper()
	a := w.do(call{method: "POST", path: "/v1/auth/refresh", body: map[string]any{"refresh_token": p.refresh}})
	if a.status != http.StatusOK {
		w.t.Fatalf("refresh: %d %s", a.status, a.body)
	}
	p.token, p.refresh = a.text("access_token"), a.text("refresh_token")
	return p
}

// own makes a channel for the person.
func (w *world) own(p person, name string) map[string]any {
	w.t.Helper()
	a := w.do(call{method: "POST", path: "/v1/channels", token: p.token, body: map[string]any{"name": name, "title": "A title"}})
	if a.status != http.StatusCreated {
		w.t.Fatalf("channel %s: %d %s", name, a.status, a.body)
	}
	return a.json
}

func (w *world) now() time.Time { return time.Now() }

func (p person) identity() auth.Identity {
	return auth.Identity{User: p.account.User, Session: p.session, Name: p.account.Handle, Roles: p.account.Roles, RightsVersion: p.account.RightsVersion}
}

func rid(channel map[string]any) id.Room { s, _ := channel["room"].(string); return id.Room(s) }

// eventually asks until yes, at most 10 s.
func eventually(t *testing.T, what string, yes func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); !yes(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}
