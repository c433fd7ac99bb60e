package ws

import (
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/quota"
	"github.com/barrage-live/barrage/internal/rfc6455"
	"github.com/barrage-live/barrage/internal/wheel"
	"github.com/barrage-live/barrage/internal/wire"
)

// Receiver is what a Handler makes of one connection. Start, Message, Notify and Closed are called one at a
// time, on a worker, in the order of what happened, and must not wait for anybody.
type Receiver interface {
	// Start comes first.
	Start()
	// Message brings a whole message, which the receiver may keep.
	Message(payload []byte)
	// Notify brings what Conn.Post was given, and an Ending.
	Notify(event any)
	// Refuse tells the client that a message was not taken. It is called from the reading goroutine at any
	// time, must do no more than Write, and does not keep the payload.
	Refuse(payload []byte, reason error)
	// Closed comes last, exactly once.
	Closed()
}

// Ending is the event that comes after all messages of a client that has said goodbye or is to be closed
// for what it sent; nothing more is taken from it. The receiver closes with this code once all it does for
// those messages is done; CloseGrace later it is done anyway.
type Ending struct {
	Code   int
	Reason string
}

// link is the transport below a connection. Its methods do not block.
type link interface {
	// write takes bytes that nobody will change; Conn.written tells when they have left. Conn.out is held.
	write(b []byte) error
	// flush sends what waits, as far as it is taken. Conn.out is held.
	flush() error
	// held is how many bytes the kernel has that the peer has not confirmed; 0 where that is not known.
	held() int
	// shutdown ends the sending direction; what the peer sends is still read.
	shutdown()
	// end closes the transport; Conn.ended follows.
	end()
}

type phase uint8

const (
	phaseOpen    phase = iota
	phaseClosing       // a close frame has been handed to the link
	phaseEnded         // the transport is gone
)

// Conn is one websocket. All methods are safe for concurrent use.
type Conn struct {
	server   *Server
	link     link
	receiver Receiver
	id       uint64
	addr     netip.Addr
	encoding wire.Encoding
	opened   time.Duration
	place    quota.Place // among the sockets
	file     quota.Place // among the connections of a bounded listener; the zero Place outside of one

	pending atomic.Int64 // bytes the link has not passed to the kernel
	seen    atomic.Int64 // when the last whole frame came
	partial atomic.Int64 // when the message being received began; 0 without one
	spoke   atomic.Bool  // a first message has come
	// ending says that nothing more is taken from the client.
	ending atomic.Bool
	// finishing asks for the end of sending once nothing is pending; peerClosed says that the peer's close
	// frame came.
	finishing, peerClosed atomic.Bool

	in struct {
		sync.Mutex
		parser                     rfc6455.Parser
		frames, refusals, controls quota.Bucket
	}
	out struct {
		sync.Mutex
		phase   phase
		end     Ending // Code is 0 while the client is listened to
		endBy   time.Duration
		code    int
		closeBy time.Duration
		pinged  time.Duration
		sent    int64 // bytes handed to the link
		// taken is how many of sent the client had taken when it was last seen to take some, or to owe
		// nothing, which was at moved.
		taken int64
		moved time.Duration
		// alarm is when to post event; zero without one.
		alarm time.Duration
		event any
	}
	jobs backlog
	// timer belongs to the server's deadlines.
	timer wheel.Timer[*Conn]
}

// ID numbers the connections of this process.
func (c *Conn) ID() uint64 { return c.id }

// Addr is the client's address, behind trusted proxies the one they name.
func (c *Conn) Addr() netip.Addr { return c.addr }

// Encoding is that of the subprotocol the client chose.
func (c *Conn) Encoding() wire.Encoding { return c.encoding }

// Pending is how many bytes wait for the socket besides those in the kernel.
func (c *Conn) Pending() int { return int(c.pending.Load()) }

