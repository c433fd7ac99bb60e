// Package caller says who sent an HTTP request, once for all who want to know: the other end of the
// connection, the client behind trusted proxies, and whether the browser speaks TLS.
//
// It owns the rule by which headers of proxies are believed, and the place in a request's context where the
// outermost handler notes the answer, so that all handlers inside it judge by the same. It keeps no state,
// and nothing in it can fail: what cannot be read is not believed.
package caller

import (
	"context"
	"net/http"
	"net/netip"
	"strings"

	"github.com/barrage-live/barrage/internal/subnet"
)

// Caller is who sent a request.
type Caller struct {
	// Peer is the other end of the connection, Addr the client: the peer itself, or who trusted proxies say
	// is behind it. Both are unmapped and without a zone; the zero Addr if unknown.
	Peer, Addr netip.Addr
	// TLS: the browser speaks TLS, with us or with a trusted proxy.
	TLS bool
	// Claims: the peer is not trusted and says by X-Forwarded-For that it is a proxy.
	Claims bool
}

type key struct{}

// Note reads the caller and gives the request that carries it.
func Note(r *http.Request, trusted []netip.Prefix) (Caller, *http.Request) {
	c := read(r, trusted)
	return c, r.WithContext(context.WithValue(r.Context(), key{}, c))
}

// Of is the caller that an outer handler noted; without one it is read.
func Of(r *http.Request, trusted []netip.Prefix) Caller {
	if c, ok := r.Context().Value(key{}).(Caller); ok {
		return c
	}
	return read(r, trusted)
}

func read(r *http.Request, trusted []netip.Prefix) Caller {
	forwarded := r.Header.Values("X-Forwarded-For")
	c := Caller{Peer: subnet.Caller(r.RemoteAddr, nil, nil), Addr: subnet.Caller(r.RemoteAddr, forwarded, trusted), TLS: r.TLS != nil}
	if subnet.Inside(trusted, c.Peer) {
		c.TLS = c.TLS || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
	} else {
		c.Claims = len(forwarded) > 0
	}
	return c
}
