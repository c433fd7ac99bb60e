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

// TestSilentConnectionsHurtNobody opens 19,000 connections that say nothing: half of them not one byte,
// half a whole upgrade and then nothing. Two viewers who were there before go on chatting, and a new one
// still gets in.
func TestSilentConnectionsHurtNobody(t *testing.T) {
	requireFiles(t, silentSockets+500)
	s := start(t, t.TempDir(), "--limits.handshakes", "20000", "--limits.address", "20000")
	st := s.streamer(t, "quiet")
	chat := startChat(t, s, st)

	conns, upgraded := openSilent(t, s.addrs["http"], silentSockets)
	if upgraded <= silentSockets/4 {
		t.Errorf("only %d sockets are silent: that hurts nobody anyway", upgraded)
	}
	await(t, "posts while 19,000 say nothing", 60*time.Second, func() bool {
		return chat.delivered.Load() > 100 || len(chat.done) > 0 // stop tells what went wrong
	})
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
	return s.listener(t, st, nil)
}

// listener is a viewer that tells of every frame.
func (s *server) listener(t *testing.T, st streamer, hear func(*wirepb.ServerFrame)) *wireclient.Client {
	t.Helper()
	return st.enter(t, wireclient.Config{URL: s.ws(), OnFrame: hear})
}

// enter joins the room over a connection of its own, as the streamer's account or, without a token, as a
// guest.
func (st streamer) enter(t *testing.T, cfg wireclient.Config) *wireclient.Client {
	t.Helper()
	cfg.Encoding = wire.Proto
	conn, err := wireclient.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if st.Token != "" {
		if _, err := conn.Auth(t.Context(), st.Token); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.Join(t.Context(), st.Room, position.Position{}, false, 0); err != nil {
		t.Fatal(err)
	}
	return conn
}

// chatLimit is how long a round of a chat may take on a busy machine; who waits for longer has noticed
// something.
const chatLimit = 5 * time.Second

// chat is one viewer posting to another for as long as something bad goes on beside them.
type chat struct {
	room      string
	from, to  *wireclient.Client
	heard     chan string // texts that came over the socket of to
	delivered atomic.Int64
	slowest   atomic.Int64
	cancel    context.CancelFunc
	done      chan error
}

func startChat(t *testing.T, s *server, st streamer) *chat {
	t.Helper()
	c := &chat{room: st.Room, heard: make(chan string, 16), done: make(chan error, 1)}
	c.from = s.viewer(t, st)
	c.to = s.listener(t, st, func(f *wirepb.ServerFrame) {
		for _, d := range f.GetBatch().GetDanmaku() {
			c.heard <- d.GetText() // never more than the one of the round, as long as none comes twice
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	c.cancel = cancel
	go func() {
		for i := 0; ctx.Err() == nil; i++ {
			begin := time.Now()
			if err := c.round(ctx, i); err != nil && ctx.Err() == nil {
				c.done <- err
				return
			}
			if ctx.Err() != nil {
				break // a round that was cut short says nothing
			}
			c.slowest.Store(max(c.slowest.Load(), int64(time.Since(begin))))
			c.delivered.Add(1)
			pause(ctx, 100*time.Millisecond)
		}
		c.done <- nil
	}()
	return c
}

// round posts a text and waits until the other viewer has it.
func (c *chat) round(ctx context.Context, i int) error {
	text := fmt.Sprintf("still here %d", i)
	if _, err := c.from.Post(ctx, &wirepb.Post{Room: c.room, Key: fmt.Sprintf("chat-%d", i), Text: text}); err != nil {
		return fmt.Errorf("post: %w", err)
	}
	select {
	case got := <-c.heard:
		if got != text {
			return fmt.Errorf("heard %q instead of %q", got, text)
		}
	case <-c.to.Done():
		return errors.New("the socket of the other viewer has ended")
	case <-ctx.Done():
		return ctx.Err()
	}
	if _, err := c.to.Ping(ctx); err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	return nil
}

func (c *chat) stop(t *testing.T) {
	t.Helper()
	c.cancel()
	if err := <-c.done; err != nil {
		t.Errorf("a healthy viewer noticed: %v", err)
	}
	slowest := time.Duration(c.slowest.Load()).Round(time.Millisecond)
	if slowest > chatLimit {
		t.Errorf("a danmaku was %v on its way", slowest)
	}
	t.Logf("healthy viewers: %d rounds, slowest %v", c.delivered.Load(), slowest)
}

// openSilent opens n connections; every second one upgrades to a websocket first. The server sheds some,
// which is as good: how many it took is the second result.
func openSilent(t *testing.T, addr string, n int) ([]net.Conn, int64) {
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
	return open, upgraded.Load()
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
	res, err := http.Get("http://" + s.addrs["admin"] + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return sample(t, res.Body, name)
}
