package ws

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/barrage-live/barrage/internal/fault"
)

func TestBucket(t *testing.T) {
	var b bucket
	for i := range 5 {
		if !b.take(0, 2, 5) {
			t.Fatalf("token %d of the burst is missing", i)
		}
	}
	if b.take(0, 2, 5) {
		t.Error("more than the burst")
	}
	if b.take(499*time.Millisecond, 2, 5) {
		t.Error("a token came early")
	}
	if !b.take(501*time.Millisecond, 2, 5) || b.take(502*time.Millisecond, 2, 5) {
		t.Error("not one token after half a second")
	}
	if b.full(time.Second, 2) || !b.full(time.Minute, 2) {
		t.Error("full is wrong")
	}
}

func TestAdmission(t *testing.T) {
	home, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	t.Run("bounds the connections", func(t *testing.T) {
		a := newAdmission(2, 100, 100)
		for range 2 {
			if err := a.enter(home, 0); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.enter(other, 0); fault.CodeOf(err) != "connections_full" || fault.From(err).RetryAfter == 0 {
			t.Errorf("got %v", err)
		}
		a.leave()
		if err := a.enter(other, 0); err != nil {
			t.Errorf("a free place is refused: %v", err)
		}
	})
	t.Run("bounds the rate of an address only", func(t *testing.T) {
		a := newAdmission(1000, 1, 3)
		for range 3 {
			if err := a.enter(home, 0); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.enter(home, 0); fault.CodeOf(err) != "too_many_handshakes" {
			t.Errorf("got %v", err)
		}
		if err := a.enter(other, 0); err != nil {
			t.Errorf("another address: %v", err)
		}
		if err := a.enter(home, time.Second); err != nil {
			t.Errorf("a second later: %v", err)
		}
	})
	t.Run("counts a /64 of IPv6 as one", func(t *testing.T) {
		a := newAdmission(1000, 1, 1)
		if err := a.enter(netip.MustParseAddr("2001:db8::1"), 0); err != nil {
			t.Fatal(err)
		}
		if err := a.enter(netip.MustParseAddr("2001:db8::ffff:2"), 0); err == nil {
			t.Error("walking through a /64 is admitted")
		}
		if err := a.enter(netip.MustParseAddr("2001:db8:0:1::1"), 0); err != nil {
			t.Errorf("the next /64: %v", err)
		}
	})
	t.Run("keeps a bounded table", func(t *testing.T) {
		a := newAdmission(1<<20, 1, 2)
		for i := range maxAddresses + 100 {
			_ = a.enter(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), time.Millisecond)
		}
		if n := len(a.mu.buckets); n > maxAddresses {
			t.Errorf("%d addresses", n)
		}
		if err := a.enter(netip.MustParseAddr("203.0.113.9"), time.Minute); err != nil {
			t.Errorf("after a minute of peace: %v", err)
		}
		if n := len(a.mu.buckets); n > 10 {
			t.Errorf("%d addresses are remembered for nothing", n)
		}
	})
	t.Run("refuses while draining", func(t *testing.T) {
		a := newAdmission(10, 1, 10)
		a.drain()
		if err := a.enter(home, 0); fault.CodeOf(err) != "draining" {
			t.Errorf("got %v", err)
		}
	})
}

// TestPlacesShedAboveTheirLimit has two listeners share two places.
func TestPlacesShedAboveTheirLimit(t *testing.T) {
	m := NewMetrics(prometheus.NewRegistry())
	places := NewPlaces(2, m)
	accepted := make(chan net.Conn)
	listen := func() (addr string) {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		b := places.Bound(l)
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
	one, other := listen(), listen()
	dial := func(addr string) net.Conn {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	dial(one)
	first := <-accepted
	dial(other)
	second := <-accepted
	shed := dial(other)
	if err := shed.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, err := shed.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Fatal("a connection above the limit is kept")
	}
	if got := testutil.ToFloat64(m.shed); got != 1 {
		t.Errorf("%v counted", got)
	}
	_ = first.Close()
	_ = first.Close() // gives its place back once
	dial(one)
	third := <-accepted
	place := second.(*counted).moveOut()
	_ = second.Close()
	if got := place.Load(); got != 2 {
		t.Errorf("%d open, want the moved one and the third", got)
	}
	_ = third.Close()
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

// TestStartsWhateverNumbersAreFree fills the gaps among the open descriptors, so that the next numbers come in sequence, and starts at
// every remainder: nbio spreads by number, and each poller has to be reached.
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
