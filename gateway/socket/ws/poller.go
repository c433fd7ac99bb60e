package ws

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"

	"github.com/lesismal/nbio"
	"github.com/lesismal/nbio/logging"
	"github.com/lesismal/nbio/mempool"

	"github.com/barrage-live/barrage/internal/fifo"
)

// poller is the nbio engine: epoll, level triggered, bytes read on the poller goroutines. nbio knows
// nothing of websockets here.
type poller struct{ engine *nbio.Engine }

func startPoller(cfg Config) (*poller, error) {
	// nbio prints to the standard output; what it has to say beyond failures of epoll itself is counted by
	// us.
	logging.SetLevel(logging.LevelError)
	e := nbio.NewEngine(nbio.Config{
		Name:           "barrage",
		NPoller:        cfg.Pollers,
		ReadBufferSize: readBuffer,
		// Never more than a piece: what waits stays with us.
		MaxWriteBufferSize: 2 * piece,
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
	// Called with nbio's lock of the connection held: it touches atomics and the line of jobs only.
	e.OnWrittenSize(func(nc *nbio.Conn, _ []byte, n int) {
		if c, ok := nc.Session().(*Conn); ok {
			c.link.(*polled).returned(n)
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

// adopt duplicates the descriptor of a connection and lets the poller watch it; the original is closed.
// c.in is held, so that bytes which come at once wait until the caller is ready. An error means that both
// are closed.
func (p *poller) adopt(c *Conn, tcp *net.TCPConn, sendBuffer int) error {
	// nbio duplicates without close-on-exec. The lock keeps a child process (ffmpeg) from inheriting the
	// socket in between.
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
	c.link = &polled{nc: nc, c: c}
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

// piece is how much nbio is lent of what the kernel did not take.
const piece = 256

// polled is the link of a connection that nbio watches. It sends by itself and keeps what the kernel does
// not take, by reference: nbio would copy it, again and again for a reader that stays slow. nbio is lent a
// first small piece of it, which makes it watch for the moment when the kernel takes more; then the rest is
// sent from a worker.
//
// It closes by shutting the socket down, so that nbio closes it on the goroutine of its poller, which looks
// at each descriptor once a turn: closed elsewhere, the number might be another client's when the poller
// comes to an event of the old one, and ends that client.
type polled struct {
	nc *nbio.Conn
	c  *Conn
	// queue is what waits, in order; c.out guards it.
	queue fifo.Queue[[]byte]
	// lent is how many bytes nbio holds; waits says that there is something in the queue. Whoever clears
	// the one looks at the other.
	lent  atomic.Int64
	waits atomic.Bool
}

// write is called with c.out held, as flush is.
func (l *polled) write(b []byte) error {
	if l.waits.Load() || l.lent.Load() > 0 {
		wait(&l.queue, b)
		l.waits.Store(true)
		return l.flush()
	}
	rest, err := l.send(b)
	if err != nil || len(rest) == 0 {
		return err
	}
	l.queue.Push(rest)
	l.waits.Store(true)
	if err := l.lend(); err != nil {
		return err
	}
	return l.flush()
}

// flush sends what waits, unless nbio still holds a piece of it.
func (l *polled) flush() error {
	for l.queue.Len() > 0 && l.lent.Load() == 0 {
		rest, err := l.send(*l.queue.At(0))
		if err != nil {
			return err
		}
		l.keep(rest)
		if len(rest) == 0 {
			continue
		}
		if err := l.lend(); err != nil {
			return err
		}
	}
	return nil
}

// lend gives nbio the first piece of what waits.
func (l *polled) lend() error {
	first := *l.queue.At(0)
	n := min(len(first), piece)
	l.keep(first[n:])
	l.lent.Store(int64(n)) // it may be sent before Write returns
	_, err := l.nc.Write(first[:n])
	return err //nolint:wrapcheck // only compared with nil
}

// keep replaces the first in the queue by what is left of it.
func (l *polled) keep(rest []byte) {
	if len(rest) > 0 {
		*l.queue.At(0) = rest
		return
	}
	l.queue.Pop()
	if l.queue.Len() == 0 {
		l.waits.Store(false)
	}
}

// send gives the kernel what it takes and returns the rest.
func (l *polled) send(b []byte) (rest []byte, err error) {
	// Under nbio's lock the descriptor cannot be closed and given to another connection meanwhile.
	l.nc.Lock()
	defer l.nc.Unlock()
	if closed, _ := l.nc.IsClosed(); closed {
		return nil, net.ErrClosed
	}
	for {
		n, err := syscall.Write(l.nc.Hash(), b)
		switch {
		case err == nil:
			l.c.written(n)
			return b[n:], nil
		case errors.Is(err, syscall.EAGAIN):
			return b, nil
		case !errors.Is(err, syscall.EINTR): // a peer that is gone: the poller sees it too, and ends the connection
			return nil, err
		}
	}
}

// held is called with c.out held.
func (l *polled) held() int {
	l.nc.Lock()
	defer l.nc.Unlock()
	if closed, _ := l.nc.IsClosed(); closed {
		return 0
	}
	return unconfirmed(l.nc.Hash())
}

// returned is told that nbio has sent of what it was lent.
func (l *polled) returned(n int) {
	if l.lent.Add(-int64(n)) == 0 && l.waits.Load() {
		l.c.enqueue(job{kind: jobFlush})
	}
	l.c.written(n)
}

func (l *polled) shutdown() { l.shut(syscall.SHUT_WR) }

func (l *polled) end() { l.shut(syscall.SHUT_RDWR) }

func (l *polled) shut(how int) {
	l.nc.Lock()
	defer l.nc.Unlock()
	if closed, _ := l.nc.IsClosed(); !closed {
		_ = syscall.Shutdown(l.nc.Hash(), how) // a peer that is gone is noticed by reading
	}
}

func control(nc *nbio.Conn, f func(fd int)) error {
	raw, err := nc.SyscallConn()
	if err != nil {
		return err //nolint:wrapcheck // wrapped by the caller
	}
	return raw.Control(func(fd uintptr) { f(int(fd)) }) //nolint:wrapcheck // wrapped by the caller
}
