package ws

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"github.com/barrage-live/barrage/internal/rfc6455"
)

// mute is a handler whose receivers do nothing.
type mute struct{}

func (mute) Open(*Conn) Receiver  { return mute{} }
func (mute) Start()               {}
func (mute) Message([]byte)       {}
func (mute) Notify(any)           {}
func (mute) Refuse([]byte, error) {}
func (mute) Closed()              {}

// stand upgrades a plain connection whose client reads only when the test does, and gives both ends.
func stand(tb testing.TB, cfg Config) (client net.Conn, c *Conn) {
	tb.Helper()
	return standOver(tb, cfg, false)
}

// standOver is stand, over TLS if it is to be secure.
func standOver(tb testing.TB, cfg Config, secure bool) (client net.Conn, c *Conn) {
	tb.Helper()
	cfg.FirstFrame, cfg.Idle, cfg.PingAfter = time.Hour, time.Hour, time.Hour
	s, err := Start(cfg, mute{}, slog.New(slog.DiscardHandler), NewMetrics(prometheus.NewRegistry()))
	if err != nil {
		tb.Fatal(err)
	}
	web := httptest.NewUnstartedServer(http.HandlerFunc(s.ServeHTTP))
	if secure {
		web.StartTLS()
	} else {
		web.Start()
	}
	tb.Cleanup(func() {
		s.Close()
		web.Close()
	})
	// A receiver tells of room in steps of a packet, which is 64 KiB on loopback, or of half its buffer.
	wire := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, 1460)
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 8<<10)
		})
	}}
	client, err = wire.DialContext(tb.Context(), "tcp", web.Listener.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = client.Close() })
	if secure {
		client = tls.Client(client, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // a test
	}
	_, err = fmt.Fprint(client, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: barrage.v1.json\r\n\r\n")
	if err != nil {
		tb.Fatal(err)
	}
	answer := upgrade{key: "dGhlIHNhbXBsZSBub25jZQ==", encoding: 1}.acceptance()
	got := make([]byte, len(answer))
	if _, err := io.ReadFull(client, got); err != nil || !bytes.Equal(got, answer) {
		tb.Fatalf("upgraded with %q, %v", got, err)
	}
	deadline := time.After(20 * time.Second)
	for len(s.Conns()) == 0 {
		select {
		case <-deadline:
			tb.Fatal("no connection")
		default:
			runtime.Gosched()
		}
	}
	return client, s.Conns()[0]
}

// fill writes until the kernel takes no more, and gives what was written.
func fill(tb testing.TB, c *Conn, frame []byte) (written int) {
	tb.Helper()
	for c.Pending() == 0 {
		if !c.Write(frame) {
			tb.Fatal("refused")
		}
		written += len(frame)
	}
	return written
}

// TestWhatASlowReaderIsSentComesWholeAndInOrder has a client stop and go on again at random while frames of
// all sizes are written.
func TestWhatASlowReaderIsSentComesWholeAndInOrder(t *testing.T) {
	client, c := stand(t, Config{MaxPending: 64 << 20, SendBuffer: 16 << 10})
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test
	var sent []byte
	for n := range 600 {
		frame := make([]byte, 1+random.IntN(8<<10))
		for i := range frame {
			frame[i] = byte(len(sent) + i*7)
		}
		sent = append(sent, frame...)
		if !c.Write(frame) {
			t.Fatal("refused")
		}
		if n%50 == 49 {
			part := make([]byte, min(len(sent)/20, 128<<10))
			if _, err := io.ReadFull(client, part); err != nil || !bytes.HasPrefix(sent, part) {
				t.Fatalf("frame %d: what comes is not what was sent, %v", n, err)
			}
			sent = slices.Clone(sent[len(part):])
		}
	}
	if c.Pending() == 0 {
		t.Fatal("nothing waited")
	}
	got := make([]byte, len(sent))
	if err := client.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, err := io.ReadFull(client, got); err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("%d of %d bytes, %v; or not those that were sent", n, len(sent), err)
	}
	c.Close(rfc6455.CloseNormal, "")
	if rest, err := io.ReadAll(client); err != nil || !bytes.Equal(rest, rfc6455.AppendClose(nil, rfc6455.CloseNormal, "")) {
		t.Errorf("then came %x, %v", rest, err)
	}
	if n := c.Pending(); n != 0 {
		t.Errorf("%d bytes wait at the end", n)
	}
}

// TestWhoTakesNothingIsClosed although it answers pings: what waits for it would be kept for ever. Who takes
// some now and then is not.
func TestWhoTakesNothingIsClosed(t *testing.T) {
	client, c := stand(t, Config{MaxPending: 64 << 20, SendBuffer: 16 << 10})
	look := func(after time.Duration) phase {
		c.seen.Store(int64(c.server.now() + after)) // a pong has come
		c.check(c.server.now() + after)
		return phaseOf(c)
	}
	frame := make([]byte, 8<<10)
	if p := look(time.Second); p != phaseOpen {
		t.Fatalf("nothing waits, and it is %v", p)
	}
	for range 3 {
		_ = fill(t, c, frame)
	}
	for turn := range 4 {
		waits := c.Pending()
		if p := look(time.Minute + time.Duration(turn)*20*time.Second); p != phaseOpen {
			t.Fatalf("turn %d: it takes what comes, slowly, and is %v", turn, p)
		}
		for !c.Write(frame) || c.Pending() < waits+64<<10 {
			continue
		}
		before := c.Pending()
		for c.Pending() == before {
			if _, err := io.ReadFull(client, make([]byte, 4<<10)); err != nil {
				t.Fatal(err)
			}
		}
	}
	look(10 * time.Minute)
	if p := look(10*time.Minute + 29*time.Second); p != phaseOpen {
		t.Errorf("after 29 s: %v", p)
	}
	if p := look(10*time.Minute + 31*time.Second); p != phaseClosing {
		t.Errorf("after 31 s: %v", p)
	}
}

