package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/actors/identity/account"
	"github.com/barrage-live/barrage/gateway/api"
)

func loginAs(handle, password string) call {
	return call{method: "POST", path: "/v1/auth/login", body: map[string]any{"handle": handle, "password": password}}
}

func TestRegisterLoginMe(t *testing.T) {
	w := newWorld(t, nil)
	a := w.do(call{method: "POST", path: "/v1/auth/register", body: `{"handle":"Ann","password":"correct horse"}`})
	if a.status != http.StatusCreated || a.text("access_token") == "" || a.text("refresh_token") == "" || a.json["expires_in"] != 900.0 || a.cookie != nil {
		t.Fatalf("%d %s", a.status, a.body)
	}
	me := w.do(call{method: "GET", path: "/v1/me", token: a.text("access_token")})
	if me.status != http.StatusOK || me.text("handle") != "Ann" || me.json["channel"] != nil || fmt.Sprint(me.json["roles"]) != "[viewer]" {
		t.Errorf("%d %s", me.status, me.body)
	}
	if a := w.do(loginAs("ANN", password)); a.status != http.StatusOK || a.json["user"].(map[string]any)["id"] != me.text("id") {
		t.Errorf("%d %s", a.status, a.body)
	}
	w.do(call{method: "POST", path: "/v1/auth/register", body: `{"handle":"aNN","password":"another horse"}`}).want(t, http.StatusConflict, "handle_taken")
	w.own(person{token: a.text("access_token")}, "anns")
	me = w.do(call{method: "GET", path: "/v1/me", token: a.text("access_token")})
	if ch, ok := me.json["channel"].(map[string]any); !ok || ch["name"] != "anns" || fmt.Sprint(me.json["roles"]) != "[streamer viewer]" {
		t.Errorf("%s", me.body)
	}
}

func TestBadCredentialsLookAlike(t *testing.T) {
	w := newWorld(t, nil)
	w.join("ann")
	var first string
	for _, c := range []call{loginAs("ann", "wrong horse"), loginAs("nobody", "wrong horse"), loginAs("no such <handle>", "x"), loginAs("", "")} {
		a := w.do(c)
		a.want(t, http.StatusUnauthorized, "bad_credentials")
		if first == "" {
			first = a.body
		}
		if a.body != first {
			t.Errorf("%s differs from %s", a.body, first)
		}
	}
}

func TestRefreshInTheBody(t *testing.T) {
	w := newWorld(t, nil)
	p := w.join("ann")
	refresh := func(token string) answer {
		return w.do(call{method: "POST", path: "/v1/auth/refresh", body: map[string]any{"refresh_token": token}})
	}
	a := refresh(p.refresh)
	if a.status != http.StatusOK || a.text("refresh_token") == p.refresh || a.cookie != nil {
		t.Fatalf("%d %s", a.status, a.body)
	}
	var wg sync.WaitGroup
	again := make([]answer, 6)
	for i := range again {
		wg.Go(func() { again[i] = refresh(p.refresh) })
	}
	wg.Wait()
	for _, g := range again {
		if g.text("refresh_token") != a.text("refresh_token") {
			t.Errorf("a retry gets %d %s", g.status, g.body)
		}
	}
	third := refresh(a.text("refresh_token"))
	refresh(p.refresh).want(t, http.StatusUnauthorized, "token_reused")
	refresh(third.text("refresh_token")).want(t, http.StatusUnauthorized, "session_ended")
	if !slices.Contains(w.Sockets.Logins(), p.session) {
		t.Error("the sockets stay open")
	}
	w.do(call{method: "GET", path: "/v1/me", token: third.text("access_token")}).want(t, http.StatusUnauthorized, "session_ended")
	refresh("nonsense").want(t, http.StatusUnauthorized, "token_invalid")
	refresh(p.token).want(t, http.StatusUnauthorized, "token_invalid")
	refresh("").want(t, http.StatusUnauthorized, "login_required")
	w.do(call{method: "POST", path: "/v1/auth/refresh"}).want(t, http.StatusUnauthorized, "login_required")
}

