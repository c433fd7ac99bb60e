package edge

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/barrage-live/barrage/internal/subnet"
)

// Trust says by what a request is known to come over TLS.
type Trust struct {
	// Proxies are networks whose X-Forwarded-Proto is believed.
	Proxies []netip.Prefix
	// Public is the URL that viewers reach the service by; empty: what the request says.
	Public string
}

// secure sets what every answer carries before anybody answers. Whether other origins may embed what is answered is for the handler to
// say: media may be played anywhere, programs and pages may not.
func secure(next http.Handler, t Trust) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		if t.encrypted(r) {
			h.Set("Strict-Transport-Security", "max-age=31536000") // browsers ignore it without TLS (RFC 6797 section 8.1)
		}
		next.ServeHTTP(w, r)
	})
}

// encrypted tells whether the browser speaks TLS, with us or with a proxy of ours.
func (t Trust) encrypted(r *http.Request) bool {
	if r.TLS != nil || strings.HasPrefix(t.Public, "https:") {
		return true
	}
	return strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") &&
		subnet.Inside(t.Proxies, subnet.Caller(r.RemoteAddr, nil, nil))
}
