package wireclient

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// ErrClosed says that the connection has ended before the reply came; the outcome of the call is unknown.
var ErrClosed = fault.New(fault.Unavailable, "connection_closed", "the connection has ended")

// Config says where and how to connect.
type Config struct {
	// URL is that of the socket, ws or wss.
	URL string
	// Encoding is the one to offer.
	Encoding wire.Encoding
	// Header is sent with the upgrade; nil adds nothing.
	Header http.Header
	// HTTP makes the upgrade request; nil is the default client.
	HTTP *http.Client
	// OnFrame is told of every frame; it must return soon. Nil hears nothing.
	OnFrame func(*wirepb.ServerFrame)
}

// Refused is an upgrade that the server answered with an HTTP status.
type Refused struct {
	Status int
	// RetryAfter is the server's advice, zero without.
	RetryAfter time.Duration
	cause      error
}

// Error names the status.
func (r *Refused) Error() string { return "the upgrade was refused: " + http.StatusText(r.Status) }

// Unwrap gives the error of the websocket library.
func (r *Refused) Unwrap() error { return r.cause }

// Client is one connection.
type Client struct {
	conn     *websocket.Conn
	encoding wire.Encoding
	onFrame  func(*wirepb.ServerFrame)
	ids      atomic.Uint64
	stop     context.CancelFunc
	done     chan struct{}

	mu struct {
		sync.Mutex
		waiting map[uint64]chan *wirepb.ServerFrame
		closed  bool
		code    int
		reason  string
	}
}

// Dial opens a connection. The server's welcome reaches OnFrame.
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	conn, resp, err := websocket.Dial(ctx, cfg.URL, &websocket.DialOptions{ //nolint:bodyclose // the library closes it
		HTTPClient: cfg.HTTP, HTTPHeader: cfg.Header, Subprotocols: []string{cfg.Encoding.String()},
		CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
			wait, _ := time.ParseDuration(resp.Header.Get("Retry-After") + "s") // absent is zero
			return nil, &Refused{Status: resp.StatusCode, RetryAfter: wait, cause: err}
		}
		return nil, fault.Wrap(fault.Unavailable, "not_connected", "the server cannot be reached", err)
	}
	conn.SetReadLimit(wire.MaxServerFrame)
	c := &Client{conn: conn, encoding: cfg.Encoding, onFrame: cfg.OnFrame, done: make(chan struct{})}
	c.mu.waiting = map[uint64]chan *wirepb.ServerFrame{}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.stop = stop
	go c.read(life)
	return c, nil
}

// read routes frames until the connection ends.
func (c *Client) read(ctx context.Context) {
	defer close(c.done)
	for {
		_, b, err := c.conn.Read(ctx)
		if err != nil {
			c.ended(err)
			return
		}
		f, err := wire.DecodeServer(c.encoding, b)
		if err != nil {
			c.ended(err)
			_ = c.conn.CloseNow() // it has ended already
			return
		}
		wire.NameEpochs(f)
		if c.onFrame != nil {
			c.onFrame(f)
		}
		c.mu.Lock()
		reply := c.mu.waiting[f.GetId()]
		delete(c.mu.waiting, f.GetId())
		c.mu.Unlock()
		if reply != nil {
			reply <- f
		}
	}
}

// ended notes how the connection ended and frees the calls that wait.
func (c *Client) ended(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.closed, c.mu.code = true, int(websocket.StatusAbnormalClosure)
	if frame := (websocket.CloseError{}); errors.As(err, &frame) {
		c.mu.code, c.mu.reason = int(frame.Code), frame.Reason
	}
	for _, reply := range c.mu.waiting {
		close(reply)
	}
	clear(c.mu.waiting)
}

// Done is closed when the connection has ended.
func (c *Client) Done() <-chan struct{} { return c.done }

// Closed is the close code, 1006 without a close frame, and the reason; 0 while the connection lives.
func (c *Client) Closed() (code int, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.code, c.mu.reason
}

// Close says goodbye and waits for the end.
func (c *Client) Close() {
	_ = c.conn.Close(websocket.StatusNormalClosure, "") // an end that came before is as good
	c.Abort()
}

// Abort ends the connection without a goodbye.
func (c *Client) Abort() {
	c.stop()
	<-c.done
	_ = c.conn.CloseNow() // whatever it was, it is over
}

