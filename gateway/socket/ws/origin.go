package ws

import (
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/barrage-live/barrage/internal/caller"
)

// origins says whose pages may connect (RFC 6455 section 10.2): our own, those at Config.Public, and those
// of Config.Origins. Programs send no Origin.
type origins struct {
	allowed map[string]bool // as canonical writes them
	proxies []netip.Prefix
}

func newOrigins(cfg Config) origins {
	o := origins{allowed: map[string]bool{}, proxies: cfg.TrustedProxies}
	for _, named := range append([]string{cfg.Public}, cfg.Origins...) {
		if u, err := url.Parse(named); err == nil && u.Host != "" {
			o.allowed[canonical(u.Scheme, u.Host)] = true
		}
	}
	return o
}

// allow judges the Origin of a request. The own one is the Host that was asked for, over https where we can
// know that the page must have come so; a plain request may have come through something that ended TLS
// without saying so.
func (o origins) allow(r *http.Request) bool {
	if len(r.Header.Values("Origin")) == 0 {
		return true
	}
	u, err := url.Parse(r.Header.Get("Origin"))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Path != "" || u.RawQuery != "" || u.User != nil {
		return false
	}
	origin := canonical(u.Scheme, u.Host)
	return o.allowed[origin] || origin == canonical(u.Scheme, r.Host) && (u.Scheme == "https" || !o.secure(r))
}

// secure reports whether pages of the Host that was asked for come over https: the request did, or the
// public address does.
func (o origins) secure(r *http.Request) bool {
	return o.allowed[canonical("https", r.Host)] || caller.Of(r, o.proxies).TLS
}

// canonical writes an origin in small letters and with its port, so that https://Example.org is
// https://example.org:443.
func canonical(scheme, host string) string {
	host = strings.ToLower(host)
	if strings.LastIndexByte(host, ':') <= strings.LastIndexByte(host, ']') { // no port, IPv6 in brackets or not
		host += map[string]string{"http": ":80", "https": ":443"}[scheme]
	}
	return scheme + "://" + host
}

const (
	complaintEvery = time.Minute
	maxComplaint   = 200 // bytes of a header that are logged
)

// complaints logs refused origins, for an operator whose own pages may be among them, at most once a minute.
type complaints struct {
	log *slog.Logger

	mu struct {
		sync.Mutex
		next    time.Duration
		refused int // since the last one that was logged
	}
}

func (c *complaints) tell(r *http.Request, now time.Duration) {
	c.mu.Lock()
	c.mu.refused++
	n := c.mu.refused
	if now < c.mu.next {
		c.mu.Unlock()
		return
	}
	c.mu.next, c.mu.refused = now+complaintEvery, 0
	c.mu.Unlock()
	cut := func(s string) string { return s[:min(len(s), maxComplaint)] }
	c.log.Warn("pages of another origin may not open sockets; if they are ours, let the proxy pass the Host, or set public or limits.origins",
		slog.String("origin", cut(r.Header.Get("Origin"))), slog.String("host", cut(r.Host)), slog.Int("refused", n))
}
