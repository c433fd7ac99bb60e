package web

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/barrage-live/barrage/internal/caller"
)

var pages = fstest.MapFS{
	".keep":                   {Data: nil},
	"index.html":              {Data: []byte("<!doctype html><title>app</title>")},
	"index.html.gz":           {Data: []byte("gz-index")},
	"favicon.svg":             {Data: []byte("<svg/>")},
	"assets/app-abc123.js":    {Data: []byte("plain-js")},
	"assets/app-abc123.js.br": {Data: []byte("br-js")},
	"assets/app-abc123.js.gz": {Data: []byte("gz-js")},
}

func newHandler(t *testing.T, files fstest.MapFS) *Handler {
	t.Helper()
	h, err := New(files)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func ask(h http.Handler, method, path string, header ...string) *http.Response {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func text(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWhatAPathAnswers(t *testing.T) {
	const app = "<!doctype html><title>app</title>"
	h := newHandler(t, pages)
	for _, c := range []struct {
		name, path  string
		status      int
		body, cache string
	}{
		{"the start page", "/", 200, app, "no-cache"},
		{"a room", "/@some-channel", 200, app, "no-cache"},
		{"the studio", "/studio", 200, app, "no-cache"},
		{"a deep unknown page", "/a/b/c", 200, app, "no-cache"},
		{"the document by name", "/index.html", 200, app, "no-cache"},
		{"a dotted way around", "/x/../studio", 200, app, "no-cache"},
		{"a hashed asset", "/assets/app-abc123.js", 200, "plain-js", "public, max-age=31536000, immutable"},
		{"the icon", "/favicon.svg", 200, "<svg/>", "no-cache"},
		{"an asset of an older build", "/assets/app-old.js", 404, "", "no-store"},
		{"an unknown file", "/robots.txt", 404, "", "no-store"},
		{"a compressed copy by name", "/assets/app-abc123.js.br", 404, "", "no-store"},
		{"the placeholder", "/.keep", 404, "", "no-store"},
		{"a mistyped API address", "/v1/nothing", 404, "", "no-store"},
		{"a playlist of nobody", "/live/x/index.m3u8", 404, "", "no-store"},
		{"the socket without an upgrade", "/ws", 404, "", "no-store"},
		{"a description that is not mounted", "/openapi.json", 404, "", "no-store"},
		{"well-known", "/.well-known/x", 404, "", "no-store"},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := ask(h, http.MethodGet, c.path)
			if res.StatusCode != c.status || res.Header.Get("Cache-Control") != c.cache {
				t.Fatalf("got %d %q, want %d %q", res.StatusCode, res.Header.Get("Cache-Control"), c.status, c.cache)
			}
			body := text(t, res)
			if c.status == 200 && body != c.body {
				t.Fatalf("got body %q, want %q", body, c.body)
			}
			if c.status == 404 {
				checkProblem(t, res, body, "not_found", "no_route")
			}
		})
	}
}

func TestTheOldPathOfAChannelLeadsToTheNewOne(t *testing.T) {
	h := newHandler(t, pages)
	for path, want := range map[string]string{
		"/some-channel": "/@some-channel", "/ann?t=5&u=a%2Fb": "/@ann?t=5&u=a%2Fb", "/ann/": "/@ann", "//ann": "/@ann",
		"/@ann": "", "/studio": "", "/": "", "/ann/more": "", "/search": "", "/Ann": "", "/-ann": "", "/@": "", "/%5C%5Cann": "", "/a.b": "",
	} {
		res := ask(h, http.MethodGet, path)
		if got := res.Header.Get("Location"); got != want || (res.StatusCode == http.StatusPermanentRedirect) != (want != "") {
			t.Errorf("%s was answered %d %q, want %q", path, res.StatusCode, got, want)
		}
	}
}

func checkProblem(t *testing.T, res *http.Response, body, kind, code string) {
	t.Helper()
	var p struct{ Kind, Code string }
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatal(err)
	}
	if p.Kind != kind || p.Code != code || res.Header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("got %q as %q", body, res.Header.Get("Content-Type"))
	}
}

func TestEncodingIsNegotiated(t *testing.T) {
	h := newHandler(t, pages)
	for _, c := range []struct{ name, accept, encoding, body string }{
		{"none asked", "", "", "plain-js"},
		{"brotli before gzip", "gzip, deflate, br", "br", "br-js"},
		{"gzip only", "gzip", "gzip", "gz-js"},
		{"brotli refused", "br;q=0, gzip", "gzip", "gz-js"},
		{"brotli refused with decimals", "br; q=0.000, gzip;q=0.5", "gzip", "gz-js"},
		{"anything", "*", "br", "br-js"},
		{"anything but brotli", "*, br;q=0", "gzip", "gz-js"},
		{"identity", "identity", "", "plain-js"},
		{"upper case", "GZIP", "gzip", "gz-js"},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := ask(h, http.MethodGet, "/assets/app-abc123.js", "Accept-Encoding", c.accept)
			if got := res.Header.Get("Content-Encoding"); got != c.encoding {
				t.Fatalf("got encoding %q, want %q", got, c.encoding)
			}
			if got := text(t, res); got != c.body {
				t.Fatalf("got body %q, want %q", got, c.body)
			}
			if res.Header.Get("Vary") != "Accept-Encoding" || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/javascript") {
				t.Fatalf("got headers %v", res.Header)
			}
		})
	}
}

