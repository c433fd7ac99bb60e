package socket

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/gateway/socket/hub"
	"github.com/barrage-live/barrage/gateway/socket/protocol"
	"github.com/barrage-live/barrage/gateway/socket/ws"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/rfc6455"
)

// Verifier checks access tokens; auth.Tokens is one.
type Verifier interface {
	Verify(token string) (auth.Identity, error)
}

// Revocations knows which tokens are refused although they have not expired; auth.Revocations is it.
type Revocations interface {
	Check(who auth.Identity) error
}

// Poster takes danmaku; room.Client is one.
type Poster interface {
	PostFunc(deadline time.Time, r id.Room, a room.Author, d room.Draft, done func(p position.Position, duplicate bool, err error))
}

// Deps are what the gateway stands on. All are required. Those that are asked call done once, from any
// goroutine, and block nobody.
type Deps struct {
	Node   id.Node
	Rooms  hub.Rooms
	Poster Poster
	// Verifier refuses what Revocations refuses, too.
	Verifier    Verifier
	Revocations Revocations
	Log         *slog.Logger
	Metrics     *Metrics
}

// Metrics are those of the gateway's parts.
type Metrics struct {
	WS  *ws.Metrics
	Hub *hub.Metrics
}

// NewMetrics registers them with r.
func NewMetrics(r prometheus.Registerer) *Metrics {
	return &Metrics{WS: ws.NewMetrics(r), Hub: hub.NewMetrics(r)}
}

// Gateway is the sockets of one node.
type Gateway struct {
	cfg    Config
	deps   Deps
	hub    *hub.Hub
	server *ws.Server

	register   *register
	allowances *allowances
	absent     absent
}

// Start begins to serve; requests come through Handler.
func Start(cfg Config, d Deps) (*Gateway, error) {
	g := &Gateway{cfg: cfg.filled(), deps: d}
	g.register, g.allowances = newRegister(g.cfg.LoginSockets), newAllowances(g.cfg)
	g.hub = hub.Start(cfg.Hub, d.Node, d.Rooms, d.Log, d.Metrics.Hub)
	server, err := ws.Start(cfg.WS, g, d.Log, d.Metrics.WS)
	if err != nil {
		g.hub.Close()
		return nil, err //nolint:wrapcheck // a fault already
	}
	g.server = server
	return g, nil
}

// Handler is the handler of /ws.
func (g *Gateway) Handler() http.Handler { return g.server }

// Hub knows which connections speak under a login: it implements the port through which logins are ended.
func (g *Gateway) Hub() *hub.Hub { return g.hub }

// Revoke has every socket of a login, or of a user, look at what has been revoked of its token: one whose
// login has ended is closed, one whose rights have changed has to show a newer token. It returns at once.
// One of the two may be empty.
func (g *Gateway) Revoke(login id.Session, user id.User) {
	for _, v := range g.register.of(login, user) {
		v.conn.Post(revoked{})
	}
}

// Connections is the number of open sockets.
func (g *Gateway) Connections() int { return g.server.Len() }

// Open implements ws.Handler.
func (g *Gateway) Open(c *ws.Conn) ws.Receiver { return newViewer(g, c) }

// Drain lets the clients go: new ones are refused, those here are asked to come back within DrainSpread,
// and each is closed 1012 at a random moment of that time, after the answers to what it had sent. Those
// that take longer than that time again, and those that came while it was told, are closed without waiting
// for answers. It returns when all are gone, or with the error of ctx.
func (g *Gateway) Drain(ctx context.Context) error {
	g.server.Refuse()
	conns := g.server.Conns()
	for _, c := range conns {
		c.Post(protocol.Draining{Within: g.cfg.DrainSpread})
	}
	rand.Shuffle(len(conns), func(i, j int) { conns[i], conns[j] = conns[j], conns[i] })
	begin := time.Now()
	for i, c := range conns {
		at := begin.Add(g.cfg.DrainSpread * time.Duration(i+1) / time.Duration(len(conns)))
		if err := pause(ctx, time.Until(at)); err != nil {
			return err
		}
		c.Post(protocol.Drained{})
	}
	patient, cancel := context.WithTimeout(ctx, g.cfg.DrainSpread)
	defer cancel()
	if err := g.server.Wait(patient); err == nil || ctx.Err() != nil {
		return err //nolint:wrapcheck // a fault already
	}
	for _, c := range g.server.Conns() {
		c.Close(rfc6455.CloseRestart, "the node is going away")
	}
	return g.server.Wait(ctx) //nolint:wrapcheck // a fault already
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // the caller's own
	}
}

// Close ends what is left and frees everything.
func (g *Gateway) Close() {
	g.server.Close()
	g.hub.Close()
}