// TestARepeatedRefreshTellsNothingOfTheFirst: a thief who repeats what the owner's page has done gets the
// same cookie for the same time, or it would show when that page will ask again.
func TestARepeatedRefreshTellsNothingOfTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.join("ann")
		c := loginAs("ann", password)
		c.body = map[string]any{"handle": "ann", "password": password, "cookie": true}
		refresh := call{method: "POST", path: "/v1/auth/refresh", cookie: w.do(c).cookie.Value}
		first := w.do(refresh).cookie
		time.Sleep(20 * time.Second)
		again := w.do(refresh).cookie
		if first == nil || again == nil || again.Value != first.Value || again.MaxAge != first.MaxAge || again.MaxAge < 24*60*60 {
			t.Errorf("first %v, repeated %v", first, again)
		}
	})
}

func TestRefreshInTheCookie(t *testing.T) {
	w := newWorld(t, nil)
	w.join("ann")
	c := loginAs("ann", password)
	c.body = map[string]any{"handle": "ann", "password": password, "cookie": true}
	a := w.do(c)
	k := a.cookie
	if k == nil || a.text("refresh_token") != "" || !k.HttpOnly || k.SameSite != http.SameSiteStrictMode || k.Path != "/v1/auth" || k.Secure || k.MaxAge <= 0 {
		t.Fatalf("%+v %s", k, a.body)
	}
	next := w.do(call{method: "POST", path: "/v1/auth/refresh", cookie: k.Value, body: `{"cookie":true}`})
	if next.cookie == nil || next.cookie.Value == k.Value || next.text("refresh_token") != "" || next.text("access_token") == "" {
		t.Fatalf("%d %s", next.status, next.body)
	}
	bare := w.do(call{method: "POST", path: "/v1/auth/refresh", cookie: next.cookie.Value})
	if bare.cookie == nil {
		t.Fatalf("without a body: %d %s", bare.status, bare.body)
	}
	out := w.do(call{method: "POST", path: "/v1/auth/logout", cookie: bare.cookie.Value, body: `{"cookie":true}`})
	if out.status != http.StatusNoContent || out.cookie == nil || out.cookie.MaxAge >= 0 || out.cookie.Value != "" {
		t.Errorf("%d %+v", out.status, out.cookie)
	}
	w.do(call{method: "POST", path: "/v1/auth/refresh", cookie: bare.cookie.Value}).want(t, http.StatusUnauthorized, "session_ended")
	if out := w.do(call{method: "POST", path: "/v1/auth/logout", cookie: "nonsense"}); out.status != http.StatusNoContent {
		t.Errorf("a bad cookie cannot be dropped: %d", out.status)
	}
	w.do(call{method: "POST", path: "/v1/auth/logout"}).want(t, http.StatusUnauthorized, "login_required")
}

func TestTheCookieIsSecureBehindTLS(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.Public = "https://live.example.org/" })
	w.join("ann")
	a := w.do(call{method: "POST", path: "/v1/auth/login", body: map[string]any{"handle": "ann", "password": password, "cookie": true}})
	if a.cookie == nil || !a.cookie.Secure {
		t.Errorf("%+v", a.cookie)
	}
	ch := w.own(person{token: a.text("access_token")}, "anns")
	if ch["playlist_url"] != "https://live.example.org/live/anns/index.m3u8" {
		t.Errorf("playlist at %v", ch["playlist_url"])
	}
}

func TestSessionsOfAUser(t *testing.T) {
	w := newWorld(t, nil)
	p := w.join("ann")
	second := w.do(call{method: "POST", path: "/v1/auth/login", body: map[string]any{"handle": "ann", "password": password}, header: map[string]string{"User-Agent": "a phone"}})
	list := w.do(call{method: "GET", path: "/v1/me/sessions", token: p.token})
	got, _ := list.json["sessions"].([]any)
	if len(got) != 2 || !strings.Contains(list.body, `"device":"a phone"`) || strings.Count(list.body, `"current":true`) != 1 {
		t.Fatalf("%s", list.body)
	}
	all := w.do(call{method: "POST", path: "/v1/auth/logout-all", token: p.token})
	if all.status != http.StatusOK || all.json["ended"] != 1.0 {
		t.Errorf("%d %s", all.status, all.body)
	}
	w.do(call{method: "GET", path: "/v1/me", token: second.text("access_token")}).want(t, http.StatusUnauthorized, "session_ended")
	w.do(call{method: "DELETE", path: "/v1/me/sessions/" + string(p.session), token: p.token})
	w.do(call{method: "GET", path: "/v1/me", token: p.token}).want(t, http.StatusUnauthorized, "session_ended")
	w.do(call{method: "DELETE", path: "/v1/me/sessions/nonsense", token: w.join("bea").token}).want(t, http.StatusNotFound, "no_session")
}

