package ws

import (
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"golang.org/x/sys/unix"

	"github.com/barrage-live/barrage/internal/quota"
)

// accepted gives both ends of a connection of a listener: the server's as it is below those who count.
func accepted(t *testing.T, over func(net.Listener) net.Listener) (client net.Conn, server *net.TCPConn) {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln = over(ln)
	t.Cleanup(func() { _ = ln.Close() })
	client, err = new(net.Dialer).DialContext(t.Context(), "tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return client, plainTCP(conn)
}

func underPlaces(ln net.Listener) net.Listener {
	return NewPlaces(quota.Config{Total: 1}, anyRate(), NewMetrics(prometheus.NewRegistry())).Bound(ln)
}

func anyRate() quota.Rate { return quota.Rate{PerSecond: 1e9, Burst: 1e9} }

func unbounded(ln net.Listener) net.Listener { return ln }

// ask asks the kernel of a connection.
func ask(t *testing.T, conn *net.TCPConn, question func(fd int) (int, error)) (answer int) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if ctl := raw.Control(func(fd uintptr) { answer, err = question(int(fd)) }); ctl != nil || err != nil {
		t.Fatal(ctl, err)
	}
	return answer
}

// TestTheKernelHoldsLittleOfWhatIsNotRead writes to a client that reads nothing for as long as anything is
// taken, in one piece as a file is sent and in many as answers are.
func TestTheKernelHoldsLittleOfWhatIsNotRead(t *testing.T) {
	for _, piece := range []int{1 << 10, 16 << 10, 8 << 20} {
		_, server := accepted(t, underPlaces)
		if err := server.SetWriteDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, piece)
		var err error
		for err == nil {
			_, err = server.Write(b)
		}
		if !os.IsTimeout(err) {
			t.Fatal(err)
		}
		// On loopback a packet has 64 KiB, and one more is begun just below the mark.
		held := ask(t, server, func(fd int) (int, error) { return unix.IoctlGetInt(fd, unix.TIOCOUTQ) })
		if held > 2*unsentMark+4<<10 || held == 0 {
			t.Errorf("pieces of %d: the kernel holds %d bytes", piece, held)
		}
	}
}

// TestNoSendBufferBoundsWhatIsOnItsWay: the kernel sizes it by the speed and the length of the way, as it
// does for everybody.
func TestNoSendBufferBoundsWhatIsOnItsWay(t *testing.T) {
	size := func(over func(net.Listener) net.Listener) int {
		client, server := accepted(t, over)
		done := make(chan error, 1)
		go func() {
			_, err := io.CopyN(io.Discard, client, 16<<20)
			done <- err
		}()
		if _, err := server.Write(make([]byte, 16<<20)); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		return ask(t, server, func(fd int) (int, error) { return unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF) })
	}
	if got, want := size(underPlaces), size(unbounded); got < want/2 {
		t.Errorf("the buffer of a fast transfer grows to %d bytes, without bounds to %d", got, want)
	}
}

// TestTheKernelForgetsWhoConfirmsNothing: it is told of every connection how long to keep what was sent.
func TestTheKernelForgetsWhoConfirmsNothing(t *testing.T) {
	_, server := accepted(t, underPlaces)
	timeout := func(fd int) (int, error) { return unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT) }
	if ms := ask(t, server, timeout); ms != 30_000 {
		t.Errorf("the kernel keeps it for %d ms", ms)
	}
}

// TestConnectionsAreOpenedAtARate: who opens them faster finds them closed before anything was done for them,
// though it holds none. A neighbour comes in, until the network is too fast, and another network.
func TestConnectionsAreOpenedAtARate(t *testing.T) {
	m := NewMetrics(prometheus.NewRegistry())
	arrived := make(chan net.Conn)
	places := NewPlaces(quota.Config{Total: 100}, quota.Rate{PerSecond: 1e-6, Burst: 2}, m)
	addr := bound(t, places, arrived)
	comes := func(from string, times int) {
		for range times {
			dialFrom(t, from, addr)
			_ = (<-arrived).Close()
		}
	}
	comes("127.0.0.1", 2)
	requireShed(t, dialFrom(t, "127.0.0.1", addr))
	for _, neighbour := range []string{"127.0.0.2", "127.0.0.3", "127.0.0.4"} {
		comes(neighbour, 2)
	}
	requireShed(t, dialFrom(t, "127.0.0.5", addr))
	comes("127.0.1.1", 2)
	if got := testutil.ToFloat64(m.shed.WithLabelValues("too_many_handshakes")); got != 2 {
		t.Errorf("%v are counted, want 2", got)
	}
	if got := places.places.Open(); got != 0 {
		t.Errorf("%d open at the end", got)
	}
}
