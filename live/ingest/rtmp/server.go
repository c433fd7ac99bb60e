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
	cancel context.CancelCauseFunc
	places *admission
	done   sync.WaitGroup
}

// Start serves a listener, which may speak TLS and which the Server closes. Close the Server.
func Start(cfg Config, ln net.Listener) *Server {
	cfg = cfg.filled()
	s := &Server{cfg: cfg, ln: ln, places: newAdmission(cfg)}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.done.Add(1)
	go s.accept()
	return s
}

// Addr is where the Server listens.
func (s *Server) Addr() net.Addr { return s.ln.Addr() }

// Close stops listening, ends every publication with its connection, and returns when all have been told to
// the Gate.
func (s *Server) Close() error {
	s.cancel(errStopping)
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
		s.start(nc)
	}
}

// start serves a connection, or closes it for want of a place.
func (s *Server) start(nc net.Conn) {
	ctx, end := context.WithCancelCause(s.ctx)
	// Closing wakes its goroutine, also when the server closes already. Whoever ends it does not wait for it.
	context.AfterFunc(ctx, func() { _ = nc.Close() })
	p, err := s.places.enter(nc.RemoteAddr(), end)
	if err != nil {
		s.cfg.Metrics.closed.WithLabelValues(fault.CodeOf(err)).Inc()
		end(err) // it was never served
		return
	}
	remote := nc.RemoteAddr().String()
	g := newGuard(nc)
	c := &conn{
		cfg: s.cfg, guard: g, rtmp: &gortmplib.ServerConn{RW: g}, remote: remote, ctx: ctx, place: p, begun: time.Now(),
		log: s.cfg.Log.With(slog.String("protocol", "rtmp"), slog.String("remote", remote)),
	}
	s.done.Go(func() {
		c.run()
		end(nil) // it is closed, this lets go of the context
		p.leave()
	})
}
