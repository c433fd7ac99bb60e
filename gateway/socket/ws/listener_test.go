package ws

import (
	"net"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"github.com/barrage-live/barrage/internal/quota"
)

// TestTheKernelHoldsLittleOfWhatIsNotRead: the buffer that answers wait in is the one that was set, which
// Linux doubles for its own needs.
func TestTheKernelHoldsLittleOfWhatIsNotRead(t *testing.T) {
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	bounded := NewPlaces(quota.Config{Total: 1}, NewMetrics(prometheus.NewRegistry())).Bound(ln)
	t.Cleanup(func() { _ = bounded.Close() })
	client, err := new(net.Dialer).DialContext(t.Context(), "tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	conn, err := bounded.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	raw, err := conn.(*counted).Conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var size int
	if ctl := raw.Control(func(fd uintptr) { size, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF) }); ctl != nil || err != nil {
		t.Fatal(ctl, err)
	}
	if size > 2*sendBuffer || size < sendBuffer {
		t.Errorf("the kernel holds %d bytes, want %d", size, 2*sendBuffer)
	}
}