func TestUnchangedFilesAreNotSentAgain(t *testing.T) {
	h := newHandler(t, pages)
	tag := ask(h, http.MethodGet, "/").Header.Get("ETag")
	for _, c := range []struct {
		name, given string
		status      int
	}{
		{"the same", tag, 304},
		{"weak", "W/" + tag, 304},
		{"in a list", `"other", ` + tag, 304},
		{"any", "*", 304},
		{"another", `"other"`, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			if res := ask(h, http.MethodGet, "/", "If-None-Match", c.given); res.StatusCode != c.status {
				t.Fatalf("got %d, want %d", res.StatusCode, c.status)
			}
		})
	}
	if gz := ask(h, http.MethodGet, "/", "Accept-Encoding", "gzip").Header.Get("ETag"); gz == tag {
		t.Fatal("a compressed copy has the ETag of the plain one")
	}
}

func TestHeadHasHeadersAndNoBody(t *testing.T) {
	res := ask(newHandler(t, pages), http.MethodHead, "/favicon.svg")
	if got := text(t, res); res.StatusCode != http.StatusOK || got != "" || res.Header.Get("Content-Length") != "6" {
		t.Fatalf("got %d %q %v", res.StatusCode, got, res.Header)
	}
}

func TestOtherMethodsAreRefused(t *testing.T) {
	res := ask(newHandler(t, pages), http.MethodPost, "/")
	if res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != "GET, HEAD" {
		t.Fatalf("got %d %v", res.StatusCode, res.Header)
	}
	checkProblem(t, res, text(t, res), "invalid", "method_not_allowed")
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	h := newHandler(t, pages)
	for _, path := range []string{"/", "/assets/app-abc123.js", "/v1/nothing"} {
		header := ask(h, http.MethodGet, path).Header
		csp := header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: the policy lacks %q: %q", path, want, csp)
			}
		}
		if strings.Contains(csp, "unsafe") {
			t.Errorf("%s: the policy is unsafe: %q", path, csp)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "",
		} {
			if got := header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		if header.Get("Permissions-Policy") == "" {
			t.Errorf("%s: no Permissions-Policy", path)
		}
	}
}

func TestOverTLSThePageIsKeptApartFromItsOpener(t *testing.T) {
	header := ask(newHandler(t, pages), http.MethodGet, "https://example.com/").Header
	if got := header.Get("Cross-Origin-Opener-Policy"); got != "same-origin" {
		t.Fatalf("got %q", got)
	}
}

// TestBehindATLSProxyThePageIsKeptApartFromItsOpener: whether the browser speaks TLS is what the edge has
// noted, and what anybody says is not believed.
func TestBehindATLSProxyThePageIsKeptApartFromItsOpener(t *testing.T) {
	for remote, want := range map[string]string{"10.0.0.1:99": "same-origin", "192.0.2.1:99": ""} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.RemoteAddr = remote
		r.Header.Set("X-Forwarded-Proto", "https")
		_, r = caller.Note(r, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
		w := httptest.NewRecorder()
		newHandler(t, pages).ServeHTTP(w, r)
		if got := w.Header().Get("Cross-Origin-Opener-Policy"); got != want {
			t.Errorf("from %s: %q, want %q", remote, got, want)
		}
	}
}

func TestWithoutBuiltPagesTheStartPageSaysHow(t *testing.T) {
	h := newHandler(t, fstest.MapFS{".keep": {Data: nil}})
	if h.Built() {
		t.Fatal("an empty build counts as built")
	}
	res := ask(h, http.MethodGet, "/")
	if body := text(t, res); res.StatusCode != http.StatusOK || !strings.Contains(body, "make web") {
		t.Fatalf("got %d %q", res.StatusCode, body)
	}
}

func TestTheEmbeddedBuildIsWhole(t *testing.T) {
	files, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	h, err := New(files)
	if err != nil {
		t.Fatal(err)
	}
	body := text(t, ask(h, http.MethodGet, "/"))
	if !h.Built() {
		if !strings.Contains(body, "make web") {
			t.Fatalf("got %q", body)
		}
		return
	}
	if strings.Contains(body, "<style") || strings.Contains(body, " style=") || strings.Contains(body, "<script>") {
		t.Fatalf("the document holds inline code, which its policy forbids: %q", body)
	}
	for part := range strings.SplitSeq(body, `"`) {
		if strings.HasPrefix(part, "/") && ask(h, http.MethodGet, part).StatusCode != http.StatusOK {
			t.Errorf("the document names %q, which is not there", part)
		}
	}
}
