package ws

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/barrage-live/barrage/internal/caller"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/quota"
	"github.com/barrage-live/barrage/internal/rfc6455"
	"github.com/barrage-live/barrage/internal/wheel"
	"github.com/barrage-live/barrage/internal/wire"
)

// Handler makes the receiver of every connection.
type Handler interface {
	// Open is called once for a connection before anything happens on it. It must return at once and not
	// write.
	Open(c *Conn) Receiver
}

// Server is the transport of one process. It is made by Start and ended by Close.
type Server struct {
	cfg       Config
	handler   Handler
	log       *slog.Logger
	metrics   *Metrics
	start     time.Time
	admission *admission
	origins   origins
	// complaints are about refused origins.
	complaints complaints
	poller     *poller
	deadlines  *wheel.Clock[*Conn]
	pool       pool
	ids        atomic.Uint64
	streams    sync.WaitGroup
	pending    atomic.Int64 // bytes that wait for all connections

	mu struct {
		sync.Mutex
		conns  map[*Conn]struct{}
		closed bool
		empty  chan struct{} // closed when the last connection is gone; made by Wait
	}
}

// Start makes a server whose connections h receives. Mount it at the path of the socket.
func Start(cfg Config, h Handler, log *slog.Logger, m *Metrics) (*Server, error) {
	cfg = cfg.filled()
	s := &Server{
		cfg: cfg, handler: h, log: log, metrics: m, start: time.Now(),
		admission: newAdmission(cfg), origins: newOrigins(cfg), complaints: complaints{log: log},
		pool: pool{max: cfg.Workers, waiting: m.waiting},
	}
	s.mu.conns = map[*Conn]struct{}{}
	p, err := startPoller(cfg)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, "no_poller", "the sockets cannot be watched", err)
	}
	s.poller = p
	s.deadlines = wheel.Start(wheelGrain, s.look)
	return s, nil
}

// now is the time all deadlines of this server count in.
func (s *Server) now() time.Duration { return since(s.start) }

// ServeHTTP upgrades a request to a websocket or refuses it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	addr := caller.Of(r, s.cfg.TrustedProxies).Addr
	up, bad := checkUpgrade(r, s.origins)
	var place quota.Place
	if bad == nil {
		place, bad = s.admit(addr)
	}
	if bad != nil {
		s.metrics.refused.WithLabelValues(bad.reason.Code).Inc()
		if bad.reason == errOrigin {
			s.complaints.tell(r, s.now())
		}
		bad.write(w)
		return
	}
	s.takeOver(w, up, &Conn{server: s, id: s.ids.Add(1), addr: addr, encoding: up.encoding, place: place})
}

func (s *Server) admit(addr netip.Addr) (quota.Place, *refusal) {
	place, err := s.admission.enter(addr)
	if err != nil {
		reason := fault.From(err)
		return place, &refusal{status: reason.Kind.HTTP(), reason: reason}
	}
	return place, nil
}

// takeOver hijacks the connection, answers the handshake and begins the websocket.
func (s *Server) takeOver(w http.ResponseWriter, up upgrade, c *Conn) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		c.place.Give()
		s.metrics.unwatched.Inc()
		s.log.Error("an upgrade cannot be taken over", slog.Any("error", err))
		(&refusal{status: http.StatusInternalServerError, reason: fault.From(err)}).write(w)
		return
	}
	// What the client sent after its request has been read by net/http already; it stays valid while rw
	// does.
	early, _ := rw.Reader.Peek(rw.Reader.Buffered())
	err = errors.Join(conn.SetDeadline(time.Now().Add(handshakeWrite)), writeAll(conn, up.acceptance()), conn.SetDeadline(time.Time{}))
	if err != nil {
		c.place.Give()
		s.metrics.unwatched.Inc()
		_ = conn.Close() // the client has gone
		return
	}
	s.begin(c, conn, early)
}

func writeAll(conn net.Conn, b []byte) error {
	_, err := conn.Write(b)
	return err //nolint:wrapcheck // only compared with nil
}

