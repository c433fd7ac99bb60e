package ws

import (
	"io"
	"net"
	"net/netip"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/quota"
)

// Places limit how many connections of their listeners are open, those that became websockets included: all
// together and each caller's share. They limit how fast a caller opens them as well, before TLS, whose
// handshake costs more than all that comes later. A new one above a limit is accepted and closed at once
// (policy: shed), so that clients never use up the open files of the process, nor one client what is there
// for all.
type Places struct {
	places  *quota.Places
	callers *quota.Callers
	shed    *prometheus.CounterVec
}

// NewPlaces makes places, and gives each address a rate of connections and its networks quota.Factor times
// that. Callers are the peers of the connections, so proxies should be exempt.
func NewPlaces(cfg quota.Config, rate quota.Rate, m *Metrics) *Places {
	return &Places{quota.NewPlaces(cfg), quota.NewCallers(rate, cfg.Exempt), m.shed}
}

// take gives a new connection of a caller its place.
func (p *Places) take(addr netip.Addr) (quota.Place, error) {
	if !p.callers.Take(addr, 1) {
		return quota.Place{}, errHandshakes
	}
	return p.places.Take(addr) //nolint:wrapcheck // a fault already
}

// Bound has the connections of a listener take places.
func (p *Places) Bound(l net.Listener) net.Listener { return &bounded{l, p} }

type bounded struct {
	net.Listener
	places *Places
}

// Accept waits for a connection within the limits.
func (l *bounded) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err //nolint:wrapcheck // net/http looks at what it is
		}
		place, err := l.places.take(peer(conn))
		if err == nil {
			if tcp, ok := conn.(*net.TCPConn); ok {
				boundKernel(tcp)
			}
			return &counted{Conn: conn, place: place}, nil
		}
		l.places.shed.WithLabelValues(fault.CodeOf(err)).Inc()
		_ = conn.Close() // it was never used
	}
}

// peer is the address at the other end; the zero Addr if it is none of TCP.
func peer(conn net.Conn) netip.Addr {
	tcp, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr().Unmap().WithZone("")
}

// counted gives its place back when it is closed.
type counted struct {
	net.Conn
	place quota.Place
	once  sync.Once
}

// ReadFrom lets net/http send files without copying, as it does on the connection below.
func (c *counted) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(c.Conn, r) //nolint:wrapcheck // net/http looks at what it is
}

// moveOut lets the connection's place outlive it: whoever took its descriptor gives the place back.
func (c *counted) moveOut() (place quota.Place) {
	c.once.Do(func() { place = c.place })
	return place
}

// Close closes the connection.
func (c *counted) Close() error {
	c.once.Do(c.place.Give)
	return c.Conn.Close() //nolint:wrapcheck // net/http looks at what it is
}
