package ws

import (
	"io"
	"net"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Bound limits how many connections of a listener are open, those that became websockets included. Above the limit a new one
// is accepted and closed at once (policy: shed), so that clients never use up the open files of the process.
func Bound(l net.Listener, limit int, m *Metrics) net.Listener {
	return &bounded{Listener: l, limit: int64(limit), shed: m.shed}
}

type bounded struct {
	net.Listener
	limit int64
	open  atomic.Int64
	shed  prometheus.Counter
}

// Accept waits for a connection within the limit.
func (l *bounded) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err //nolint:wrapcheck // net/http looks at what it is
		}
		if l.open.Add(1) <= l.limit {
			return &counted{Conn: conn, open: &l.open}, nil
		}
		l.open.Add(-1)
		l.shed.Inc()
		_ = conn.Close() // it was never used
	}
}

// counted gives its place back when it is closed.
type counted struct {
	net.Conn
	open *atomic.Int64
	once sync.Once
}

// ReadFrom lets net/http send files without copying, as it does on the connection below.
func (c *counted) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(c.Conn, r) //nolint:wrapcheck // net/http looks at what it is
}

// moveOut lets the connection's place outlive it: whoever took its descriptor gives the place back.
func (c *counted) moveOut() (place *atomic.Int64) {
	c.once.Do(func() { place = c.open })
	return place
}

// Close closes the connection.
func (c *counted) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close() //nolint:wrapcheck // net/http looks at what it is
}
