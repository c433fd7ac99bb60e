package api_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/barrage-live/barrage/gateway/api"
	"github.com/barrage-live/barrage/gateway/rest"
	"github.com/barrage-live/barrage/internal/logbound"
	"github.com/barrage-live/barrage/internal/quota"
)

func TestBadForms(t *testing.T) {
	w := newWorld(t, nil)
	p := w.join("ann")
	w.own(p, "anns")
	patch := func(body string) call {
		return call{method: "PATCH", path: "/v1/channels/anns", token: p.token, body: body}
	}
	typed := func(c call, contentType string) call {
		c.header = map[string]string{"Content-Type": contentType}
		return c
	}
	good := `{"title":"Changed"}`
	cases := []struct {
		name   string
		call   call
		status int
		code   string
	}{
		{"unknown member", patch(`{"title":"Changed","owner":"7"}`), 422, "validation_failed"},
		{"foreign id", patch(`{"title":"Changed","id":"7"}`), 422, "validation_failed"},
		{"roles", call{method: "POST", path: "/v1/auth/register", body: `{"handle":"bea","password":"correct horse","roles":["admin"]}`}, 422, "validation_failed"},
		{"member twice, in two cases", patch(`{"title":"a","Title":"Changed"}`), 400, "bad_request"},
		{"member twice, with a long s", patch(`{"state":"a","ſtate":"Changed"}`), 400, "bad_request"},
		{"member twice", patch(`{"title":"a","title":"Changed"}`), 400, "bad_request"},
		{"member twice, escaped", patch(`{"title":"a","t\u0069tle":"Changed"}`), 400, "bad_request"},
		{"member missing", patch(`{}`), 422, "validation_failed"},
		{"number for text", patch(`{"title":1}`), 422, "validation_failed"},
		{"null for text", patch(`{"title":null}`), 400, "bad_request"},
		{"array", patch(`["Changed"]`), 422, "validation_failed"},
		{"text", patch(`"Changed"`), 422, "validation_failed"},
		{"two values", patch(good + good), 400, "bad_request"},
		{"half", patch(`{"title":`), 400, "bad_request"},
		{"not JSON", patch(`title=Changed`), 400, "bad_request"},
		{"depth 1,000", patch(`{"title":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`), 400, "bad_request"},
		{"depth 17", patch(strings.Repeat("[", 17) + strings.Repeat("]", 17)), 400, "bad_request"},
		{"too many values", call{method: "POST", path: "/v1/auth/login", body: `{"handle":"ann","password":"x","x":[` + strings.Repeat("[],", 200) + `[]]}`}, 400, "bad_request"},
		{"4 KiB and a byte", patch(`{"title":"` + strings.Repeat("a", 4<<10+1-12) + `"}`), 413, "body_too_large"},
		{"4 KiB", patch(`{"title":"` + strings.Repeat("a", 4<<10-12) + `"}`), 422, "text_too_long"},
		{"a megabyte", patch(`{"title":"` + strings.Repeat("a", 1<<20) + `"}`), 413, "body_too_large"},
		{"form", typed(patch(good), "application/x-www-form-urlencoded"), 415, "unsupported_media_type"},
		{"plain text", typed(patch(good), "text/plain"), 415, "unsupported_media_type"},
		{"no type", typed(patch(good), ""), 415, "unsupported_media_type"},
		{"other charset", typed(patch(good), "application/json; charset=utf-7"), 415, "unsupported_media_type"},
		{"compressed", call{method: "PATCH", path: "/v1/channels/anns", token: p.token, body: good, header: map[string]string{"Content-Encoding": "gzip"}}, 415, "unsupported_encoding"},
		{"no body", call{method: "PATCH", path: "/v1/channels/anns", token: p.token}, 400, "bad_request"},
		{"unknown query", call{method: "GET", path: "/v1/channels?live=true&debug=1"}, 422, "validation_failed"},
		{"bad query", call{method: "GET", path: "/v1/channels?live=maybe"}, 422, "validation_failed"},
		{"no query", call{method: "GET", path: "/v1/channels"}, 422, "validation_failed"},
		{"not live", call{method: "GET", path: "/v1/channels?live=false"}, 422, "validation_failed"},
		{"no limit", call{method: "GET", path: "/v1/channels?live=true&limit=0"}, 422, "validation_failed"},
		{"another's cursor", call{method: "GET", path: "/v1/channels?live=true&cursor=%21"}, 422, "bad_cursor"},
		{"unknown address", call{method: "GET", path: "/v1/nothing"}, 404, "no_route"},
		{"path upwards", call{method: "GET", path: "/v1/channels/..%2f..%2fetc"}, 404, "no_channel"},
		{"case of the path", call{method: "POST", path: "/V1/Auth/Login", body: `{}`}, 404, "no_route"},
		{"method", call{method: "PUT", path: "/v1/me"}, 405, "method_not_allowed"},
		{"a get that changes", call{method: "GET", path: "/v1/auth/logout"}, 405, "method_not_allowed"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := w.do(c.call)
			a.want(t, c.status, c.code)
			if c.status == http.StatusMethodNotAllowed && a.header.Get("Allow") == "" {
				t.Error("no Allow")
			}
		})
	}
	for _, c := range []struct {
		call  call
		field string
	}{
		{patch(`{"title":1}`), "title"},
		{patch(`["Changed"]`), "body"},
		{call{method: "GET", path: "/v1/channels?live=true&limit=0"}, "limit"},
		{call{method: "GET", path: "/v1/channels?live=true&cursor=%21"}, "cursor"},
	} {
		if a := w.do(c.call); a.text("field") != c.field {
			t.Errorf("%s %s names the field %q, want %q", c.call.method, c.call.path, a.text("field"), c.field)
		}
	}
	var unknown strings.Builder
	for i := range 50 {
		fmt.Fprintf(&unknown, `,"x%d":0`, i)
	}
	if a := w.do(patch(`{"title":"Changed"` + unknown.String() + `}`)); a.status != 422 || strings.Count(a.body, `"message"`) != 16 {
		t.Errorf("50 faults are answered with %d of %d bytes: %s", a.status, len(a.body), a.body)
	}
	if ch := w.do(call{method: "GET", path: "/v1/channels/anns"}); ch.text("title") != "A title" {
		t.Errorf("the channel was changed: %s", ch.body)
	}
	if a := w.do(typed(patch(good), "application/json; charset=utf-8")); a.status != http.StatusOK {
		t.Errorf("the control: %d %s", a.status, a.body)
	}
}

