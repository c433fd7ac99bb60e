package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"strconv"
	"time"

	"github.com/barrage-live/barrage/actors"
	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/gateway/edge"
	"github.com/barrage-live/barrage/gateway/socket"
	"github.com/barrage-live/barrage/gateway/socket/ws"
	"github.com/barrage-live/barrage/gateway/web"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/metrics"
	"github.com/barrage-live/barrage/internal/quota"
	"github.com/barrage-live/barrage/live/egress/hls"
	"github.com/barrage-live/barrage/live/ingest/rtmp"
	"github.com/barrage-live/barrage/live/origin"
	"github.com/barrage-live/barrage/storage/cache"
)

// drainSpread is the time over which viewers are asked to come back, unless the platform must stop sooner:
// actors and playlists need the rest of that time.
const drainSpread = 5 * time.Second

// listen lets the actors run and opens the listeners of the platform, the private one first and the public
// ones last, so that nobody is let in before everything behind the door stands.
func (p *platform) listen(ctx context.Context) error {
	figures := socket.NewMetrics(p.registry)
	sockets, err := p.openSockets(figures)
	if err != nil {
		return err
	}
	if err := p.startActors(ctx, viewers{sockets}); err != nil {
		sockets.Close()
		return err
	}
	p.steps.add("sockets", func(context.Context) error { sockets.Close(); return nil })
	mounts, err := p.public(sockets)
	if err != nil {
		return err
	}
	if err := p.serveHTTP(ctx, listener{name: "admin", addr: p.cfg.Admin}, edge.Mux(p.private())); err != nil {
		return err
	}
	places := ws.NewPlaces(quota.Config{Total: p.connections(), Address: p.cfg.Limits.Address, Exempt: p.proxies}, p.arrivals(), figures.WS)
	public := edge.Public(edge.Mux(mounts), edge.Trust{Proxies: p.proxies, Public: p.cfg.Public}, p.allowance(), p.log)
	if err := p.serveHTTP(ctx, listener{name: "http", addr: p.cfg.HTTP, places: places}, public); err != nil {
		return err
	}
	if p.cfg.HTTPS != "" {
		if err := p.serveHTTP(ctx, listener{name: "https", addr: p.cfg.HTTPS, places: places, secure: true}, public); err != nil {
			return err
		}
	}
	p.tendFirst(ctx)
	p.keepTending()
	p.keepRecordings()
	if err := p.openIngest(ctx); err != nil {
		return err
	}
	p.open.Store(true)
	p.steps.add("viewers", func(ctx context.Context) error {
		p.open.Store(false)
		return sockets.Drain(ctx)
	})
	return nil
}

// firstTend is how long the start waits for what an earlier run has left. Actors that hang do not keep the
// platform closed: they are tried again a minute later.
const firstTend = 20 * time.Second

func (p *platform) tendFirst(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, firstTend)
	defer cancel()
	p.tend(ctx)
}

// tendEvery is how often what was left undone is looked for, and the age of the signing key. After a crash
// it is done at the start.
const tendEvery = time.Minute

// tend has actors do what an earlier run, or another node, left them with.
func (p *platform) tend(ctx context.Context) {
	woken, err := actors.Tend(ctx, p.node, p.tables, p.undone)
	if err != nil && !errors.Is(ctx.Err(), context.Canceled) { // the others can go on, and it is tried again
		p.log.Error("not all actors could be woken that were left with something to do", slog.Any("error", err))
	}
	if woken > 0 {
		p.log.Info("woke actors that were left with something to do", slog.Int("actors", woken))
	}
}

// keepTending goes on until the platform stops. What hangs holds nothing else up.
func (p *platform) keepTending() {
	p.every("tending", tendEvery, p.tend)
	p.every("keys", tendEvery, p.rotateKeys)
}

// every does something again and again until the platform stops.
func (p *platform) every(what string, pause time.Duration, do func(ctx context.Context)) {
	p.background(what, func(ctx context.Context) {
		beat := time.NewTicker(pause)
		defer beat.Stop()
		for {
			select {
			case <-beat.C:
				do(ctx)
			case <-ctx.Done():
				return
			}
		}
	})
}

// keyReign is how long a key signs tokens: what a stolen copy of the keys, an old backup for one, is good
// for at most.
const keyReign = 30 * 24 * time.Hour

