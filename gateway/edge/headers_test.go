package edge

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

// TestEveryAnswerSaysWhatBrowsersMayDo looks at answers of a handler and of the table itself.
func TestEveryAnswerSaysWhatBrowsersMayDo(t *testing.T) {
	own := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'")
		_, _ = io.WriteString(w, "page")
	})
	h := Public(Mux([]Mount{{"GET /page/", own}}), Trust{}, Allowance{}, slog.New(slog.DiscardHandler))
	for _, c := range []struct {
		name, method, path string
		status             int
		policy             string
	}{
		{"a page", http.MethodGet, "/page/", http.StatusOK, "default-src 'self'"},
		{"a redirect", http.MethodGet, "/page", http.StatusTemporaryRedirect, ""},
		{"nothing there", http.MethodGet, "/else", http.StatusNotFound, ""},
		{"another method", http.MethodPost, "/page/", http.StatusMethodNotAllowed, ""},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), c.method, c.path, nil))
		if w.Code != c.status {
			t.Errorf("%s: %d, want %d", c.name, w.Code, c.status)
		}
		if c.policy == "" {
			c.policy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
		}
		for name, want := range map[string]string{
			"Content-Security-Policy": c.policy, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", c.name, name, got, want)
			}
		}
	}
}

// TestBrowsersThatSpeakTLSAreToldToStayWithIt knows TLS by the connection, by a trusted proxy, and by the
// address of the service.
func TestBrowsersThatSpeakTLSAreToldToStayWithIt(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, c := range []struct {
		name  string
		trust Trust
		from  string
		tls   bool
		proto string
		want  bool
	}{
		{"in the clear", Trust{}, "198.51.100.7:1", false, "", false},
		{"over TLS", Trust{}, "198.51.100.7:1", true, "", true},
		{"a service that is https", Trust{Public: "https://live.example.org"}, "198.51.100.7:1", false, "", true},
		{"a service that is http", Trust{Public: "http://live.example.org"}, "198.51.100.7:1", false, "", false},
		{"a proxy that speaks TLS", Trust{Proxies: proxies}, "10.0.0.1:1", false, "HTTPS", true},
		{"a proxy that does not", Trust{Proxies: proxies}, "10.0.0.1:1", false, "http", false},
		{"somebody who says so", Trust{Proxies: proxies}, "198.51.100.7:1", false, "https", false},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.RemoteAddr = c.from
		if c.tls {
			r.TLS = &tls.ConnectionState{}
		}
		if c.proto != "" {
			r.Header.Set("X-Forwarded-Proto", c.proto)
		}
		w := httptest.NewRecorder()
		Public(http.NotFoundHandler(), c.trust, Allowance{}, slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
		if got := w.Header().Get("Strict-Transport-Security") != ""; got != c.want {
			t.Errorf("%s: told %v, want %v", c.name, got, c.want)
		}
	}
}