// A body without length, as chunked uploads have it, is bounded by what was read.
func TestChunkedBodyIsBounded(t *testing.T) {
	w := newWorld(t, nil)
	srv := httptest.NewServer(w.handler)
	defer srv.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/v1/auth/login", &endless{n: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("got %d", res.StatusCode)
	}
}

// endless is n bytes of white space, which a careless reader would swallow.
type endless struct{ n int }

func (e *endless) Read(p []byte) (int, error) {
	if e.n <= 0 {
		return 0, fmt.Errorf("the server read everything")
	}
	n := min(len(p), e.n)
	for i := range n {
		p[i] = ' '
	}
	e.n -= n
	return n, nil
}

func TestTextStaysText(t *testing.T) {
	w := newWorld(t, nil)
	p := w.join("ann")
	w.own(p, "anns")
	for _, title := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `'; DROP TABLE channel; --`, `{{constructor.constructor('alert(1)')()}}`,
		`</title><svg/onload=alert(1)>`, `javascript:alert(1)`, `%s%n${7*7}`, `../../etc/passwd`, `<!--`, `弹幕 & "quotes" \ back`, "a\u00a0b", `]]>`,
	} {
		a := w.do(call{method: "PATCH", path: "/v1/channels/anns", token: p.token, body: map[string]any{"title": title}})
		if a.status != http.StatusOK || a.text("title") != title {
			t.Errorf("%q comes back as %d %s", title, a.status, a.body)
		}
		got := w.do(call{method: "GET", path: "/v1/channels/anns"})
		if got.text("title") != title || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("%q reads as %s, %v", title, got.body, got.header)
		}
	}
	for title, code := range map[string]string{"a\u202eb": "bad_text", "a\x00b": "bad_text", "": "bad_text", "  ": "bad_text", strings.Repeat("a", 121): "text_too_long"} {
		a := w.do(call{method: "PATCH", path: "/v1/channels/anns", token: p.token, body: map[string]any{"title": title}})
		a.want(t, http.StatusUnprocessableEntity, code)
		if a.text("field") != "title" {
			t.Errorf("names field %q", a.text("field"))
		}
	}
}

