package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wireclient"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// silentSockets is close to all the open files a process may have on the machines we test on (20,000).
const silentSockets = 19_000

// TestSilentConnectionsHurtNobody opens 19,000 connections that say nothing: half of them not one byte, half a whole upgrade and
// then nothing. Two viewers who were there before go on chatting, and a new one still gets in.
func TestSilentConnectionsHurtNobody(t *testing.T) {
	requireFiles(t, silentSockets+500)
	s := start(t, t.TempDir(), "--limits.handshakes", "20000")
	st := s.streamer(t, "quiet")
	ann, bob := s.viewer(t, st), s.viewer(t, st)
	chat := startChat(t, ann, bob, st.Room)

	conns := openSilent(t, s.faces["http"], silentSockets)
	await(t, "posts while 19,000 say nothing", 60*time.Second, func() bool { return chat.delivered.Load() > 100 })
	newcomer := s.viewer(t, st)
	if _, err := newcomer.Ping(t.Context()); err != nil {
		t.Errorf("a newcomer beside the silent: %v", err)
	}
	await(t, "silence is ended by the server", 60*time.Second, func() bool { return s.metric(t, "barrage_ws_connections_open") <= 3 })
	chat.stop(t)
	for _, c := range conns {
		_ = c.Close()
	}
	if code := s.stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func requireFiles(t *testing.T, n uint64) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Cur < n {
		limit.Cur = limit.Max
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Max < n {
			t.Fatalf("this test needs %d open files, the limit is %d (%v)", n, limit.Max, err)
		}
	}
}

// viewer joins the room as a fresh connection of the streamer's account.
func (s *server) viewer(t *testing.T, st streamer) *wireclient.Client {
	t.Helper()
	conn, err := wireclient.Dial(t.Context(), wireclient.Config{URL: s.ws(), Encoding: wire.Proto})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if _, err := conn.Auth(t.Context(), st.Token); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Join(t.Context(), st.Room, position.Position{}, false, 0); err != nil {
		t.Fatal(err)
	}
	return conn
}

// chat is one viewer posting to another for as long as something bad goes on beside them.
type chat struct {
	delivered atomic.Int64
	slowest   atomic.Int64
	cancel    context.CancelFunc
	done      chan error
}

func startChat(t *testing.T, from, to *wireclient.Client, room string) *chat {
	t.Helper()
	c := &chat{done: make(chan error, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	c.cancel = cancel
	go func() {
		for i := 0; ctx.Err() == nil; i++ {
			begin := time.Now()
			if _, err := from.Post(ctx, &wirepb.Post{Room: room, Key: fmt.Sprintf("chat-%d", i), Text: "still here", MediaTimeMs: -1}); err != nil {
				if ctx.Err() == nil {
					c.done <- fmt.Errorf("post: %w", err)
					return
				}
				break
			}
			if _, err := to.Ping(ctx); err != nil && ctx.Err() == nil {
				c.done <- fmt.Errorf("ping: %w", err)
				return
			}
			c.slowest.Store(max(c.slowest.Load(), int64(time.Since(begin))))
			c.delivered.Add(1)
			pause(ctx, 100*time.Millisecond)
		}
		c.done <- nil
	}()
	return c
}

func (c *chat) stop(t *testing.T) {
	t.Helper()
	c.cancel()
	if err := <-c.done; err != nil {
		t.Errorf("a healthy viewer noticed: %v", err)
	}
	t.Logf("healthy viewers: %d rounds, slowest %v", c.delivered.Load(), time.Duration(c.slowest.Load()).Round(time.Millisecond))
}

// openSilent opens n connections; every second one upgrades to a websocket first. Refused ones count too: the server sheds them.
func openSilent(t *testing.T, addr string, n int) []net.Conn {
	t.Helper()
	conns := make([]net.Conn, n)
	var next, upgraded, refused atomic.Int64
	var workers sync.WaitGroup
	for range 64 {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
				if err != nil {
					refused.Add(1)
					continue
				}
				conns[i] = conn
				if i%2 == 0 {
					continue
				}
				if err := upgrade(conn, addr); err != nil {
					refused.Add(1)
				} else {
					upgraded.Add(1)
				}
			}
		})
	}
	workers.Wait()
	t.Logf("opened %d, upgraded %d, refused %d", n, upgraded.Load(), refused.Load())
	open := conns[:0]
	for _, c := range conns {
		if c != nil {
			open = append(open, c)
		}
	}
	return open
}

func upgrade(conn net.Conn, addr string) error {
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: barrage.v1.proto\r\n\r\n", addr); err != nil {
		return err
	}
	head := make([]byte, 12)
	if _, err := conn.Read(head); err != nil {
		return err
	}
	if string(head) != "HTTP/1.1 101" {
		return errors.New(string(head))
	}
	return nil
}

// metric reads one gauge or counter without labels from the admin face.
func (s *server) metric(t *testing.T, name string) float64 {
	t.Helper()
	res, err := http.Get("http://" + s.faces["admin"] + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return sample(t, res.Body, name)
}
