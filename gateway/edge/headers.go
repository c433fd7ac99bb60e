package edge

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/barrage-live/barrage/internal/caller"
)

// Trust says whose word is taken for who calls, and by what a request is known to come over TLS.
type Trust struct {
	// Proxies are networks whose X-Forwarded-For and X-Forwarded-Proto are believed.
	Proxies []netip.Prefix
	// Public is the URL that viewers reach the service by; empty: what the request says.
	Public string
}

// front is what every request goes through before a face sees it.
type front struct {
	next   http.Handler
	trust  Trust
	counts *counts
	log    *slog.Logger
	warned atomic.Int64 // when a proxy that is not trusted was told of, in Unix seconds
}

// ServeHTTP notes who calls, for all handlers inside, and sets what every answer carries before anybody
// answers. Whether other origins may embed what is answered is for the handler to say: media may be played
// anywhere, programs and pages may not.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	who, r := caller.Note(r, f.trust.Proxies)
	if who.Claims {
		f.warnOfProxy(who.Peer)
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	if who.TLS || strings.HasPrefix(f.trust.Public, "https:") {
		h.Set("Strict-Transport-Security", "max-age=31536000") // browsers ignore it without TLS (RFC 6797 section 8.1)
	}
	if f.counts.take(w, r, who.Addr, headSize(r)) {
		f.next.ServeHTTP(w, r)
	}
}

// warnOfProxy tells the operator of a proxy that is not trusted, behind which everybody shares the limits
// of one address. Anybody may send the header, so it is told once an hour at most.
func (f *front) warnOfProxy(peer netip.Addr) {
	const hour = int64(time.Hour / time.Second)
	now, last := time.Now().Unix(), f.warned.Load()
	if now-last < hour || !f.warned.CompareAndSwap(last, now) {
		return
	}
	f.log.Warn("X-Forwarded-For comes from an address that is not trusted, so all who come through it count as one caller; "+
		"if it is your proxy, name it in limits.proxies", slog.String("peer", peer.String()))
}