func TestCrossOrigin(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.Origins = []string{"https://studio.example.org"} })
	w.join("ann")
	login := w.do(call{method: "POST", path: "/v1/auth/login", body: map[string]any{"handle": "ann", "password": password, "cookie": true}})
	refresh := func(header map[string]string) answer {
		return w.do(call{method: "POST", path: "/v1/auth/refresh", cookie: login.cookie.Value, header: header})
	}
	for name, h := range map[string]map[string]string{
		"cross-site":              {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
		"same site, other origin": {"Sec-Fetch-Site": "same-site", "Origin": "https://evil.example.com"},
		"old browser":             {"Origin": "https://evil.example"},
		"null origin":             {"Origin": "null"},
		"suffix":                  {"Origin": "https://studio.example.org.evil.example"},
		"prefix":                  {"Origin": "https://evilstudio.example.org"},
		"other scheme":            {"Origin": "http://studio.example.org"},
		"other port":              {"Origin": "https://studio.example.org:8443"},
	} {
		t.Run(name, func(t *testing.T) {
			a := refresh(h)
			a.want(t, http.StatusForbidden, "cross_origin")
			if a.header.Get("Access-Control-Allow-Origin") != "" {
				t.Error("the origin is allowed to read")
			}
			get := w.do(call{method: "GET", path: "/v1/channels?live=true", header: h})
			if get.header.Get("Access-Control-Allow-Origin") != "" || !strings.Contains(get.header.Get("Vary"), "Origin") {
				t.Errorf("%v", get.header)
			}
		})
	}
	for name, h := range map[string]map[string]string{
		"our page": {"Sec-Fetch-Site": "same-origin", "Origin": "http://example.com"}, "our page, old browser": {"Origin": "http://example.com"},
		"no browser": {}, "allowed": {"Sec-Fetch-Site": "cross-site", "Origin": "https://studio.example.org"},
	} {
		if a := refresh(h); a.status != http.StatusOK {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	preflight := w.do(call{method: "OPTIONS", path: "/v1/channels", header: map[string]string{
		"Origin": "https://studio.example.org", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization",
	}})
	if preflight.status != http.StatusNoContent || preflight.header.Get("Access-Control-Allow-Origin") != "https://studio.example.org" ||
		preflight.header.Get("Access-Control-Allow-Credentials") != "true" {
		t.Errorf("%d %v", preflight.status, preflight.header)
	}
}

// TestHeaders looks at what the API says itself; the rest is the edge's, and looked at in the whole.
func TestHeaders(t *testing.T) {
	w := newWorld(t, nil)
	for _, path := range []string{"/v1/channels?live=true", "/v1/me", "/v1/nothing", "/openapi.json", "/.well-known/jwks.json"} {
		a := w.do(call{method: "GET", path: path})
		if got := a.header.Get("Cross-Origin-Resource-Policy"); got != "same-origin" {
			t.Errorf("%s: Cross-Origin-Resource-Policy is %q", path, got)
		}
		if public := strings.HasSuffix(path, ".json") || path == "/v1/channels?live=true"; public == (a.header.Get("Cache-Control") == "no-store") {
			t.Errorf("%s: Cache-Control %q", path, a.header.Get("Cache-Control"))
		}
	}
	jwks := w.do(call{method: "GET", path: "/.well-known/jwks.json"})
	if keys, _ := jwks.json["keys"].([]any); len(keys) != 1 || strings.Contains(jwks.body, `"d"`) {
		t.Errorf("%s", jwks.body)
	}
}

func TestTrustedProxies(t *testing.T) {
	w := newWorld(t, func(c *api.Config) {
		c.Proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		c.Logins = 1
	})
	through := func(peer, forwarded string) int {
		c := loginAs("ann", "wrong horse")
		c.from, c.header = peer, map[string]string{"X-Forwarded-For": forwarded, "X-Forwarded-Proto": "https"}
		return w.do(c).status
	}
	for _, c := range []struct {
		name, peer, forwarded string
		want                  int
	}{
		{"first caller", "10.0.0.1:9", "203.0.113.1", 401},
		{"same caller", "10.0.0.2:9", "203.0.113.1", 429},
		{"same caller, forged hop in front", "10.0.0.1:9", "198.51.100.99, 203.0.113.1", 429},
		{"same caller, two proxies", "10.0.0.1:9", "203.0.113.1, 10.9.9.9", 429},
		{"other caller", "10.0.0.1:9", "203.0.113.2", 401},
		{"a stranger claims to be a proxy", "198.51.100.1:9", "203.0.113.77", 401},
		{"the stranger claims another", "198.51.100.1:9", "203.0.113.78", 429},
		{"unreadable hop", "10.0.0.3:9", "unknown", 401},
	} {
		if got := through(c.peer, c.forwarded); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}

func TestTheLogHoldsNoSecrets(t *testing.T) {
	w := newWorld(t, nil)
	p := w.join("ann")
	w.own(p, "anns")
	key := w.do(call{method: "POST", path: "/v1/channels/anns/keys", token: p.token})
	w.do(call{method: "POST", path: "/v1/auth/refresh", body: map[string]any{"refresh_token": p.refresh}})
	w.do(call{method: "GET", path: "/v1/channels?live=true&token=" + p.token})
	bad := w.do(call{method: "POST", path: "/v1/auth/login", body: `{"handle":"ann","password":"my secret word","extra":1}`})
	w.do(call{method: "GET", path: "/v1/channels/a%0d%0ainjected"})
	logged := w.log.String()
	for name, secret := range map[string]string{
		"password": password, "access token": p.token, "refresh token": p.refresh, "stream key": key.text("stream_key"), "query": "token=", "body": "my secret word",
	} {
		if secret == "" || strings.Contains(logged, secret) {
			t.Errorf("the log shows the %s", name)
		}
	}
	if strings.Contains(bad.body, "my secret word") {
		t.Errorf("the refusal repeats the password: %s", bad.body)
	}
	for line := range strings.SplitSeq(strings.TrimSpace(logged), "\n") {
		if !strings.HasPrefix(line, "{") || !strings.HasSuffix(line, "}") {
			t.Errorf("a torn line: %q", line)
		}
	}
	families, err := w.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "route" && strings.Contains(l.GetValue(), "anns") {
					t.Errorf("%s has a label of the path: %s", f.GetName(), l.GetValue())
				}
			}
		}
	}
}

