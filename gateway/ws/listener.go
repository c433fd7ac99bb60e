package ws

import (
	"io"
	"net"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Places limit how many connections of their listeners are open together, those that became websockets included. Above the limit a
// new one is accepted and closed at once (policy: shed), so that clients never use up the open files of the process.
type Places struct {
	limit int64
	open  atomic.Int64
	shed  prometheus.Counter
}

// NewPlaces makes as many as limit.
func NewPlaces(limit int, m *Metrics) *Places { return &Places{limit: int64(limit), shed: m.shed} }

// Bound has the connections of a listener take places.
func (p *Places) Bound(l net.Listener) net.Listener { return &bounded{l, p} }

type bounded struct {
	net.Listener
	places *Places
}

// Accept waits for a connection within the limit.
func (l *bounded) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err //nolint:wrapcheck // net/http looks at what it is
		}
		if l.places.open.Add(1) <= l.places.limit {
			return &counted{Conn: conn, open: &l.places.open}, nil
		}
		l.places.open.Add(-1)
		l.places.shed.Inc()
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