func TestLoginLimits(t *testing.T) {
	t.Run("one account from one address", func(t *testing.T) {
		w := newWorld(t, func(c *api.Config) { c.Logins = 5 })
		w.join("ann")
		for range 5 {
			w.do(loginAs("ann", "wrong horse")).want(t, http.StatusUnauthorized, "bad_credentials")
		}
		// Spelling the handle otherwise, naming another hop, or walking within the /64 changes nothing.
		for name, c := range map[string]call{
			"again": loginAs("ann", password), "other case": loginAs("ANN", password), "full width": loginAs("ａｎｎ", password),
		} {
			c.header = map[string]string{"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9", "X-Real-IP": "203.0.113.9"}
			a := w.do(c)
			a.want(t, http.StatusTooManyRequests, "rate_limited")
			if a.header.Get("Retry-After") != "600" || a.json["retry_after_ms"] != 600000.0 {
				t.Errorf("%s: Retry-After %q", name, a.header.Get("Retry-After"))
			}
		}
		mapped := loginAs("ann", password)
		mapped.from = "[::ffff:198.51.100.7]:99"
		w.do(mapped).want(t, http.StatusTooManyRequests, "rate_limited")
		elsewhere := loginAs("ann", password)
		elsewhere.from = "203.0.113.9:99"
		if a := w.do(elsewhere); a.status != http.StatusOK {
			t.Errorf("the owner elsewhere: %d %s", a.status, a.body)
		}
	})
	t.Run("a name that only looks like it", func(t *testing.T) {
		w := newWorld(t, func(c *api.Config) { c.Logins = 5 })
		w.join("bob")
		for range 6 {
			w.do(loginAs("b0b", "wrong horse"))
		}
		if a := w.do(loginAs("bob", password)); a.status != http.StatusOK {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
	t.Run("walking an IPv6 network", func(t *testing.T) {
		w := newWorld(t, func(c *api.Config) { c.Logins = 5 })
		for i := range 6 {
			c := loginAs("ann", "wrong horse")
			c.from = fmt.Sprintf("[2001:db8::%x]:99", i+1)
			if a := w.do(c); i == 5 {
				a.want(t, http.StatusTooManyRequests, "rate_limited")
			}
		}
	})
	t.Run("one password over many accounts", func(t *testing.T) {
		w := newWorld(t, func(c *api.Config) { c.Logins = 2 })
		for i := range 11 {
			if a := w.do(loginAs(fmt.Sprintf("user%d", i), "correct horse")); i == 10 {
				a.want(t, http.StatusTooManyRequests, "rate_limited")
			}
		}
	})
	t.Run("hammering from one address locks the account nowhere else", func(t *testing.T) {
		w := newWorld(t, func(c *api.Config) { c.Logins = 5 })
		w.join("ann")
		for range 200 {
			w.do(loginAs("ann", "wrong horse"))
		}
		elsewhere := loginAs("ann", password)
		elsewhere.from = "203.0.113.9:99"
		if a := w.do(elsewhere); a.status != http.StatusOK {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
	t.Run("registrations", func(t *testing.T) {
		w := newWorld(t, func(c *api.Config) { c.Registrations = 2 })
		w.join("ann")
		w.join("bea")
		w.do(call{method: "POST", path: "/v1/auth/register", body: `{"handle":"cat","password":"correct horse"}`}).want(t, http.StatusTooManyRequests, "rate_limited")
	})
	t.Run("counters that cannot be asked lock nobody out", func(t *testing.T) {
		w := newWorld(t, nil)
		w.limits.err = account.ErrNoAccount
		w.join("ann")
	})
}

// TestGuessingFromManyAddressesLocksOutStrangersOnly: where an account was logged in to before, its owner
// still gets in.
func TestGuessingFromManyAddressesLocksOutStrangersOnly(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.Logins = 5 })
	w.join("ann")
	at := func(from, password string) answer {
		c := loginAs("Ann", password)
		c.from = from + ":99"
		return w.do(c)
	}
	if a := at("203.0.113.9", password); a.status != http.StatusOK {
		t.Fatalf("at home: %d %s", a.status, a.body)
	}
	token := at("203.0.113.9", password).text("refresh_token")
	for place := range 20 { // a telephone on its way
		on := call{method: "POST", path: "/v1/auth/refresh", body: map[string]any{"refresh_token": token}}
		on.from = fmt.Sprintf("198.51.100.%d:99", 80+place)
		next := w.do(on)
		next.want(t, http.StatusOK, "")
		token = next.text("refresh_token")
	}
	for attacker := range 6 {
		for range 5 {
			at(fmt.Sprint("192.0.2.", attacker+1), "wrong horse")
		}
	}
	at("192.0.2.77", "wrong horse").want(t, http.StatusTooManyRequests, "rate_limited")
	if a := at("203.0.113.9", password); a.status != http.StatusOK {
		t.Errorf("at home, meanwhile: %d %s", a.status, a.body)
	}
	if a := at("198.51.100.99", password); a.status != http.StatusOK {
		t.Errorf("where a login went on, meanwhile: %d %s", a.status, a.body)
	}
	for range 4 {
		at("203.0.113.9", "wrong horse")
	}
	at("203.0.113.9", "wrong horse").want(t, http.StatusTooManyRequests, "rate_limited") // who is at home may not guess without end
}

// TestStrangersDelayTheOwnerOnly: while strangers guess, the owner gets in from a new address by trying
// again soon, and changes the password with a token from anywhere.
func TestStrangersDelayTheOwnerOnly(t *testing.T) { synctest.Test(t, strangersDelayTheOwnerOnly) }

func strangersDelayTheOwnerOnly(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.Logins = 5 })
	p := w.join("ann")
	at := func(from, password string) answer {
		c := loginAs("ann", password)
		c.from = from + ":99"
		return w.do(c)
	}
	for attacker := range 7 {
		for range 5 {
			at(fmt.Sprint("192.0.2.", attacker+1), "wrong horse")
		}
	}
	late := at("203.0.113.9", password)
	late.want(t, http.StatusTooManyRequests, "rate_limited")
	if late.header.Get("Retry-After") != "10" {
		t.Errorf("come again in %q", late.header.Get("Retry-After"))
	}
	change := w.do(call{
		method: "POST", path: "/v1/me/password", token: p.token, from: "203.0.113.10:99",
		body: map[string]any{"current": password, "new": "battery staple"},
	})
	if change.status != http.StatusOK {
		t.Errorf("a change of the password: %d %s", change.status, change.body)
	}
	time.Sleep(10 * time.Second)
	if a := at("203.0.113.9", "battery staple"); a.status != http.StatusOK {
		t.Errorf("the owner tried again: %d %s", a.status, a.body)
	}
}

// TestWhoPollsDoesNotWinEveryGuess has a whole /48 ask all the time for what strangers still have at an
// account: the owner gets in from a new address within a minute.
func TestWhoPollsDoesNotWinEveryGuess(t *testing.T) { synctest.Test(t, whoPollsDoesNotWinEveryGuess) }

func whoPollsDoesNotWinEveryGuess(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.Logins = 100_000 })
	w.join("ann")
	w.limits.use("login_account:ann", 500_000)
	house := 0
	poll := func() (n int) {
		for range 10 {
			house++
			c := loginAs("ann", "wrong horse")
			c.from = fmt.Sprintf("[2001:db8:0:%x::1]:99", house)
			if a := w.do(c); a.status == http.StatusUnauthorized {
				n++
			}
		}
		return n
	}
	guesses, in := 0, false
	for second := range 120 {
		guesses += poll()
		time.Sleep(time.Second)
		if second > 60 && second%7 == 0 && !in { // after they had the first minute for themselves
			c := loginAs("ann", password)
			c.from = "203.0.113.9:99"
			in = w.do(c).status == http.StatusOK
		}
	}
	if !in {
		t.Error("the owner did not get in")
	}
	if guesses != 3 {
		t.Errorf("the network had %d guesses in two minutes", guesses)
	}
}