func TestConfigRefusals(t *testing.T) {
	for name, c := range map[string]rest.Config{
		"origin with path": {Origins: []string{"https://a.example/x"}}, "any origin": {Origins: []string{"*"}}, "null origin": {Origins: []string{"null"}},
		"public without scheme": {Public: "live.example.org"}, "public that is no page": {Public: "ftp://live.example.org"},
	} {
		if err := c.Validate(); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if err := (rest.Config{}).Validate(); err != nil {
		t.Error(err)
	}
}

// TestALongPathIsLoggedInPart asks for an address that is as long as a head may be.
func TestALongPathIsLoggedInPart(t *testing.T) {
	w := newWorld(t, nil)
	w.do(call{method: "POST", path: "/v1/" + strings.Repeat("x", 30_000)}).want(t, http.StatusNotFound, "no_route")
	if n := len(w.log.String()); n > 2000 {
		t.Errorf("%d bytes are logged", n)
	}
}

// TestRefusalsHideNothingThatWasDone has guests ask for what there is not, for what they may not, and for the
// end of logins that there never were; then somebody changes a room.
func TestRefusalsHideNothingThatWasDone(t *testing.T) {
	w := newWorldOf(t, func(d *api.Deps) {
		d.Log = slog.New(logbound.New(d.Log.Handler(), logbound.Config{Rate: quota.Rate{PerSecond: 1e-9, Burst: 5}, Apart: "route"}))
	})
	p := w.join("ann")
	room := "/v1/rooms/" + string(rid(w.own(p, "anns")))
	for range 20 {
		w.do(call{method: "POST", path: "/v1/nothing"})
		w.do(call{method: "PATCH", path: room, body: `{"slow_mode_seconds":5}`})
		w.do(call{method: "POST", path: "/v1/auth/logout", body: `{"refresh_token":"nonsense"}`})
	}
	if n := strings.Count(w.log.String(), "\n"); n > 30 {
		t.Errorf("%d lines are written of the flood", n)
	}
	if a := w.do(call{method: "PATCH", path: room, token: p.token, body: `{"slow_mode_seconds":5}`}); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if logged := w.log.String(); !strings.Contains(logged, `"method":"PATCH","route":"/v1/rooms/{room}","path":"`+room+`","status":200`) {
		t.Errorf("who changed the room is not in the log:\n%s", logged)
	}
}

// TestTheLargestBodiesThatAreUsedAreTaken however clients escape them.
func TestTheLargestBodiesThatAreUsedAreTaken(t *testing.T) {
	w := newWorld(t, nil)
	p := w.join("ann")
	w.own(p, "anns")
	title := call{method: "PATCH", path: "/v1/channels/anns", token: p.token, body: `{"title":"` + strings.Repeat(`\ud83c\udf89`, 120) + `"}`}
	w.do(title).want(t, http.StatusOK, "")
	long := strings.Repeat(`\u0061`, 256)
	change := call{method: "POST", path: "/v1/me/password", token: p.token, body: `{"current":"` + long + `","new":"` + long + `"}`}
	w.do(change).want(t, http.StatusForbidden, "wrong_password")
}

// TestBodiesCostTheAddressThatSendsThem: who has large ones read without end, for which no token is asked,
// is told to wait. Its neighbours' are small and cost nothing.
func TestBodiesCostTheAddressThatSendsThem(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.Reads = 7 }) // a burst of ten bodies of 4 KiB
	large := call{method: "POST", path: "/v1/auth/login", body: `{"x":"` + strings.Repeat("a", 4<<10-8) + `"}`, from: "192.0.2.1:99"}
	for i := range 10 {
		if a := w.do(large); a.status != http.StatusUnprocessableEntity {
			t.Fatalf("large body %d: %d %s", i, a.status, a.body)
		}
	}
	w.do(large).want(t, http.StatusTooManyRequests, "rate_limited")
	small := call{method: "POST", path: "/v1/auth/login", body: `{"handle":"nobody","password":"correct horse"}`, from: "192.0.2.1:99"}
	w.do(small).want(t, http.StatusUnauthorized, "bad_credentials")
	large.from = "198.51.100.1:99"
	w.do(large).want(t, http.StatusUnprocessableEntity, "validation_failed")
}
