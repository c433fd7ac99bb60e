package ws

import (
	"net"
	"sync"
	"time"

	"github.com/barrage-live/barrage/internal/fifo"
)

const streamBuffer = 4 << 10

// streamed is the link of a connection that cannot be polled: TLS, pipes. A goroutine reads, another
// writes; both end with it. Its queue is bounded by the bytes that Conn lets wait.
type streamed struct {
	c    *Conn
	conn net.Conn
	wake chan struct{} // capacity 1: something changed

	mu struct {
		sync.Mutex
		queue    fifo.Queue[[]byte]
		shutdown bool
		ended    bool
	}
}

func startStream(c *Conn, conn net.Conn, done *sync.WaitGroup) {
	l := &streamed{c: c, conn: conn, wake: make(chan struct{}, 1)}
	c.link = l
	done.Add(2)
	go func() {
		defer done.Done()
		l.read()
	}()
	go func() {
		defer done.Done()
		l.writeAll()
	}()
}

func (l *streamed) write(b []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.ended {
		return net.ErrClosed
	}
	wait(&l.mu.queue, b)
	l.signal()
	return nil
}

// flush does nothing: the writer goes on by itself.
func (l *streamed) flush() error { return nil }

// held asks for the connection below TLS.
func (l *streamed) held() (n int) {
	tcp := tcpBelow(l.conn)
	if tcp == nil {
		return 0
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0 // it is closed
	}
	_ = raw.Control(func(fd uintptr) { n = unconfirmed(int(fd)) })
	return n
}

func (l *streamed) shutdown() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.shutdown = true
	l.signal()
}

func (l *streamed) end() {
	l.mu.Lock()
	l.mu.ended = true
	l.mu.Unlock()
	l.signal()
	// Closing a TLS connection may wait for its last record, so the writer does it; this ends its present
	// write and the read.
	_ = l.conn.SetDeadline(time.Unix(1, 0)) // on a closed connection there is nothing to end
}

func (l *streamed) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// read feeds the connection until the transport ends.
func (l *streamed) read() {
	buf := make([]byte, streamBuffer)
	for {
		n, err := l.conn.Read(buf)
		if n > 0 {
			l.c.feed(buf[:n])
		}
		if err != nil {
			l.end()
			l.c.ended()
			return
		}
	}
}

// writeAll writes what is queued until the transport ends, and then closes it.
func (l *streamed) writeAll() {
	defer func() { _ = l.conn.Close() }() // nobody is left to hear of it
	for range l.wake {
		for {
			b, state := l.next()
			if state == phaseEnded {
				return
			}
			if state == phaseClosing {
				l.closeWrite()
			}
			if b == nil {
				break
			}
			n, err := l.conn.Write(b)
			l.c.written(n)
			if err != nil {
				l.end()
			}
		}
	}
}

// next takes the first of the queue. The phase says whether sending goes on, is over when the queue is
// empty, or has ended.
func (l *streamed) next() ([]byte, phase) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.mu.ended:
		return nil, phaseEnded
	case l.mu.queue.Len() > 0:
		return l.mu.queue.Pop(), phaseOpen
	case l.mu.shutdown:
		l.mu.shutdown = false
		return nil, phaseClosing
	}
	return nil, phaseOpen
}

// closeWrite tells the peer that nothing more comes, where the transport can say so.
func (l *streamed) closeWrite() {
	if half, ok := l.conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // a peer that is gone is noticed by reading
		return
	}
	l.end()
}
