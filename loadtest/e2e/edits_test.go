package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// editors is how many edit at the same time, each a channel of their own.
const editors = 8

// TestAckedEditsSurviveKill kills the server without warning, again and again, while accounts and channels
// are made, titles and rights are changed and keys are minted and revoked. Whatever was acknowledged is
// there afterwards, once, and nothing is half there: neither an account that the list of accounts lacks,
// which is made of events, nor an event of what is not so.
//
// BARRAGE_EDIT_KILLS sets how often (default 10).
func TestAckedEditsSurviveKill(t *testing.T) {
	kills := 10
	if v, err := strconv.Atoi(os.Getenv("BARRAGE_EDIT_KILLS")); err == nil {
		kills = v
	}
	data := filepath.Join(t.TempDir(), "data")
	root := command(t, nil, "admin", "create", "root", "--data", data)
	_, rootPassword, ok := strings.Cut(root.out, "password")
	if !ok {
		t.Fatalf("admin create: %+v", root)
	}
	s := start(t, data, "--limits.http", "100000", "--limits.writes", "100000", "--limits.registrations", "100000", "--limits.logins", "100000")
	args := []string{"--limits.http", "100000", "--limits.writes", "100000", "--limits.registrations", "100000", "--limits.logins", "100000", "--http", s.addrs["http"]}
	var acked atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	all := make([]*editor, editors)
	var running sync.WaitGroup
	for i := range all {
		all[i] = &editor{t: t, s: s, acked: &acked, index: i}
		running.Go(func() { all[i].run(ctx) })
	}
	c := &census{t: t, s: s, password: strings.TrimSpace(rootPassword), acked: &acked, members: map[string]*member{}}
	c.login(ctx, s)
	c.list(s) // which makes it, out of the accounts: from now on it lives by what they tell
	running.Go(func() { c.run(ctx) })
	for i := range kills {
		await(t, "edits between two kills", 60*time.Second, func() bool { return acked.Load() >= int64(i+1)*40 })
		rest := time.NewTimer(time.Duration(rand.IntN(200)) * time.Millisecond)
		<-rest.C
		s.kill()
		s = start(t, s.data, args...)
	}
	stop()
	running.Wait()
	var handles []string
	for _, e := range all {
		e.check(s)
		for _, ch := range e.channels {
			handles = append(handles, ch.name)
		}
	}
	accounts := c.check(s, handles)
	t.Logf("%d kills, %d edits acknowledged, %d channels, %d accounts", kills, acked.Load(), len(handles), accounts)
}

// editor makes accounts with a channel each, and edits the newest.
type editor struct {
	t        *testing.T
	s        *server // the first one; the later ones have its address
	acked    *atomic.Int64
	index    int
	channels []*edited
}

// edited is a channel and what its owner knows of it.
type edited struct {
	name, token string
	title       string          // acknowledged last
	maybe       map[string]bool // later titles whose outcome is unknown
	keys        map[string]bool // ids that were acknowledged and not revoked
	revoked     map[string]bool
	doubtful    map[string]bool // ids whose revocation has an unknown outcome
	lost        int             // mints of unknown outcome
}

func (e *editor) run(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		c := e.found(ctx, fmt.Sprintf("editor%d-%d", e.index, n))
		if c == nil {
			continue
		}
		e.channels = append(e.channels, c)
		for i := 0; i < 30 && ctx.Err() == nil; i++ {
			if i%5 == 4 {
				e.mint(ctx, c)
			} else {
				e.rename(ctx, c, fmt.Sprintf("title %d of %s", i, c.name))
			}
		}
	}
}

