package edge

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/barrage-live/barrage/internal/caller"
)

// TestEveryFaceIsToldWhoCalls asks a face that trusts nobody itself: it goes by what the edge has read.
func TestEveryFaceIsToldWhoCalls(t *testing.T) {
	var got caller.Caller
	face := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = caller.Of(r, nil) })
	h := Public(Mux([]Mount{{"/", face}}), Trust{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, Allowance{}, slog.New(slog.DiscardHandler))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.RemoteAddr = "10.0.0.1:99"
	r.Header.Set("X-Forwarded-For", "203.0.113.9")
	r.Header.Set("X-Forwarded-Proto", "https")
	h.ServeHTTP(httptest.NewRecorder(), r)
	want := caller.Caller{Peer: netip.MustParseAddr("10.0.0.1"), Addr: netip.MustParseAddr("203.0.113.9"), TLS: true}
	if got != want {
		t.Errorf("told %+v, want %+v", got, want)
	}
}

// TestAProxyThatIsNotTrustedIsNamed sends X-Forwarded-For from outside of the trusted networks, whatever it
// asks for: the log names the peer, once.
func TestAProxyThatIsNotTrustedIsNamed(t *testing.T) {
	var log strings.Builder
	trust := Trust{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	h := Public(http.NotFoundHandler(), trust, Allowance{}, slog.New(slog.NewTextHandler(&log, nil)))
	ask := func(from, path string, header bool) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		r.RemoteAddr = from
		if header {
			r.Header.Set("X-Forwarded-For", "203.0.113.9")
		}
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	ask("10.1.2.3:99", "/ws", true)
	ask("192.168.7.6:99", "/ws", false)
	if log.Len() != 0 {
		t.Errorf("a trusted proxy, or a plain client, is complained of: %s", log.String())
	}
	ask("192.168.7.7:99", "/ws", true)
	ask("192.168.7.8:99", "/live/x", true)
	if said := strings.Count(log.String(), "name it in limits.proxies"); said != 1 || !strings.Contains(log.String(), "peer=192.168.7.7") {
		t.Errorf("the log says %d times %s", said, log.String())
	}
}