// rotateKeys gives the tokens a fresh key when the present one is old.
func (p *platform) rotateKeys(context.Context) {
	rotated, err := p.tokens.Rotate(keysOf(p.cfg.Data), time.Now(), keyReign)
	if err != nil { // the present key goes on, and it is tried again
		p.log.Error("the signing key of the tokens could not be replaced", slog.Any("error", err))
	}
	if rotated {
		p.log.Info("tokens are signed with a fresh key")
	}
}

// viewers are the audience of a gateway.
type viewers struct{ gateway *socket.Gateway }

// Deliver implements room.Fanout.
func (v viewers) Deliver(node id.Node, b *room.Batch) { v.gateway.Hub().Deliver(node, b) }

// Revoke implements revocation.Sockets.
func (v viewers) Revoke(login id.Session, user id.User) { v.gateway.Revoke(login, user) }

// openSockets starts the gateway of the websockets, which the caller closes.
func (p *platform) openSockets(figures *socket.Metrics) (*socket.Gateway, error) {
	sockets, err := socket.Start(socket.Config{WS: ws.Config{
		MaxConnections: p.connections() / 4 * 3, MaxPerAddress: p.cfg.Limits.Address, Public: p.cfg.Public, Origins: p.cfg.Limits.Origins, TrustedProxies: p.proxies,
		HandshakeRate: float64(p.cfg.Limits.Handshakes), HandshakeBurst: 4 * p.cfg.Limits.Handshakes,
	}, AddressRate: float64(p.cfg.Limits.Requests), DrainSpread: min(drainSpread, p.cfg.Stop.Timeout/4)}, socket.Deps{
		Node: p.node.ID(), Rooms: p.rooms, Poster: p.rooms, Verifier: p.tokens, Revocations: &p.revoked, Log: p.log,
		Metrics: figures,
	})
	if err != nil {
		return nil, fmt.Errorf("sockets: %w", err)
	}
	return sockets, nil
}

// public is what everybody reaches: what is not the API, the sockets or playback belongs to the pages.
func (p *platform) public(sockets *socket.Gateway) ([]edge.Mount, error) {
	programs, err := p.programs()
	if err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	files, err := web.Embedded()
	if err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	pages, err := web.New(files)
	if err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	if !pages.Built() {
		p.log.Warn("the pages are not built; run make web and build again")
	}
	playback := hls.New(hls.Config{
		Locator: origin.NewLocator(p.origin, p.channels.Resolve), Recordings: p.recordings, Log: p.log,
		Metrics: hls.NewMetrics(p.registry),
	})
	return []edge.Mount{
		{Pattern: "/ws", Handler: sockets.Handler()},
		{Pattern: "/live/", Handler: playback},
		{Pattern: "/v1/", Handler: programs},
		{Pattern: "/openapi.json", Handler: programs},
		{Pattern: "/.well-known/", Handler: programs},
		{Pattern: "/", Handler: pages},
	}, nil
}

// allowance is what one address may ask of the public listeners. Playlists and segments count a fifth,
// because a player asks for several a second and people who watch share addresses. Handshakes of sockets
// have a lower rate of their own besides.
func (p *platform) allowance() edge.Allowance {
	perSecond := float64(p.cfg.Limits.HTTP)
	return edge.Allowance{
		Rate:  quota.Rate{PerSecond: perSecond, Burst: 10 * perSecond},
		Costs: []edge.Cost{{Path: "/live/", Cost: 0.2}}, Refused: edge.NewRefused(p.registry),
	}
}

// arrivals is how fast one address may open connections: each socket, and three more beside it. A page over
// HTTP/2 takes one, over HTTP/1 six, and keeps them.
func (p *platform) arrivals() quota.Rate {
	perSecond := 4 * float64(p.cfg.Limits.Handshakes)
	return quota.Rate{PerSecond: perSecond, Burst: 10 * perSecond}
}

// private is what only operators see: it listens on loopback unless told otherwise.
func (p *platform) private() []edge.Mount {
	alive := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }
	return []edge.Mount{
		{Pattern: "GET /metrics", Handler: metrics.Handler(p.registry, p.log)},
		{Pattern: "GET /healthz", Handler: http.HandlerFunc(alive)},
		{Pattern: "GET /readyz", Handler: http.HandlerFunc(p.ready)},
		{Pattern: "GET /cluster", Handler: http.HandlerFunc(p.showCluster)},
		{Pattern: "POST /backup", Handler: http.HandlerFunc(p.serveBackup)},
		{Pattern: "GET /debug/pprof/", Handler: http.HandlerFunc(pprof.Index)},
		{Pattern: "GET /debug/pprof/profile", Handler: http.HandlerFunc(pprof.Profile)},
		{Pattern: "GET /debug/pprof/trace", Handler: http.HandlerFunc(pprof.Trace)},
		{Pattern: "GET /debug/pprof/symbol", Handler: http.HandlerFunc(pprof.Symbol)},
	}
}

