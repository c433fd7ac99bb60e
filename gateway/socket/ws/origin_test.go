package ws

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestOrigins(t *testing.T) {
	site := Config{
		Public: "https://live.example.org/", Origins: []string{"https://friend.example", "http://dev.example:3000"},
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
	}
	for _, c := range []struct {
		name, origin, host string
		cfg                Config
		secure             bool // the request came over TLS
		peer, proto        string
		want               bool
	}{
		{name: "the host that was asked for", origin: "http://h", host: "h", want: true},
		{name: "its default port in words", origin: "http://h", host: "H:80", want: true},
		{name: "another port", origin: "http://h:8080", host: "h", want: false},
		{name: "over TLS", origin: "https://h:8443", host: "h:8443", secure: true, want: true},
		{name: "an http page of an https host", origin: "http://h:8443", host: "h:8443", secure: true, want: false},
		{name: "TLS that ended before a plain request", origin: "https://h", host: "h", want: true},
		{name: "an http page, TLS ended at a proxy that says so", origin: "http://h", host: "h", cfg: site, peer: "10.0.0.1:5", proto: "https", want: false},
		{name: "the same said by anybody", origin: "http://h", host: "h", cfg: site, peer: "192.0.2.1:5", proto: "https", want: true},
		{name: "a proxy that sends its own Host", origin: "https://live.example.org", host: "127.0.0.1:8080", cfg: site, want: true},
		{name: "public with its port in words", origin: "https://live.example.org:443", host: "127.0.0.1:8080", cfg: site, want: true},
		{name: "an http page of the public host", origin: "http://live.example.org", host: "live.example.org", cfg: site, want: false},
		{name: "a friend", origin: "https://friend.example", host: "h", cfg: site, want: true},
		{name: "an http page of a friend", origin: "http://friend.example", host: "h", cfg: site, want: false},
		{name: "a friend at a port", origin: "http://DEV.example:3000", host: "h", cfg: site, want: true},
		{name: "everybody cannot be named", origin: "https://evil.example", host: "h", cfg: Config{Origins: []string{"*"}}, want: false},
		{name: "IPv6", origin: "http://[::1]", host: "[::1]:80", want: true},
		{name: "a file", origin: "null", host: "h", want: false},
		{name: "an origin with a path", origin: "http://h/x", host: "h", want: false},
		{name: "an extension of a browser", origin: "moz-extension://h", host: "h", want: false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/ws", nil)
			r.Host = c.host
			r.Header.Set("Origin", c.origin)
			if c.peer != "" {
				r.RemoteAddr = c.peer
				r.Header.Set("X-Forwarded-Proto", c.proto)
			}
			if c.secure {
				r.TLS = &tls.ConnectionState{}
			}
			if got := newOrigins(c.cfg).allow(r); got != c.want {
				t.Errorf("allowed: %v", got)
			}
		})
	}
}

func TestRefusedOriginsAreLoggedOnceAMinute(t *testing.T) {
	var log bytes.Buffer
	c := complaints{log: slog.New(slog.NewTextHandler(&log, nil))}
	r := httptest.NewRequest(http.MethodGet, "/ws", nil)
	r.Host = "backend:8080"
	r.Header.Set("Origin", "https://live.example.org/"+strings.Repeat("x", 10_000))
	for i := range 1000 {
		c.tell(r, time.Duration(i)*complaintEvery/900)
	}
	if n := strings.Count(log.String(), "\n"); n != 2 || log.Len() > 2000 {
		t.Errorf("%d lines, %d bytes", n, log.Len())
	}
	for _, want := range []string{"origin=https://live.example.org/", "host=backend:8080", "refused=1\n", "refused=900\n", "level=WARN"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%q is missing in %s", want, log.String())
		}
	}
}

func TestCloseCodesAreBoundedLabels(t *testing.T) {
	m := NewMetrics(prometheus.NewRegistry())
	for code := 1000; code < 5000; code++ {
		m.ended(code)
	}
	if n := testutil.CollectAndCount(m.closed); n > 40 {
		t.Errorf("a client can make %d series", n)
	}
	for _, code := range []string{"1000", "1006", "4008", "4401", "4408"} {
		if testutil.ToFloat64(m.closed.WithLabelValues(code)) != 1 {
			t.Errorf("%s is not told", code)
		}
	}
}
