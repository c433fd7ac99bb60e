package rest

import (
	"context"
	"net/http"
	"net/netip"
	"strings"

	"github.com/barrage-live/barrage/internal/subnet"
)

// Caller is who sends a request, as far as the connection tells.
type Caller struct {
	Addr   netip.Addr // unmapped; the zero Addr if unknown
	Secure bool       // the browser speaks TLS
	Host   string     // as the browser calls us
	Device string
}

type callerKey struct{}

type identityKey struct{}

// CallerOf is who sent the request.
func CallerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// Prefix is what rate limits count.
func (c Caller) Prefix() string { return subnet.Of(c.Addr).String() }

// caller reads the connection, and what trusted proxies say of the one behind them.
func (rt *Router) caller(r *http.Request) Caller {
	c := Caller{Secure: r.TLS != nil, Host: r.Host, Device: r.UserAgent()}
	peer := subnet.Caller(r.RemoteAddr, nil, nil)
	if subnet.Inside(rt.Config.Proxies, peer) {
		c.Secure = c.Secure || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
	}
	c.Addr = subnet.Caller(r.RemoteAddr, r.Header.Values("X-Forwarded-For"), rt.Config.Proxies)
	return c
}
