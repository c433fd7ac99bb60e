package ws

import (
	"fmt"
	"net"
	"syscall"

	"github.com/lesismal/nbio"
	"github.com/lesismal/nbio/logging"
	"github.com/lesismal/nbio/mempool"
)

// poller is the nbio engine: epoll, level triggered, bytes read on the poller goroutines. nbio knows nothing of websockets here.
type poller struct{ engine *nbio.Engine }

func startPoller(cfg Config) (*poller, error) {
	// nbio prints to the standard output; what it has to say beyond failures of epoll itself is counted by us.
	logging.SetLevel(logging.LevelError)
	e := nbio.NewEngine(nbio.Config{
		Name:           "barrage",
		NPoller:        cfg.Pollers,
		ReadBufferSize: readBuffer,
		// Conn.Write keeps below MaxPending by itself; this stops a bug from eating the memory.
		MaxWriteBufferSize: 2*cfg.MaxPending + 1<<10,
		EpollMod:           nbio.EPOLLLT,
		BodyAllocator:      mempool.NewAligned(),
	})
	e.OnData(func(nc *nbio.Conn, b []byte) {
		switch s := nc.Session().(type) {
		case *Conn:
			s.feed(b)
		case greeting:
			s <- struct{}{}
		}
	})
	// Called with nbio's lock of the connection held: Conn.written touches atomics and the queue only.
	e.OnWrittenSize(func(nc *nbio.Conn, _ []byte, n int) {
		if c, ok := nc.Session().(*Conn); ok {
			c.written(n)
		}
	})
	// All closes run through one goroutine of nbio: Conn.ended only counts and queues.
	e.OnClose(func(nc *nbio.Conn, _ error) {
		if c, ok := nc.Session().(*Conn); ok {
			c.ended()
		}
	})
	if err := e.Start(); err != nil {
		return nil, fmt.Errorf("start the poller: %w", err)
	}
	p := &poller{engine: e}
	if err := p.greet(cfg.Pollers); err != nil {
		return nil, err
	}
	return p, nil
}

// adopt duplicates the descriptor of a connection and lets the poller watch it; the original is closed. c.in is held, so that
// bytes which come at once wait until the caller is ready. An error means that both are closed.
func (p *poller) adopt(c *Conn, tcp *net.TCPConn, sendBuffer int) error {
	// nbio duplicates without close-on-exec. The lock keeps a child process (ffmpeg) from inheriting the socket in between.
	syscall.ForkLock.RLock()
	nc, err := nbio.NBConn(tcp)
	if err == nil {
		err = control(nc, func(fd int) { syscall.CloseOnExec(fd) })
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		_ = tcp.Close() // the error that matters is returned
		return fmt.Errorf("duplicate the descriptor: %w", err)
	}
	// Neither option is needed for being right, so a kernel that refuses them is not told off.
	_ = nc.SetNoDelay(true)
	_ = nc.SetWriteBuffer(sendBuffer)
	c.link = polled{nc}
	nc.SetSession(c)
	// The poller will take this lock before it reads the session: what was written above is seen there.
	nc.Lock()
	nc.Unlock() //nolint:staticcheck // see above
	if _, err := p.engine.AddConn(nc); err != nil {
		return fmt.Errorf("watch the socket: %w", err)
	}
	return nil
}

func (p *poller) stop() { p.engine.Stop() }

// polled is the link of a connection that nbio watches.
type polled struct{ nc *nbio.Conn }

func (l polled) write(b []byte) error {
	_, err := l.nc.Write(b)
	return err //nolint:wrapcheck // only compared with nil
}

func (l polled) shutdown() {
	// Under nbio's lock the descriptor cannot be closed and given to another connection meanwhile.
	l.nc.Lock()
	defer l.nc.Unlock()
	if closed, _ := l.nc.IsClosed(); !closed {
		_ = control(l.nc, func(fd int) { _ = syscall.Shutdown(fd, syscall.SHUT_WR) }) // a peer that is gone is noticed by reading
	}
}

func (l polled) end() { _ = l.nc.Close() } // closing a closed one is no error

func control(nc *nbio.Conn, f func(fd int)) error {
	raw, err := nc.SyscallConn()
	if err != nil {
		return err //nolint:wrapcheck // wrapped by the caller
	}
	return raw.Control(func(fd uintptr) { f(int(fd)) }) //nolint:wrapcheck // wrapped by the caller
}
