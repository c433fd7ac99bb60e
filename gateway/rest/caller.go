package rest

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/barrage-live/barrage/internal/caller"
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
	c := caller.Of(r, rt.Config.Proxies)
	return Caller{Addr: c.Addr, Secure: c.TLS, Host: r.Host, Device: r.UserAgent()}
}
