package edge

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/barrage-live/barrage/internal/quota"
)

// TestAnAddressHasSoManyRequests asks until it is refused: nothing is answered beyond the burst, a network
// has four times that, and in IPv6 sixteen times; the neighbours notice nothing.
func TestAnAddressHasSoManyRequests(t *testing.T) {
	answered := 0
	face := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answered++; _, _ = io.WriteString(w, "page") })
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	var told strings.Builder
	log := slog.New(slog.NewTextHandler(&told, &slog.HandlerOptions{Level: slog.LevelDebug}))
	newFront := func() (http.Handler, *prometheus.CounterVec) {
		refused := NewRefused(prometheus.NewRegistry())
		return Public(Mux([]Mount{{"/", face}}), Trust{Proxies: proxies}, Allowance{
			Rate: quota.Rate{PerSecond: 1e-6, Burst: 10}, Costs: []Cost{{"/live/", 0.2}, {"/ws", 0}}, Refused: refused,
		}, log), refused
	}
	for _, c := range []struct {
		name, path string
		from       func(i int) string
		want       int // of 1,000
	}{
		{"an address", "/", func(int) string { return "192.0.2.1" }, 10},
		{"what there is not", "/nothing/here", func(int) string { return "192.0.2.1" }, 10},
		{"a path that is not clean", "//", func(int) string { return "192.0.2.1" }, 10},
		{"playback", "/live/ann/index.m3u8", func(int) string { return "192.0.2.1" }, 50},
		{"not playback", "/live", func(int) string { return "192.0.2.1" }, 10},
		{"sockets", "/ws", func(int) string { return "192.0.2.1" }, 1000},
		{"not sockets", "/wsx", func(int) string { return "192.0.2.1" }, 10},
		{"a network", "/", func(i int) string { return fmt.Sprintf("192.0.2.%d", i%250) }, 40},
		{"an IPv6 house", "/", func(i int) string { return fmt.Sprintf("2001:db8::%x", i) }, 10},
		{"an IPv6 /48", "/", func(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", i<<6) }, 160},
		{"a proxy that names nobody", "/", func(int) string { return "" }, 1000},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, refused := newFront()
			answered = 0
			told.Reset()
			ask := func(from string) *httptest.ResponseRecorder {
				r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
				r.URL.Path, r.RemoteAddr = c.path, "10.0.0.1:99"
				if from != "" {
					r.Header.Set("X-Forwarded-For", from)
				}
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				return w
			}
			passed := 0
			for i := range 1000 {
				w := ask(c.from(i))
				if w.Code != http.StatusTooManyRequests {
					passed++
					continue
				}
				if w.Header().Get("Retry-After") != "1" || w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get("X-Frame-Options") != "DENY" ||
					w.Header().Get("Access-Control-Allow-Origin") != "*" || w.Header().Get("Access-Control-Expose-Headers") != "Retry-After" {
					t.Fatalf("refused with %v", w.Header())
				}
			}
			if passed != c.want || answered > c.want {
				t.Errorf("%d of 1,000 pass and %d are answered, want %d", passed, answered, c.want)
			}
			if n := int(testutil.ToFloat64(refused.WithLabelValues(errTooMany.Code))); n != 1000-c.want {
				t.Errorf("%d are counted as refused", n)
			}
			if n := strings.Count(told.String(), `msg="request refused" addr=`); n != 1000-c.want {
				t.Errorf("%d are named in the log", n)
			}
			if w := ask("203.0.113.1"); w.Code == http.StatusTooManyRequests {
				t.Errorf("a neighbour: %d", w.Code)
			}
		})
	}
}

func BenchmarkCounted(b *testing.B) {
	h := Public(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), Trust{}, Allowance{Rate: quota.Rate{PerSecond: 1e9, Burst: 1e9}}, slog.New(slog.DiscardHandler))
	w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/", nil)
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(w, r)
	}
}