// listener is an address that the platform listens at.
type listener struct {
	name, addr string
	secure     bool       // speaks TLS
	places     *ws.Places // of its connections; nil: they are not counted
}

// listenTo begins to listen, below TLS.
func (p *platform) listenTo(ctx context.Context, at listener) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", at.addr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at.name, err)
	}
	p.addrs[at.name] = l.Addr().String()
	p.log.Info("listening", slog.String("listener", at.name), slog.String("addr", l.Addr().String()))
	if at.places != nil {
		l = at.places.Bound(l)
	}
	return l, nil
}

// serveHTTP serves a listener until the platform stops.
func (p *platform) serveHTTP(ctx context.Context, at listener, h http.Handler) error {
	l, err := p.listenTo(ctx, at)
	if err != nil {
		return err
	}
	var certificate *tls.Config
	if at.secure {
		if certificate, err = p.cfg.TLS.certificate(); err != nil {
			return errors.Join(err, l.Close())
		}
	}
	served := edge.Open(l, h, certificate, p.log.With(slog.String("listener", at.name)), func(err error) {
		p.failed <- fmt.Errorf("%s: %w", at.name, err)
	})
	p.steps.add(at.name, served.Close)
	return nil
}

// openIngest opens the listeners that publishers come to.
func (p *platform) openIngest(ctx context.Context) error {
	figures := rtmp.NewMetrics(p.registry)
	for _, at := range []listener{{name: "rtmp", addr: p.cfg.RTMP}, {name: "rtmps", addr: p.cfg.RTMPS, secure: true}} {
		if at.addr == "" {
			continue
		}
		l, err := p.listenTo(ctx, at)
		if err != nil {
			return err
		}
		if at.secure {
			shown, err := p.cfg.TLS.certificate()
			if err != nil {
				return errors.Join(err, l.Close())
			}
			l = tls.NewListener(l, shown)
		}
		server := rtmp.Start(rtmp.Config{
			Gate: p.gate, Log: p.log, Metrics: figures, MaxConns: p.cfg.Live.Publishers, MaxBitrate: p.cfg.Live.MaxBitrate,
		}, l)
		p.steps.add(at.name, func(context.Context) error { server.Close(); return nil })
	}
	return nil
}

// certificate loads what the TLS listeners show.
func (t TLS) certificate() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// port is that of an address; 0 if it has none of its own.
func port(addr string) int {
	_, text, err := net.SplitHostPort(addr)
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(text) // conf has checked the address
	return n
}

func prefixes(texts []string) ([]netip.Prefix, error) {
	out := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		if addr, bad := netip.ParseAddr(text); err != nil && bad == nil {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			return nil, fault.Newf(fault.Invalid, "bad_network", "%q is neither a network such as 10.0.0.0/8 nor an address", text).In("limits.proxies")
		}
		out[i] = prefix
	}
	return out, nil
}

// connections is how many clients may be connected at once; three quarters of them may be sockets.
func (p *platform) connections() int {
	if p.cfg.Limits.Connections > 0 {
		return min(p.cfg.Limits.Connections, ws.Descriptors())
	}
	return ws.Descriptors()
}

// allow is the window count of the API on the cache. Limits are products of settings: one that is too large
// for the cache is the largest, or it would be an error, which lets everybody through.
func (p *platform) allow(ctx context.Context, key string, limit int, window time.Duration) (bool, time.Duration, error) {
	return p.cache.Allow(ctx, key, cache.Rate{Limit: int64(min(limit, cache.MaxLimit)), Window: window})
}

// showCluster tells what the node owns, what lives on it and where messages wait.
func (p *platform) showCluster(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(p.node.Status()) // the operator is gone if this fails
}

// loopback is how this machine reaches a listener, which may listen everywhere.
func loopback(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// ready tells a load balancer whether to send viewers here: not while the platform starts or stops.
func (p *platform) ready(w http.ResponseWriter, _ *http.Request) {
	if !p.open.Load() {
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}
