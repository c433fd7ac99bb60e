package gateway

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/barrage-live/barrage/gateway/hub"
	"github.com/barrage-live/barrage/gateway/session"
	"github.com/barrage-live/barrage/gateway/ws"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// pingAdvice is how often a client is asked to say something, well within ws.Config.Idle.
const pingAdvice = 25 * time.Second

// viewer carries one connection's protocol machine: it feeds it what happens and performs what it says. Its methods run on a
// worker, one at a time, except Refuse, Evict and Revoke.
type viewer struct {
	gateway *Gateway
	conn    *ws.Conn
	state   *session.State
	member  *hub.Member
	name    string     // of the connection on this node
	login   id.Session // attached to; empty for a guest
	effects []session.Effect
}

func newViewer(g *Gateway, c *ws.Conn) *viewer {
	name := "c" + strconv.FormatUint(c.ID(), 36)
	return &viewer{gateway: g, conn: c, name: name, state: session.New(name, pingAdvice)}
}

// Start implements ws.Receiver.
func (v *viewer) Start() {
	v.member = v.gateway.hub.Admit(v)
	v.apply(session.Opened{})
}

// Message implements ws.Receiver.
func (v *viewer) Message(payload []byte) {
	f, err := wire.Decode(v.conn.Encoding(), payload)
	v.apply(session.Received{Frame: f, Err: err})
}

// Notify implements ws.Receiver.
func (v *viewer) Notify(event any) {
	e, ok := event.(session.Event)
	if !ok {
		return
	}
	v.apply(e)
	if evicted, ok := e.(session.Evicted); ok {
		v.gateway.hub.Leave(v.member, evicted.Room, nil)
	}
}

// Refuse implements ws.Receiver.
func (v *viewer) Refuse(payload []byte, reason error) {
	f, _ := wire.Decode(v.conn.Encoding(), payload) // only the id is wanted, and nil has 0
	v.conn.Write(hub.Frame(v.conn.Encoding(), wire.Refusal(f.GetId(), reason)))
}

// Closed implements ws.Receiver.
func (v *viewer) Closed() {
	if v.member != nil {
		v.gateway.hub.Drop(v.member)
	}
	v.detach()
}

// Write implements hub.Socket.
func (v *viewer) Write(frames []byte) bool { return v.conn.Write(frames) }

// Encoding implements hub.Socket.
func (v *viewer) Encoding() wire.Encoding { return v.conn.Encoding() }

// Evict implements hub.Socket.
func (v *viewer) Evict(r id.Room, why *fault.Error) { v.conn.Post(session.Evicted{Room: r, Err: why}) }

// Revoke implements hub.Socket.
func (v *viewer) Revoke(reason error) { v.conn.Post(session.Revoked{Err: reason}) }

// apply feeds the machine an event, and the answers of what it asks, until it asks nothing more.
func (v *viewer) apply(e session.Event) {
	for e != nil {
		v.effects = v.state.Apply(time.Now(), e, v.effects[:0])
		e = nil
		for i, effect := range v.effects {
			if answer := v.perform(effect); answer != nil {
				e = answer
			}
			v.effects[i] = nil
		}
	}
}

// perform carries out an effect. Those that ask something, of which a machine returns at most one at a time, have an answer.
func (v *viewer) perform(e session.Effect) session.Event {
	switch e := e.(type) {
	case session.Send:
		v.conn.Write(v.frame(e.Frame))
	case session.Verify:
		return v.verify(e)
	case session.ExpireAt:
		v.conn.PostAt(e.At, session.Expired{})
	case session.Enter:
		ctx, cancel := v.deadline()
		defer cancel()
		entry, err := v.gateway.hub.Enter(ctx, v.member, e)
		return session.Entered{ID: e.ID, Room: e.Room, Entry: entry, Err: err}
	case session.Release:
		v.gateway.hub.Release(v.member, e.Room, e.Head, v.frame(e.Frame))
	case session.Leave:
		v.gateway.hub.Leave(v.member, e.Room, v.frame(e.Frame))
	case session.Post:
		ctx, cancel := v.deadline()
		defer cancel()
		p, duplicate, err := v.gateway.deps.Poster.Post(ctx, e.Room, e.Author, e.Draft)
		return session.Posted{ID: e.ID, Room: e.Room, Key: e.Draft.Key, Position: p, Duplicate: duplicate, Err: err}
	case session.ReadHistory:
		ctx, cancel := v.deadline()
		defer cancel()
		danmaku, more, err := v.gateway.hub.History(ctx, e)
		return session.Read{ID: e.ID, Room: e.Room, Danmaku: danmaku, More: more, Err: err}
	case session.Close:
		v.conn.Close(e.Code, e.Reason)
	}
	return nil
}

func (v *viewer) frame(f *wirepb.ServerFrame) []byte {
	if f == nil {
		return nil
	}
	return hub.Frame(v.conn.Encoding(), f)
}

func (v *viewer) deadline() (context.Context, context.CancelFunc) {
	return context.WithTimeout(v.gateway.ctx, v.gateway.cfg.AskTimeout)
}

func (v *viewer) verify(e session.Verify) session.Event {
	who, err := v.gateway.deps.Verifier.Verify(e.Token)
	if err == nil && v.state.Accepts(who) {
		err = v.attach(who.Session, who.Expires)
	}
	return session.Verified{ID: e.ID, Who: who, Err: err}
}

// attach has the login know this socket, and refuses one that has ended although its token has not. The hub hears of it first, so that
// a login that ends meanwhile closes the socket.
func (v *viewer) attach(login id.Session, until time.Time) error {
	v.gateway.hub.Login(v.member, login)
	ctx, cancel := v.deadline()
	defer cancel()
	if err := v.gateway.deps.Sessions.Attach(ctx, login, v.gateway.deps.Node, v.name, until); err != nil {
		v.gateway.hub.Login(v.member, v.login)
		return err //nolint:wrapcheck // a fault that the client is told
	}
	if login != v.login {
		v.detach()
		v.login = login
	}
	return nil
}

// detach tells the login that this socket is gone. When that does not arrive, the login counts one socket too many until the token would
// have ended.
func (v *viewer) detach() {
	if v.login == "" {
		return
	}
	if err := v.gateway.deps.Sessions.Detach(v.login, v.gateway.deps.Node, v.name); err != nil {
		v.gateway.deps.Log.Debug("a login was not told of the end of a socket", slog.Any("error", err))
	}
}