// found registers and makes a channel; nil if the outcome of either is not known.
func (e *editor) found(ctx context.Context, name string) *edited {
	var reply struct {
		AccessToken string `json:"access_token"`
	}
	in := map[string]string{"handle": name, "password": password}
	if e.s.call(ctx, http.MethodPost, "/v1/auth/register", "", in, &reply, http.StatusCreated) != nil {
		pause(ctx, 50*time.Millisecond)
		return nil
	}
	e.acked.Add(1)
	c := &edited{name: name, token: reply.AccessToken, title: "new", maybe: map[string]bool{}}
	c.keys, c.revoked, c.doubtful = map[string]bool{}, map[string]bool{}, map[string]bool{}
	in = map[string]string{"name": name, "title": "new"}
	for ctx.Err() == nil { // the same owner may try again, whatever became of the first
		err := e.s.call(ctx, http.MethodPost, "/v1/channels", c.token, in, nil, http.StatusCreated)
		if err == nil || strings.Contains(err.Error(), "channel_exists") {
			e.acked.Add(1)
			return c
		}
		pause(ctx, 100*time.Millisecond)
	}
	return nil
}

func (e *editor) rename(ctx context.Context, c *edited, title string) {
	err := e.s.call(ctx, http.MethodPatch, "/v1/channels/"+c.name, c.token, map[string]string{"title": title}, nil, http.StatusOK)
	if err != nil {
		c.maybe[title] = true
		pause(ctx, 50*time.Millisecond)
		return
	}
	e.acked.Add(1)
	c.title, c.maybe = title, map[string]bool{}
}

// mint makes a key and revokes the one before.
func (e *editor) mint(ctx context.Context, c *edited) {
	var key struct{ ID string }
	path := "/v1/channels/" + c.name + "/keys"
	if err := e.s.call(ctx, http.MethodPost, path, c.token, struct{}{}, &key, http.StatusCreated); err != nil {
		c.lost++
		return
	}
	e.acked.Add(1)
	for old := range c.keys {
		if e.s.call(ctx, http.MethodDelete, path+"/"+old, c.token, nil, nil, http.StatusNoContent) == nil {
			e.acked.Add(1)
			c.revoked[old] = true
		} else {
			c.doubtful[old] = true
		}
		delete(c.keys, old)
	}
	c.keys[key.ID] = true
}

// check holds what the server has to what was acknowledged.
func (e *editor) check(s *server) {
	for _, c := range e.channels {
		var ch struct{ Title string }
		if err := s.call(e.t.Context(), http.MethodGet, "/v1/channels/"+c.name, "", nil, &ch, http.StatusOK); err != nil {
			e.t.Errorf("%s: %v", c.name, err)
			continue
		}
		if ch.Title != c.title && !c.maybe[ch.Title] {
			e.t.Errorf("%s is called %q, acknowledged last was %q, unknown are %v", c.name, ch.Title, c.title, c.maybe)
		}
		var login struct {
			AccessToken string `json:"access_token"`
		}
		in := map[string]string{"handle": c.name, "password": password}
		if err := s.call(e.t.Context(), http.MethodPost, "/v1/auth/login", "", in, &login, http.StatusOK); err != nil {
			e.t.Errorf("%s: login: %v", c.name, err)
			continue
		}
		e.checkKeys(s, c, login.AccessToken)
	}
}

func (e *editor) checkKeys(s *server, c *edited, token string) {
	var list struct {
		Keys []struct {
			ID      string
			Revoked bool
		}
	}
	if err := s.call(e.t.Context(), http.MethodGet, "/v1/channels/"+c.name+"/keys", token, nil, &list, http.StatusOK); err != nil {
		e.t.Errorf("%s: keys: %v", c.name, err)
		return
	}
	valid, others := map[string]bool{}, 0
	for _, k := range list.Keys {
		switch {
		case k.Revoked:
		case c.revoked[k.ID]:
			e.t.Errorf("%s: the key %s was revoked and is valid", c.name, k.ID)
		case !c.keys[k.ID] && !c.doubtful[k.ID]:
			others++
		}
		valid[k.ID] = !k.Revoked
	}
	for key := range c.keys {
		if !valid[key] {
			e.t.Errorf("%s: the key %s was acknowledged and is gone", c.name, key)
		}
	}
	if others > c.lost {
		e.t.Errorf("%s has %d keys that were never made, at most %d are of unknown outcome: %v", c.name, others, c.lost, list.Keys)
	}
}