// begin starts a connection whose handshake is done.
func (s *Server) begin(c *Conn, conn net.Conn, early []byte) {
	c.in.parser = rfc6455.NewParser(rfc6455.Limits{Message: wire.MaxClientFrame, Fragments: maxFragments})
	c.timer.Value = c
	c.opened = s.now()
	c.seen.Store(int64(c.opened))
	c.receiver = s.handler.Open(c)
	c.in.Lock()
	defer c.in.Unlock()
	if !s.remember(c) {
		c.place.Give()
		_ = conn.Close() // the server is closing
		return
	}
	path := "polled"
	if tcp := plainTCP(conn); tcp != nil {
		if bound, ok := conn.(*counted); ok {
			c.file = bound.moveOut()
		}
		if err := s.poller.adopt(c, tcp, s.cfg.SendBuffer); err != nil {
			s.metrics.unwatched.Inc()
			s.log.Warn("a socket cannot be watched", slog.Any("error", err))
			c.ended()
			return
		}
	} else {
		path = "streamed"
		if tcp := tcpBelow(conn); tcp != nil {
			_ = tcp.SetWriteBuffer(s.cfg.SendBuffer) // without it the kernel only holds more
		}
		startStream(c, conn, &s.streams)
	}
	s.metrics.opened.WithLabelValues(path).Inc()
	c.enqueue(job{kind: jobStart})
	s.lookAt(c, c.opened+min(s.cfg.FirstFrame, longestRest))
	c.feedLocked(early)
}

// plainTCP finds the TCP connection below wrappers that only count; nil if there is more than that between.
func plainTCP(conn net.Conn) *net.TCPConn {
	switch conn := conn.(type) {
	case *net.TCPConn:
		return conn
	case *counted:
		return plainTCP(conn.Conn)
	}
	return nil
}

// tcpBelow finds the TCP connection below TLS; nil if there is none.
func tcpBelow(conn net.Conn) *net.TCPConn {
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
		return plainTCP(secure.NetConn())
	}
	return nil
}

func (s *Server) remember(c *Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		return false
	}
	s.mu.conns[c] = struct{}{}
	s.metrics.open.Inc()
	return true
}

// forget drops a connection that has ended with the code.
func (s *Server) forget(c *Conn, code int) {
	s.deadlines.Disarm(&c.timer)
	c.place.Give()
	c.file.Give()
	s.metrics.open.Dec()
	s.metrics.pending.Set(float64(s.pending.Load()))
	s.metrics.ended(code)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mu.conns, c)
	if len(s.mu.conns) == 0 && s.mu.empty != nil {
		close(s.mu.empty)
		s.mu.empty = nil
	}
}

// share is how much may wait for one connection in the long run: while too much waits for all, as much as
// for any other, so that those have to go that ask for most and do not take it.
func (s *Server) share() int64 {
	if s.pending.Load() <= s.cfg.MaxPendingAll {
		return math.MaxInt64
	}
	return max(LeastShare, s.cfg.MaxPendingAll/int64(max(s.Len(), 1)))
}

// Refuse makes every later upgrade answer 503 "draining".
func (s *Server) Refuse() { s.admission.drain() }

// Conns lists the open connections. Those that are being begun are waited for, so that what is posted to
// them comes after Start.
func (s *Server) Conns() []*Conn {
	s.mu.Lock()
	list := slices.AppendSeq(make([]*Conn, 0, len(s.mu.conns)), maps.Keys(s.mu.conns))
	s.mu.Unlock()
	return slices.DeleteFunc(list, func(c *Conn) bool {
		c.in.Lock() // begin holds it until the link stands, or could not be made
		defer c.in.Unlock()
		return c.link == nil
	})
}

// Len is the number of open connections.
func (s *Server) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.mu.conns)
}

// Wait returns when no connection is left, or with the error of ctx.
func (s *Server) Wait(ctx context.Context) error {
	s.mu.Lock()
	if len(s.mu.conns) == 0 {
		s.mu.Unlock()
		return nil
	}
	if s.mu.empty == nil {
		s.mu.empty = make(chan struct{})
	}
	empty := s.mu.empty
	s.mu.Unlock()
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		return fault.From(ctx.Err())
	}
}

// Close ends what is still open without a goodbye, refuses what comes, and returns when every Receiver has
// heard Closed.
func (s *Server) Close() {
	s.admission.drain()
	s.mu.Lock()
	s.mu.closed = true
	s.mu.Unlock()
	for _, c := range s.Conns() {
		c.link.end()
	}
	s.streams.Wait()
	s.poller.stop()
	s.deadlines.Close()
	s.pool.done.Wait()
}
