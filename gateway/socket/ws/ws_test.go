package ws

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/quota"
	"github.com/barrage-live/barrage/internal/wheel"
	"github.com/barrage-live/barrage/internal/wire"
)

// admitted are the connections that an admission let in.
type admitted struct {
	*admission
	places []quota.Place
}

func admitting(maxOpen int, rate float64, burst int) *admitted {
	return &admitted{admission: newAdmission(Config{
		MaxConnections: maxOpen, MaxPerAddress: 1 << 20, HandshakeRate: rate, HandshakeBurst: burst,
	}.filled())}
}

func (a *admitted) open(addr string) error {
	place, err := a.enter(netip.MustParseAddr(addr))
	if err == nil {
		a.places = append(a.places, place)
	}
	return err
}

func TestAdmission(t *testing.T) {
	const home, other = "192.0.2.1", "198.51.100.2"
	refused := func(t *testing.T, err error, code string) {
		t.Helper()
		if fault.CodeOf(err) != code || fault.From(err).RetryAfter == 0 {
			t.Errorf("got %v, want %s with advice", err, code)
		}
	}
	t.Run("bounds the connections", func(t *testing.T) {
		a := admitting(2, 100, 100)
		for range 2 {
			if err := a.open(home); err != nil {
				t.Fatal(err)
			}
		}
		refused(t, a.open(other), "connections_full")
		a.places[0].Give()
		if err := a.open(other); err != nil {
			t.Errorf("a free place is refused: %v", err)
		}
	})
	t.Run("keeps one address from taking all", func(t *testing.T) {
		a := &admitted{admission: newAdmission(Config{MaxConnections: 900, HandshakeBurst: 1 << 20}.filled())}
		err := error(nil)
		for err == nil {
			err = a.open(home)
		}
		refused(t, err, "too_many_connections")
		if n := len(a.places); n != 100 {
			t.Errorf("it has %d of 900", n)
		}
		if err := a.open(other); err != nil {
			t.Errorf("another address: %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) { // bounds the rate of an address and of its network
		a := admitting(1000, 1, 3)
		for range 3 {
			if err := a.open(home); err != nil {
				t.Fatal(err)
			}
		}
		refused(t, a.open(home), "too_many_handshakes")
		if err := a.open(other); err != nil {
			t.Errorf("another address: %v", err)
		}
		time.Sleep(time.Second)
		if err := a.open(home); err != nil {
			t.Errorf("a second later: %v", err)
		}
		for i := range 300 {
			_ = a.open(fmt.Sprintf("2001:db8:0:%x::1", i%256))
		}
		refused(t, a.open("2001:db8:0:ff::ffff"), "too_many_handshakes")
		if err := a.open("2001:db8:1::1"); err != nil {
			t.Errorf("another network: %v", err)
		}
	})
	t.Run("does not count proxies", func(t *testing.T) {
		a := &admitted{admission: newAdmission(Config{
			MaxConnections: 1000, HandshakeRate: 1e-6, HandshakeBurst: 3, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		}.filled())}
		for range 100 {
			if err := a.open("10.0.0.1"); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("refuses while draining", func(t *testing.T) {
		a := admitting(10, 1, 10)
		a.drain()
		refused(t, a.open(home), "draining")
	})
}

// bound listens and takes places; what was accepted comes over the channel.
func bound(t *testing.T, p *Places, accepted chan<- net.Conn) (addr string) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	b := p.Bound(l)
	go func() {
		for {
			c, err := b.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	return l.Addr().String()
}

// dialFrom connects from an address of this machine, all of 127.0.0.0/8 being one.
func dialFrom(t *testing.T, from, addr string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func requireShed(t *testing.T, c net.Conn) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("a connection above the limit is kept: %v", err)
	}
}

// TestPlacesShedAboveTheirLimit has two listeners share two places.
func TestPlacesShedAboveTheirLimit(t *testing.T) {
	m := NewMetrics(prometheus.NewRegistry())
	places := NewPlaces(quota.Config{Total: 2}, anyRate(), m)
	accepted := make(chan net.Conn)
	one, other := bound(t, places, accepted), bound(t, places, accepted)
	dialFrom(t, "127.0.0.1", one)
	first := <-accepted
	dialFrom(t, "127.0.0.1", other)
	second := <-accepted
	requireShed(t, dialFrom(t, "127.0.0.1", other))
	if got := testutil.ToFloat64(m.shed.WithLabelValues("connections_full")); got != 1 {
		t.Errorf("%v counted", got)
	}
	_ = first.Close()
	_ = first.Close() // gives its place back once
	dialFrom(t, "127.0.0.1", one)
	third := <-accepted
	place := second.(*counted).moveOut()
	_ = second.Close()
	if got := places.places.Open(); got != 2 {
		t.Errorf("%d open, want the moved one and the third", got)
	}
	place.Give()
	_ = third.Close()
	if got := places.places.Open(); got != 0 {
		t.Errorf("%d open at the end", got)
	}
}

// TestOneAddressDoesNotTakeEveryPlace has one client open connections until it is refused, and then another
// come.
func TestOneAddressDoesNotTakeEveryPlace(t *testing.T) {
	m := NewMetrics(prometheus.NewRegistry())
	accepted := make(chan net.Conn, 300)
	addr := bound(t, NewPlaces(quota.Config{Total: 300}, anyRate(), m), accepted)
	for range 40 {
		dialFrom(t, "127.0.0.1", addr)
	}
	requireShed(t, dialFrom(t, "127.0.0.1", addr))
	for len(accepted) > 0 {
		<-accepted
	}
	dialFrom(t, "127.0.0.2", addr)
	select {
	case c := <-accepted:
		if got := peer(c).String(); got != "127.0.0.2" {
			t.Errorf("accepted %s", got)
		}
	case <-time.After(10 * time.Second):
		t.Error("another address is not served")
	}
}

// sink is a link that keeps what it is given until it is told how much has left.
type sink struct {
	c    *Conn
	took int
}

func (s *sink) write(b []byte) error { s.took += len(b); return nil }
func (s *sink) flush() error         { return nil }
func (s *sink) held() int            { return 0 }
func (s *sink) shutdown()            {}
func (s *sink) end()                 {}

// sent is a connection over a sink.
func sent(t *testing.T) (*Conn, *sink) {
	t.Helper()
	s := &Server{cfg: Config{}.filled(), metrics: NewMetrics(prometheus.NewRegistry()), start: time.Now()}
	s.deadlines = wheel.Start(wheelGrain, s.look)
	t.Cleanup(s.deadlines.Close)
	s.pool = pool{max: 1, waiting: s.metrics.waiting}
	c := &Conn{server: s}
	c.timer.Value = c
	l := &sink{c: c}
	c.link = l
	return c, l
}

// TestOneFrameOnAnEmptyQueueIsAlwaysTaken: a frame above every bound is our bug, and not a reason to close
// all who should get it.
func TestOneFrameOnAnEmptyQueueIsAlwaysTaken(t *testing.T) {
	c, l := sent(t)
	huge := make([]byte, 2*c.server.cfg.MaxPending)
	for range 3 {
		if !c.Write(huge) {
			t.Fatal("a frame that waits for nothing is refused")
		}
		c.written(len(huge))
	}
	if !c.Write(make([]byte, 1)) || c.Write(huge) {
		t.Error("behind a byte it is refused")
	}
	if c.out.code != wire.CloseSlow || l.took < 3*len(huge) {
		t.Errorf("closed %d after %d bytes", c.out.code, l.took)
	}
}

// TestWhatWaitsForAllIsBounded: while more waits for all than may, those are closed for whom more waits than
// an equal share, and a frame of a room is no reason. What has left, or ended, does not count any more.
func TestWhatWaitsForAllIsBounded(t *testing.T) {
	const fat, thin = 200 << 10, wire.MaxServerFrame
	first, _ := sent(t)
	s := first.server
	s.cfg.MaxPendingAll = 8*fat + 8*thin - 1
	s.mu.conns = map[*Conn]struct{}{}
	conns := make([]*Conn, 16)
	for i := range conns {
		c := &Conn{server: s, receiver: mute{}}
		c.timer.Value, c.link = c, &sink{c: c}
		c.spoke.Store(true)
		s.remember(c)
		conns[i] = c
	}
	look := func() (closed int) {
		for i, c := range conns {
			c.check(time.Second)
			if c.out.phase != phaseOpen {
				closed++
				if i%2 == 1 || c.out.code != wire.CloseSlow {
					t.Errorf("connection %d, for which %d bytes wait, is closed %d", i, c.Pending(), c.out.code)
				}
			}
		}
		return closed
	}
	for i, c := range conns {
		n := []int{fat, thin}[i%2]
		c.Write(make([]byte, n-1))
		c.Write(make([]byte, 1))
	}
	conns[1].written(1)
	if n := look(); n != 0 {
		t.Errorf("%d are closed, and no more waits than may", n)
	}
	conns[1].Write(make([]byte, 1))
	if n := look(); n != 8 || testutil.ToFloat64(s.metrics.overShare) != 8 {
		t.Errorf("%d are closed, want the 8 fat ones", n)
	}
	for _, c := range conns {
		c.ended()
		c.written(fat)
	}
	if n := s.pending.Load(); n != 0 || testutil.ToFloat64(s.metrics.pending) != 0 {
		t.Errorf("%d bytes wait for nobody", n)
	}
}

// TestFramesFitIntoAQueue ties what may wait for a client to what may be sent at once: some frames come
// together, such as the answer to a join, what waited for it, and the state of the room.
func TestFramesFitIntoAQueue(t *testing.T) {
	if most := (Config{}).filled().MaxPending; most < 4*wire.MaxServerFrame {
		t.Errorf("%d bytes may wait for a client, and a frame has up to %d", most, wire.MaxServerFrame)
	}
	if wire.MaxClientFrame > maxQueuedBytes/4 {
		t.Errorf("a client's frame of up to %d bytes does not fit into a queue of %d", wire.MaxClientFrame, maxQueuedBytes)
	}
}

func TestDescriptorsLeaveAReserve(t *testing.T) {
	if n := Descriptors(); n < leastReserve/2 || n > 1<<20 {
		t.Errorf("%d", n)
	}
}

// TestStoppedAtOnce stops servers whose pollers may not have run yet.
func TestStoppedAtOnce(t *testing.T) {
	for range 50 {
		s, err := Start(Config{Pollers: 3}, nil, slog.New(slog.DiscardHandler), NewMetrics(prometheus.NewRegistry()))
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
	}
}

// TestStartsWhateverNumbersAreFree fills the gaps among the open descriptors, so that the next numbers come
// in sequence, and starts at every remainder: nbio spreads by number, and each poller has to be reached.
func TestStartsWhateverNumbersAreFree(t *testing.T) {
	for range 600 { // far from 512 and 1,024: where the kernel enlarges its table, a number is skipped
		open(t)
	}
	for pollers := 1; pollers <= 9; pollers++ {
		for range pollers {
			open(t)
			s, err := Start(Config{Pollers: pollers}, nil, slog.New(slog.DiscardHandler), NewMetrics(prometheus.NewRegistry()))
			if err != nil {
				t.Fatalf("%d pollers: %v", pollers, err)
			}
			s.Close()
		}
	}
}

func open(t *testing.T) {
	t.Helper()
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
}

// TestPoolIsFairAndBounded keeps the only worker busy with one connection: another gets its turn in between.
func TestPoolIsFairAndBounded(t *testing.T) {
	s := &Server{metrics: NewMetrics(prometheus.NewRegistry())}
	s.pool = pool{max: 1, waiting: s.metrics.waiting}
	var order []string
	begin := make(chan struct{})
	busy, other := &Conn{server: s}, &Conn{server: s}
	busy.receiver = &tape{order: &order, name: "busy", begin: begin}
	other.receiver = &tape{order: &order, name: "other"}
	busy.enqueue(job{kind: jobStart})
	for i := range maxQueued {
		if !busy.enqueue(job{kind: jobMessage, payload: fmt.Append(nil, i)}) {
			t.Fatalf("message %d is refused", i)
		}
	}
	if busy.enqueue(job{kind: jobMessage}) {
		t.Error("a message above the bound is taken")
	}
	large := job{kind: jobMessage, payload: make([]byte, maxQueuedBytes/2+1)}
	if heavy := (&backlog{messages: 1, bytes: maxQueuedBytes / 2}); !heavy.full(len(large.payload)) || heavy.full(1) {
		t.Error("the bound on bytes does not hold")
	}
	if !busy.enqueue(job{kind: jobClosed}) || busy.enqueue(job{kind: jobNotify}) {
		t.Error("the end is not the end")
	}
	other.enqueue(job{kind: jobStart})
	close(begin)
	s.pool.done.Wait()
	if len(order) != maxQueued+3 || order[0] != "busy start" || order[len(order)-1] != "busy closed" {
		t.Fatalf("%d jobs: %q", len(order), order)
	}
	next := 0
	for i, what := range order {
		if what == fmt.Sprint("busy ", next) {
			next++
		}
		if what == "other start" && i > 2*turn {
			t.Errorf("the other waited for %d jobs", i)
		}
	}
	if next != maxQueued {
		t.Errorf("only %d messages came in order", next)
	}
}

// tape is a receiver that notes what it hears. One worker writes it.
type tape struct {
	order *[]string
	name  string
	begin chan struct{}
}

func (r *tape) note(what string) { *r.order = append(*r.order, r.name+" "+what) }

func (r *tape) Start() {
	if r.begin != nil {
		<-r.begin
	}
	r.note("start")
}
func (r *tape) Message(payload []byte) { r.note(string(payload)) }
func (r *tape) Notify(any)             { r.note("notify") }
func (r *tape) Refuse([]byte, error)   {}
func (r *tape) Closed()                { r.note("closed") }
