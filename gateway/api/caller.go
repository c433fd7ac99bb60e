package api

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
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
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return c
	}
	c.addr = peer.Addr().Unmap().WithZone("")
	if !s.trusted(c.addr) {
		return c
	}
	c.secure = c.secure || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		a, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break // what lies behind an unreadable hop is not to be believed
		}
		c.addr = a.Unmap().WithZone("")
		if !s.trusted(c.addr) {
			break
		}
	}
	return c
}

func (s *server) trusted(a netip.Addr) bool {
	return slices.ContainsFunc(s.Config.Proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}