// Send sends a frame and waits for nothing.
func (c *Client) Send(ctx context.Context, f *wirepb.ClientFrame) error {
	b, err := wire.EncodeClient(c.encoding, f)
	if err != nil {
		return err //nolint:wrapcheck // a fault already
	}
	kind := websocket.MessageBinary
	if c.encoding.Text() {
		kind = websocket.MessageText
	}
	if err := c.conn.Write(ctx, kind, b); err != nil {
		return fault.Wrap(fault.Unavailable, "connection_closed", "the connection has ended", err)
	}
	return nil
}

// Call sends a frame with a fresh id and gives its reply; an error frame becomes a *fault.Error.
func (c *Client) Call(ctx context.Context, f *wirepb.ClientFrame) (*wirepb.ServerFrame, error) {
	f.Id = c.ids.Add(1)
	reply := make(chan *wirepb.ServerFrame, 1)
	c.mu.Lock()
	if c.mu.closed {
		c.mu.Unlock()
		return nil, ErrClosed
	}
	c.mu.waiting[f.GetId()] = reply
	c.mu.Unlock()
	if err := c.Send(ctx, f); err != nil {
		c.forget(f.GetId())
		return nil, err
	}
	select {
	case r, ok := <-reply:
		if !ok {
			return nil, ErrClosed
		}
		if e := r.GetError(); e != nil {
			return nil, Fault(e)
		}
		return r, nil
	case <-ctx.Done():
		c.forget(f.GetId())
		return nil, fault.From(ctx.Err())
	}
}

func (c *Client) forget(id uint64) {
	c.mu.Lock()
	delete(c.mu.waiting, id)
	c.mu.Unlock()
}

// Fault is the fault that an error frame tells of.
func Fault(e *wirepb.Error) *fault.Error {
	kind := fault.Internal
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		if k.String() == e.GetKind() {
			kind = k
		}
	}
	return fault.New(kind, e.GetCode(), e.GetMessage()).In(e.GetField()).After(time.Duration(e.GetRetryAfterMs()) * time.Millisecond)
}

// Auth presents an access token.
func (c *Client) Auth(ctx context.Context, token string) (*wirepb.Welcome, error) {
	r, err := c.Call(ctx, &wirepb.ClientFrame{Body: &wirepb.ClientFrame_Auth{Auth: &wirepb.Auth{Token: token}}})
	return r.GetWelcome(), err
}

// Join enters a room; with resume the server is asked for everything after since, else for the newest
// history danmaku. An answer with More asks to join again from its position.
func (c *Client) Join(ctx context.Context, room string, since position.Position, resume bool, history int) (*wirepb.Joined, error) {
	j := &wirepb.Join{Room: room, History: uint32(history)}
	if resume {
		j.Since = &wirepb.Position{Epoch: uint64(since.Epoch), Offset: uint64(since.Offset)}
	}
	r, err := c.Call(ctx, &wirepb.ClientFrame{Body: &wirepb.ClientFrame_Join{Join: j}})
	return r.GetJoined(), err
}

// Leave leaves a room.
func (c *Client) Leave(ctx context.Context, room string) error {
	_, err := c.Call(ctx, &wirepb.ClientFrame{Body: &wirepb.ClientFrame_Leave{Leave: &wirepb.Leave{Room: room}}})
	return err
}

// Post posts a danmaku and returns after it is durable.
func (c *Client) Post(ctx context.Context, p *wirepb.Post) (*wirepb.Posted, error) {
	r, err := c.Call(ctx, &wirepb.ClientFrame{Body: &wirepb.ClientFrame_Post{Post: p}})
	return r.GetPosted(), err
}

// Ping asks for a sign of life.
func (c *Client) Ping(ctx context.Context) (*wirepb.Pong, error) {
	r, err := c.Call(ctx, &wirepb.ClientFrame{Body: &wirepb.ClientFrame_Ping{Ping: &wirepb.Ping{}}})
	return r.GetPong(), err
}

// History reads a page before a position; the zero position means the newest.
func (c *Client) History(ctx context.Context, room string, before position.Position, limit int) (*wirepb.HistoryPage, error) {
	h := &wirepb.History{Room: room, Before: wire.FromPosition(before), Limit: uint32(limit)}
	r, err := c.Call(ctx, &wirepb.ClientFrame{Body: &wirepb.ClientFrame_History{History: h}})
	return r.GetHistoryPage(), err
}
