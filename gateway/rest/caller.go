package rest

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

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
	} else if len(r.Header.Values("X-Forwarded-For")) > 0 {
		rt.warnOfProxy(peer)
	}
	c.Addr = subnet.Caller(r.RemoteAddr, r.Header.Values("X-Forwarded-For"), rt.Config.Proxies)
	return c
}

// warnOfProxy tells the operator of a proxy that is not trusted, behind which everybody shares the limits of one address. Anybody may
// send the header, so it is told once an hour at most.
func (rt *Router) warnOfProxy(peer netip.Addr) {
	const hour = int64(time.Hour / time.Second)
	now, last := time.Now().Unix(), rt.warned.Load()
	if now-last < hour || !rt.warned.CompareAndSwap(last, now) {
		return
	}
	rt.Log.Warn("X-Forwarded-For comes from an address that is not trusted, so all who come through it count as one caller; "+
		"if it is your proxy, name it in limits.proxies", slog.String("peer", peer.String()))
}
