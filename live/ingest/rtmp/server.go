package rtmp

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/bluenviron/gortmplib"

	"github.com/barrage-live/barrage/internal/fault"
)

// Server takes RTMP connections on one listener.
type Server struct {
	cfg    Config
	ln     net.Listener
	ctx    context.Context //nolint:containedctx // the life of the server: questions to the Gate end with it
	cancel context.CancelFunc
	places *admission
	done   sync.WaitGroup

	mu struct {
		sync.Mutex
		conns  map[*conn]struct{}
		closed bool
	}
}

// Start serves a listener, which may speak TLS and which the Server closes. Close the Server.
func Start(cfg Config, ln net.Listener) *Server {
	cfg = cfg.filled()
	s := &Server{cfg: cfg, ln: ln, places: newAdmission(cfg)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.mu.conns = make(map[*conn]struct{})
	s.done.Add(1)
	go s.accept()
	return s
}

// Addr is where the Server listens.
func (s *Server) Addr() net.Addr { return s.ln.Addr() }

// Close stops listening, ends every publication with its connection, and returns when all have been told to
// the Gate.
func (s *Server) Close() error {
	s.cancel()
	s.mu.Lock()
	s.mu.closed = true
	for c := range s.mu.conns {
		_ = c.guard.Close() // wakes its goroutine
	}
	s.mu.Unlock()
	err := s.ln.Close()
	s.done.Wait()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	return err
}

// acceptPause is how long accepting rests after a failure such as a lack of file descriptors.
const acceptPause = 50 * time.Millisecond

func (s *Server) accept() {
	defer s.done.Done()
	for {
		nc, err := s.ln.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			s.cfg.Log.Error("cannot accept", slog.Any("error", err))
			select {
			case <-time.After(acceptPause):
			case <-s.ctx.Done():
				return
			}
			continue
		}
		s.cfg.Metrics.accepted.Inc()
		p, err := s.places.enter(nc.RemoteAddr())
		if err != nil {
			s.cfg.Metrics.closed.WithLabelValues(fault.CodeOf(err)).Inc()
			_ = nc.Close() // it was never served
			continue
		}
		s.start(nc, p)
	}
}

func (s *Server) start(nc net.Conn, p *place) {
	g := &guard{Conn: nc, chunks: newChunks()}
	remote := nc.RemoteAddr().String()
	c := &conn{
		cfg: s.cfg, guard: g, rtmp: &gortmplib.ServerConn{RW: g}, remote: remote, ctx: s.ctx, place: p,
		log: s.cfg.Log.With(slog.String("protocol", "rtmp"), slog.String("remote", remote)),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		_ = nc.Close() // it came while the server was closing
		p.leave()
		return
	}
	s.mu.conns[c] = struct{}{}
	s.done.Go(func() {
		c.run()
		s.mu.Lock()
		delete(s.mu.conns, c)
		s.mu.Unlock()
		p.leave()
	})
}