// TestWhoTakesLittleAllTheTimeIsNotClosed has a client read 20 KB a second, of which the kernel says nothing
// until a third of its buffer is free; then it reads nothing.
func TestWhoTakesLittleAllTheTimeIsNotClosed(t *testing.T) {
	t.Parallel()
	for name, secure := range map[string]bool{"polled": false, "streamed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const stall = 1500 * time.Millisecond
			client, c := standOver(t, Config{MaxPending: 64 << 20, Stall: stall, CloseGrace: 100 * time.Millisecond}, secure)
			for range 60 { // more than the kernels at both ends hold, and what is read
				c.Write(make([]byte, 8<<10))
			}
			beat := time.NewTicker(100 * time.Millisecond)
			defer beat.Stop()
			for range 50 {
				<-beat.C
				if _, err := io.ReadFull(client, make([]byte, 2000)); err != nil {
					t.Fatal(err)
				}
				c.check(c.server.now())
			}
			if p := phaseOf(c); p != phaseOpen || c.Pending() == 0 {
				t.Fatalf("it is %v, %d bytes wait", p, c.Pending())
			}
			<-beat.C // what it read last has been confirmed
			c.check(c.server.now())
			if c.check(c.server.now() + stall); phaseOf(c) != phaseClosing {
				t.Errorf("who takes nothing is %v", phaseOf(c))
			}
			gone := time.After(20 * time.Second)
			for c.server.Len() > 0 {
				select {
				case <-beat.C:
				case <-gone:
					t.Fatal("who takes nothing stays")
				}
			}
			if n := c.server.pending.Load(); n != 0 {
				t.Errorf("%d bytes wait for nobody", n)
			}
		})
	}
}

func phaseOf(c *Conn) phase {
	c.out.Lock()
	defer c.out.Unlock()
	return c.out.phase
}

// TestShortFramesThatWaitTakeWhatIsCounted has a client ping and read nothing: the pongs that wait are kept
// together, over either link, and come whole when it reads.
func TestShortFramesThatWaitTakeWhatIsCounted(t *testing.T) {
	const pongs = 20_000
	pong := rfc6455.AppendFrame(nil, rfc6455.Pong, nil)
	for name, secure := range map[string]bool{"polled": false, "streamed": true} {
		t.Run(name, func(t *testing.T) {
			client, c := standOver(t, Config{MaxPending: 1 << 20}, secure)
			written := 0
			for waited := 0; waited < 32<<10; waited = c.Pending() { // more than the kernels and TLS take meanwhile
				written += fill(t, c, make([]byte, 16<<10))
				if !c.Write(make([]byte, 16<<10)) {
					t.Fatal("refused")
				}
				written += 16 << 10
			}
			for range pongs {
				if !c.Write(pong) {
					t.Fatal("refused")
				}
			}
			n, counted := 0, c.Pending()
			switch l := c.link.(type) {
			case *polled:
				c.out.Lock()
				n = l.queue.Len()
				c.out.Unlock()
			case *streamed:
				l.mu.Lock()
				n = l.mu.queue.Len()
				l.mu.Unlock()
			}
			if n > counted/joined*2+2 {
				t.Errorf("%d bytes wait in %d pieces", counted, n)
			}
			if err := client.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.CopyN(io.Discard, client, int64(written)); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, pongs*len(pong))
			if _, err := io.ReadFull(client, got); err != nil || !bytes.Equal(got, bytes.Repeat(pong, pongs)) {
				t.Errorf("what comes is not %d pongs, %v", pongs, err)
			}
		})
	}
}

// BenchmarkFramesThatWait measures what a frame costs that waits for a reader: it is shared by all sockets,
// and must not be copied.
func BenchmarkFramesThatWait(b *testing.B) {
	_, c := stand(b, Config{MaxPending: 1 << 50})
	frame := rfc6455.AppendFrame(nil, rfc6455.Text, make([]byte, 1000))
	fill(b, c, frame)
	b.ReportAllocs()
	for b.Loop() {
		if !c.Write(frame) {
			b.Fatal("refused")
		}
	}
}

// TestAFrameThatWaitsIsNotCopied writes many frames to a client that has stopped reading, and counts the
// bytes that are allocated.
func TestAFrameThatWaitsIsNotCopied(t *testing.T) {
	const frames = 250
	_, c := stand(t, Config{})
	frame := rfc6455.AppendFrame(nil, rfc6455.Text, make([]byte, 1000))
	fill(t, c, frame)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range frames {
		if !c.Write(frame) {
			t.Fatal("refused")
		}
	}
	runtime.ReadMemStats(&after)
	if n := (after.TotalAlloc - before.TotalAlloc) / frames; n > uint64(len(frame))/4 {
		t.Errorf("%d bytes are allocated for a frame of %d that waits", n, len(frame))
	}
}
