package caller

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestCaller(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	client, proxy, behind := netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("192.0.2.1")
	for _, c := range []struct {
		name, remote, forwarded, proto string
		tls                            bool
		want                           Caller
	}{
		{"direct", "198.51.100.7:5000", "", "", false, Caller{Peer: client, Addr: client}},
		{"direct over TLS", "198.51.100.7:5000", "", "", true, Caller{Peer: client, Addr: client, TLS: true}},
		{"forged headers", "198.51.100.7:5000", "192.0.2.1", "https", false, Caller{Peer: client, Addr: client, Claims: true}},
		{"behind a proxy", "10.0.0.1:5000", "192.0.2.1", "http", false, Caller{Peer: proxy, Addr: behind}},
		{"behind a proxy that speaks TLS", "10.0.0.1:5000", "192.0.2.1:40000", "HTTPS", false, Caller{Peer: proxy, Addr: behind, TLS: true}},
		{"a proxy's own request", "[::ffff:10.0.0.1]:5000", "", "", false, Caller{Peer: proxy, Addr: proxy}},
		{"no address", "pipe", "192.0.2.1", "https", false, Caller{Claims: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			r.RemoteAddr = c.remote
			for name, value := range map[string]string{"X-Forwarded-For": c.forwarded, "X-Forwarded-Proto": c.proto} {
				if value != "" {
					r.Header.Set(name, value)
				}
			}
			if c.tls {
				r.TLS = &tls.ConnectionState{}
			}
			if got := Of(r, trusted); got != c.want {
				t.Errorf("read %+v, want %+v", got, c.want)
			}
			noted, inner := Note(r, trusted)
			inner.RemoteAddr = "203.0.113.1:1" // what comes later does not change who it was
			if got := Of(inner, nil); noted != c.want || got != c.want {
				t.Errorf("noted %+v and %+v, want %+v", noted, got, c.want)
			}
		})
	}
}
