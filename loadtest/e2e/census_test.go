package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// census is an administrator who makes accounts and changes them, and compares the list of all accounts,
// which is made of what accounts tell, with the accounts themselves.
type census struct {
	t        *testing.T
	s        *server // the first one; the later ones have its address
	password string
	token    string
	acked    *atomic.Int64
	members  map[string]*member // by handle, those whose registration was acknowledged
}

// member is an account and what the administrator knows of it.
type member struct {
	now   rights   // acknowledged last
	maybe []rights // later ones whose outcome is unknown
}

// mayBe tells whether an account may have the rights. Roles and the rest are two changes, of which one may
// have been done.
func (m *member) mayBe(r rights) bool {
	tried := append([]rights{m.now}, m.maybe...)
	return slices.ContainsFunc(tried, func(t rights) bool { return t.Moderator == r.Moderator }) &&
		slices.ContainsFunc(tried, func(t rights) bool { return t.Disabled == r.Disabled })
}

// rights are what an administrator changes of an account.
type rights struct {
	Moderator, Disabled bool
}

// listed is an account in the list, or by itself.
type listed struct {
	ID, Handle string
	Roles      []string
	Disabled   bool
}

func (l listed) rights() rights { return rights{slices.Contains(l.Roles, "moderator"), l.Disabled} }

// run makes accounts and changes the newest, until ctx ends.
func (c *census) run(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		handle := fmt.Sprintf("member%d", n)
		in := map[string]string{"handle": handle, "password": password}
		if c.s.call(ctx, http.MethodPost, "/v1/auth/register", "", in, nil, http.StatusCreated) != nil {
			pause(ctx, 50*time.Millisecond)
			continue
		}
		c.acked.Add(1)
		m := &member{}
		c.members[handle] = m
		for i := 0; i < 10 && ctx.Err() == nil; i++ {
			c.change(ctx, handle, m, rights{Moderator: i%2 == 1, Disabled: i%3 == 0})
		}
	}
}

// change gives an account other rights.
func (c *census) change(ctx context.Context, handle string, m *member, r rights) {
	roles := []string{"viewer"}
	if r.Moderator {
		roles = append(roles, "moderator")
	}
	in := map[string]any{"roles": roles, "disabled": r.Disabled}
	if err := c.s.call(ctx, http.MethodPatch, "/v1/users/"+handle, c.token, in, nil, http.StatusOK); err != nil {
		m.maybe = append(m.maybe, r)
		if strings.Contains(err.Error(), " 401 ") {
			c.login(ctx, c.s)
		}
		pause(ctx, 50*time.Millisecond)
		return
	}
	c.acked.Add(1)
	m.now, m.maybe = r, nil
}

// login renews the administrator's token.
func (c *census) login(ctx context.Context, s *server) {
	var reply struct {
		AccessToken string `json:"access_token"`
	}
	in := map[string]string{"handle": "root", "password": c.password}
	if s.call(ctx, http.MethodPost, "/v1/auth/login", "", in, &reply, http.StatusOK) == nil {
		c.token = reply.AccessToken
	}
}

// check reads the whole list and every account: each account is listed once, as it is, and nothing else is.
// It tells how many there are. acked are further handles whose registration was acknowledged.
func (c *census) check(s *server, acked []string) int {
	c.t.Helper()
	c.login(c.t.Context(), s)
	all := c.list(s)
	for handle, m := range c.members {
		if l, ok := all[handle]; !ok {
			c.t.Errorf("%s was made and is not listed", handle)
		} else if r := l.rights(); !m.mayBe(r) {
			c.t.Errorf("%s is listed with %+v, acknowledged last was %+v, unknown are %+v", handle, r, m.now, m.maybe)
		}
	}
	for _, handle := range acked {
		if _, ok := all[handle]; !ok {
			c.t.Errorf("%s was made and is not listed", handle)
		}
	}
	for handle, l := range all {
		var row listed
		if err := s.call(c.t.Context(), http.MethodGet, "/v1/users/"+l.ID, c.token, nil, &row, http.StatusOK); err != nil {
			c.t.Errorf("%s is listed, and by itself: %v", handle, err)
		} else if row.Handle != l.Handle || row.Disabled != l.Disabled || !slices.Equal(row.Roles, l.Roles) {
			c.t.Errorf("%s is listed as %+v and is %+v", handle, l, row)
		}
	}
	return len(all)
}

// list reads the list of accounts, page by page.
func (c *census) list(s *server) map[string]listed {
	c.t.Helper()
	all := map[string]listed{}
	for query := "?limit=100"; query != ""; {
		var page struct {
			Users []listed
			Next  string
		}
		if err := s.call(c.t.Context(), http.MethodGet, "/v1/users"+query, c.token, nil, &page, http.StatusOK); err != nil {
			c.t.Fatal(err)
		}
		for _, l := range page.Users {
			if _, twice := all[l.Handle]; twice {
				c.t.Errorf("%s is listed twice", l.Handle)
			}
			all[l.Handle] = l
		}
		if query = ""; page.Next != "" {
			query = "?limit=100&cursor=" + page.Next
		}
	}
	return all
}
