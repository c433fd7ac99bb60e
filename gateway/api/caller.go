package api

import (
	"context"
	"net/http"
	"net/netip"
	"strings"

	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/subnet"
)

// caller is who sends a request, as far as the connection tells.
type caller struct {
	addr   netip.Addr // unmapped; the zero Addr if unknown
	secure bool       // the browser speaks TLS
	host   string     // as the browser calls us
	device string
}

type callerKey struct{}

type identityKey struct{}

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

// who is the verified asker; ok is false for a guest.
func who(ctx context.Context) (auth.Identity, bool) {
	i, ok := ctx.Value(identityKey{}).(auth.Identity)
	return i, ok
}

// prefix is what rate limits count.
func (c caller) prefix() string { return subnet.Of(c.addr).String() }

// caller reads the connection, and what trusted proxies say of the one behind them.
func (s *server) caller(r *http.Request) caller {
	c := caller{secure: r.TLS != nil, host: r.Host, device: r.UserAgent()}
	peer := subnet.Caller(r.RemoteAddr, nil, nil)
	if subnet.Inside(s.Config.Proxies, peer) {
		c.secure = c.secure || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
	}
	c.addr = subnet.Caller(r.RemoteAddr, r.Header.Values("X-Forwarded-For"), s.Config.Proxies)
	return c
}