// Write hands whole websocket frames over; nobody may change the bytes from now on. It never blocks. It
// reports whether the bytes were taken: not after a close, nor when they would wait after too many others,
// which closes the connection with CloseSlow. What has nothing before it is always taken, for a client
// cannot read what it was not sent: whoever makes frames bounds them (wire.MaxServerFrame).
func (c *Conn) Write(frames []byte) bool {
	c.out.Lock()
	defer c.out.Unlock()
	if c.out.phase != phaseOpen {
		return false
	}
	if n := int(c.pending.Load()); n > 0 && n+len(frames) > c.server.cfg.MaxPending {
		c.close(wire.CloseSlow, "the client reads too slowly")
		return false
	}
	return c.send(frames)
}

// send passes bytes to the link; c.out is held.
func (c *Conn) send(frames []byte) bool {
	c.pending.Add(int64(len(frames)))
	c.server.pending.Add(int64(len(frames)))
	c.out.sent += int64(len(frames))
	c.server.metrics.written.Inc()
	c.server.metrics.bytes.Add(float64(len(frames)))
	return c.link.write(frames) == nil
}

// Post queues an event for Receiver.Notify after the messages that wait. It reports false once the
// connection has ended.
func (c *Conn) Post(event any) bool {
	return c.enqueue(job{kind: jobNotify, event: event})
}

// PostAt posts an event at a moment, at most a tenth of a second late. It replaces the one asked for
// before. When the wall clock is set meanwhile, the event comes as much too early or too late: who needs
// the moment looks at the clock and asks again.
func (c *Conn) PostAt(at time.Time, event any) {
	c.out.Lock()
	defer c.out.Unlock()
	if c.out.phase != phaseOpen {
		return
	}
	now := c.server.now()
	c.out.alarm, c.out.event = max(now+time.Until(at), 1), event
	c.server.lookAt(c, min(c.out.alarm, now+longestRest))
}

// Close sends a close frame after what waits and ends the connection when the peer has answered or
// CloseGrace is over. Only the first call counts.
func (c *Conn) Close(code int, reason string) {
	c.out.Lock()
	defer c.out.Unlock()
	c.close(code, reason)
}

// end stops listening to the client. What came before is still served and answered, for a while, and then
// the connection is closed.
func (c *Conn) end(code int, reason string) {
	c.out.Lock()
	defer c.out.Unlock()
	c.endLocked(code, reason)
}

// endLocked is end with c.out held.
func (c *Conn) endLocked(code int, reason string) {
	if c.out.phase != phaseOpen || c.out.end.Code != 0 {
		return
	}
	c.ending.Store(true)
	c.out.end, c.out.endBy = Ending{code, reason}, c.server.now()+c.server.cfg.CloseGrace
	c.enqueue(job{kind: jobNotify, event: c.out.end})
	c.server.lookAt(c, c.out.endBy)
}

// close is Close with c.out held.
func (c *Conn) close(code int, reason string) {
	if c.out.phase != phaseOpen {
		return
	}
	now := c.server.now()
	c.out.phase, c.out.code, c.out.closeBy = phaseClosing, code, now+c.server.cfg.CloseGrace
	frame := rfc6455.AppendClose(nil, code, reason)
	// One byte more is pending until the frame has been handed over, so that only the last of both sides
	// finishes.
	c.pending.Add(1)
	c.finishing.Store(true)
	c.send(frame)
	if c.pending.Add(-1) == 0 {
		c.finish()
	}
	c.server.lookAt(c, c.out.closeBy)
}

// finish ends the sending direction, or all of it if the peer has said goodbye too.
func (c *Conn) finish() {
	if c.peerClosed.Load() {
		c.link.end()
		return
	}
	c.link.shutdown()
}

// written is told by the link how many bytes went to the kernel. It may run with locks of the link held, and
// after the end, when nothing waits any more.
func (c *Conn) written(n int) {
	for {
		waits := c.pending.Load()
		left := max(0, waits-int64(n))
		if !c.pending.CompareAndSwap(waits, left) {
			continue
		}
		c.server.pending.Add(left - waits)
		if waits > 0 && left == 0 && c.finishing.Load() {
			c.enqueue(job{kind: jobFinish})
		}
		return
	}
}

// flush sends what waits, now that the kernel takes more.
func (c *Conn) flush() {
	c.out.Lock()
	defer c.out.Unlock()
	_ = c.link.flush() // a transport that is gone is noticed by reading
}

