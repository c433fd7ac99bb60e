package socket

import (
	"errors"
	"strconv"
	"time"

	"github.com/barrage-live/barrage/gateway/socket/frame"
	"github.com/barrage-live/barrage/gateway/socket/hub"
	"github.com/barrage-live/barrage/gateway/socket/protocol"
	"github.com/barrage-live/barrage/gateway/socket/ws"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// pingAdvice is how often a client is asked to say something, well within ws.Config.Idle.
const pingAdvice = 25 * time.Second

// viewer carries one connection's protocol machine: it feeds it what happens and performs what it says. Its
// methods run on a worker, one at a time, except Refuse, Evict and Revoke.
type viewer struct {
	gateway *Gateway
	conn    *ws.Conn
	state   *protocol.State
	member  *hub.Member
	effects []protocol.Effect

	allowance allowance
}

func newViewer(g *Gateway, c *ws.Conn) *viewer {
	return &viewer{
		gateway: g, conn: c, state: protocol.New("c"+strconv.FormatUint(c.ID(), 36), pingAdvice),
		allowance: allowance{allowances: g.allowances, addr: c.Addr()},
	}
}

// Start implements ws.Receiver.
func (v *viewer) Start() {
	v.member = v.gateway.hub.Admit(v)
	v.apply(protocol.Opened{})
}

// Message implements ws.Receiver.
func (v *viewer) Message(payload []byte) {
	f, err := v.receive(payload)
	if errors.Is(err, errTooMuch) && !v.conn.Excess() {
		return
	}
	v.apply(protocol.Received{Frame: f, Bytes: len(payload), Err: err})
}

// receive pays for a frame and for what it asks: errTooMuch. A long frame is paid for before it is read,
// since that is most of the work that it makes, and counts for all whatever is in it.
func (v *viewer) receive(payload []byte) (*wirepb.ClientFrame, error) {
	user := v.state.Who().User
	if cost := protocol.CostBytes(len(payload)); cost > 0 && !v.allowance.take(user, cost, false) {
		return &wirepb.ClientFrame{Id: wire.PeekID(v.conn.Encoding(), payload)}, errTooMuch
	}
	f, err := wire.Decode(v.conn.Encoding(), payload)
	if !v.allowance.take(user, protocol.Cost(f), protocol.Private(f, len(payload))) {
		err = errTooMuch
	}
	return f, err
}

// Notify implements ws.Receiver.
func (v *viewer) Notify(event any) {
	switch e := event.(type) {
	case revoked:
		v.recheck()
	case ws.Ending:
		v.apply(protocol.Ending(e))
	case protocol.Verified:
		v.verified(e)
		return
	case protocol.Entered:
		if e.Entry.Recovered {
			v.owe(protocol.CostRecovered(e.Entry.Rows.Len()), nil)
		}
		v.owe(0, e.Err)
	case protocol.Posted:
		v.owe(0, e.Err)
	case protocol.Read:
		v.owe(0, e.Err)
	}
	if e, ok := event.(protocol.Event); ok {
		v.apply(e)
	}
}

// owe charges what an answer turned out to cost.
func (v *viewer) owe(cost float64, err error) {
	if err != nil && fault.KindOf(err) == fault.NotFound {
		cost += protocol.CostNoRoom
	}
	v.allowance.charge(v.state.Who().User, cost)
}

// Refuse implements ws.Receiver.
func (v *viewer) Refuse(payload []byte, reason error) {
	v.conn.Write(v.bytes(wire.Refusal(wire.PeekID(v.conn.Encoding(), payload), reason), frame.Rows{}))
}

// Closed implements ws.Receiver.
func (v *viewer) Closed() {
	if v.member != nil {
		v.gateway.hub.Drop(v.member)
	}
	v.gateway.register.leave(v, v.state.Who())
}

// Write implements hub.Socket.
func (v *viewer) Write(frames []byte) bool { return v.conn.Write(frames) }

// Offer implements hub.Socket.
func (v *viewer) Offer(frames []byte) hub.Outcome {
	switch {
	case v.conn.Pending() > hub.LowWater:
		return hub.Later
	case v.conn.Write(frames):
		return hub.Taken
	}
	return hub.Gone
}

// Encoding implements hub.Socket.
func (v *viewer) Encoding() wire.Encoding { return v.conn.Encoding() }

// Evict implements hub.Socket.
func (v *viewer) Evict(r id.Room, why *fault.Error) { v.conn.Post(protocol.Evicted{Room: r, Err: why}) }

// revoked says that something of this viewer's login or user was revoked.
type revoked struct{}

// apply feeds the machine an event and carries out what it says.
func (v *viewer) apply(e protocol.Event) {
	v.effects = v.state.Apply(time.Now(), e, v.effects[:0])
	for i, effect := range v.effects {
		v.perform(effect)
		v.effects[i] = nil
	}
}

// perform carries out an effect. The answers to questions come through the connection's own queue, whenever
// they are there.
func (v *viewer) perform(e protocol.Effect) {
	switch e := e.(type) {
	case protocol.Send:
		v.conn.Write(v.bytes(e.Frame, e.Rows))
	case protocol.Verify:
		v.verify(e)
	case protocol.ExpireAt:
		v.conn.PostAt(e.At, protocol.Expired{})
	case protocol.Enter:
		v.enter(e)
	case protocol.Post:
		v.post(e)
	case protocol.ReadHistory:
		v.read(e)
	case protocol.Release:
		v.gateway.hub.Release(v.member, e.Room, e.Head, e.Version, v.bytes(e.Frame, e.Rows))
	case protocol.Leave:
		v.gateway.hub.Leave(v.member, e.Room, v.bytes(e.Frame, e.Rows))
	case protocol.Close:
		v.conn.Close(e.Code, e.Reason)
	}
}

// enter, post and read ask a room, unless it is known not to exist.
func (v *viewer) enter(e protocol.Enter) {
	done := func(entry protocol.Entry, err error) {
		v.gateway.absent.note(time.Now(), e.Room, err)
		v.conn.Post(protocol.Entered{Ask: e.Ask, Entry: entry, Err: err})
	}
	if err := v.gateway.absent.look(time.Now(), e.Room); err != nil {
		done(protocol.Entry{}, err)
		return
	}
	v.gateway.hub.Enter(v.deadline(), v.member, e, done)
}

func (v *viewer) post(e protocol.Post) {
	done := func(p position.Position, duplicate bool, err error) {
		v.gateway.absent.note(time.Now(), e.Room, err)
		v.conn.Post(protocol.Posted{Ask: e.Ask, Position: p, Duplicate: duplicate, Err: err})
	}
	if err := v.gateway.absent.look(time.Now(), e.Room); err != nil {
		done(position.Position{}, false, err)
		return
	}
	v.gateway.deps.Poster.PostFunc(v.deadline(), e.Room, e.Author, e.Draft, done)
}

func (v *viewer) read(e protocol.ReadHistory) {
	done := func(rows frame.Rows, more bool, err error) {
		v.gateway.absent.note(time.Now(), e.Room, err)
		v.conn.Post(protocol.Read{Ask: e.Ask, Rows: rows, More: more, Err: err})
	}
	if err := v.gateway.absent.look(time.Now(), e.Room); err != nil {
		done(frame.Rows{}, false, err)
		return
	}
	v.gateway.hub.History(v.deadline(), v.member, e, done)
}

// bytes are those of a frame that lists rows; none of no frame.
func (v *viewer) bytes(f *wirepb.ServerFrame, rows frame.Rows) []byte {
	if f == nil {
		return nil
	}
	return frame.Append(nil, v.conn.Encoding(), f, rows)
}

// deadline is that of a question asked now.
func (v *viewer) deadline() time.Time { return time.Now().Add(v.gateway.cfg.AskTimeout) }

// verify checks a token and has the register know whom it names, before the machine does: whoever revokes
// the token from now on finds this viewer, and what was revoked before is seen when the answer is there.
func (v *viewer) verify(e protocol.Verify) {
	who, err := v.gateway.deps.Verifier.Verify(e.Token)
	if err == nil && v.state.Accepts(who) {
		err = v.gateway.register.enter(v, who)
	}
	if !v.conn.Post(protocol.Verified{Ask: e.Ask, Who: who, Err: err}) {
		v.leave(who)
	}
}

// verified tells the machine what came of a token, and leaves the login that it does not speak under.
func (v *viewer) verified(e protocol.Verified) {
	before := v.state.Who()
	v.apply(e)
	v.leave(before)
	v.leave(e.Who)
	v.recheck()
}

// leave takes the viewer out of a login that it does not speak under.
func (v *viewer) leave(who auth.Identity) {
	if who.Session != v.state.Who().Session {
		v.gateway.register.leave(v, who)
	}
}

// recheck asks whether the token that this viewer speaks under has been revoked.
func (v *viewer) recheck() {
	who := v.state.Who()
	if who.User == "" {
		return
	}
	if err := v.gateway.deps.Revocations.Check(who); err != nil {
		v.apply(protocol.Revoked{Err: err})
	}
}