// feed takes bytes from the link, in order.
func (c *Conn) feed(b []byte) {
	c.in.Lock()
	defer c.in.Unlock()
	c.feedLocked(b)
}

func (c *Conn) feedLocked(b []byte) {
	now := c.server.now()
	for len(b) > 0 {
		m, n, err := c.in.parser.Next(b)
		b = b[n:]
		if err != nil {
			c.violated(err)
			break
		}
		if m.Op == rfc6455.Continuation {
			break
		}
		c.seen.Store(int64(now))
		if m.Op == rfc6455.Text || m.Op == rfc6455.Binary { // a ping within a message does not give it more time
			c.partial.Store(0)
		}
		c.take(m, now)
	}
	if !c.in.parser.Partial() {
		c.partial.Store(0)
	} else {
		c.partial.CompareAndSwap(0, int64(max(now, 1)))
	}
}

func (c *Conn) violated(err error) {
	code, reason := rfc6455.CloseProtocol, "breach of the protocol"
	if v, ok := errors.AsType[*rfc6455.Violation](err); ok {
		code, reason = v.Code, v.Reason
	}
	c.end(code, reason)
}

// take acts on one message; c.in is held.
func (c *Conn) take(m rfc6455.Message, now time.Duration) {
	if m.Op == rfc6455.Close {
		c.goodbye(m.Code)
		return
	}
	if c.ending.Load() {
		return
	}
	if m.Op == rfc6455.Ping || m.Op == rfc6455.Pong {
		if !c.in.controls.Take(now, controlRate(), 1) {
			c.end(rfc6455.ClosePolicy, "too many control frames")
			return
		}
		if m.Op == rfc6455.Ping {
			c.Write(rfc6455.AppendFrame(nil, rfc6455.Pong, m.Payload))
		}
		return
	}
	c.server.metrics.messages.Inc()
	c.spoke.Store(true)
	if (m.Op == rfc6455.Text) != c.encoding.Text() {
		c.end(rfc6455.CloseUnsupported, c.encoding.String()+" does not use such messages")
		return
	}
	c.deliver(m.Payload, now)
}

// Excess counts a request that the receiver refuses because it asks for too much, as those are counted that
// are refused here. It reports whether the connection goes on: too many of them close it.
func (c *Conn) Excess() bool {
	c.in.Lock()
	defer c.in.Unlock()
	return c.excess("cost", c.server.now())
}

// excess is Excess with c.in held.
func (c *Conn) excess(reason string, now time.Duration) bool {
	c.server.metrics.excess.WithLabelValues(reason).Inc()
	if c.in.refusals.Take(now, refusalRate(), 1) {
		return true
	}
	c.end(fault.Exhausted.CloseCode(), "too many requests")
	return false
}

// deliver queues a data message, or refuses it by rate or for want of room.
func (c *Conn) deliver(payload []byte, now time.Duration) {
	reason := "rate"
	if c.in.frames.Take(now, frameRate(), 1) {
		reason = "queue"
		if c.enqueue(job{kind: jobMessage, payload: payload}) {
			return
		}
	}
	if c.excess(reason, now) {
		c.receiver.Refuse(payload, errTooMany)
	}
}

// goodbye answers the peer's close frame, or ends what the server had begun to close.
func (c *Conn) goodbye(code int) {
	c.peerClosed.Store(true)
	c.out.Lock()
	defer c.out.Unlock()
	if c.out.phase == phaseOpen {
		if code == 0 {
			code = rfc6455.CloseNormal
		}
		c.endLocked(code, "")
		return
	}
	if c.pending.Load() == 0 {
		c.link.end()
	}
}

// ended is told by the link that the transport is gone; later calls do nothing.
func (c *Conn) ended() {
	c.out.Lock()
	before, code := c.out.phase, c.out.code
	c.out.phase = phaseEnded
	c.server.pending.Add(-c.pending.Swap(0))
	c.out.Unlock()
	if before == phaseEnded {
		return
	}
	if before == phaseOpen {
		code = 1006 // section 7.4.1: ended without a close frame
	}
	c.server.forget(c, code)
	c.enqueue(job{kind: jobClosed})
}
