package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/barrage-live/barrage/loadtest/viewers"
)

// TestHostileViewers has one address do to one channel what viewers never do, with as many connections as it
// is given. Whoever watches another channel gets every part in the same time.
func TestHostileViewers(t *testing.T) {
	s := start(t, t.TempDir(), "--limits.connections", "600")
	for _, name := range []string{"besieged", "calm"} {
		st := s.streamer(t, name)
		defer publish(t, s.rtmp(st.Key))()
		await(t, name, 30*time.Second, func() bool { return s.channel(t, name).Live })
	}
	base := "/live/besieged/" + s.channel(t, "besieged").Broadcast + "/source/"
	await(t, "a segment", 30*time.Second, func() bool {
		res, err := http.Get(s.url(base + "0.m4s"))
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	get := func(path string, more ...string) string {
		return "GET " + path + " HTTP/1.1\r\nHost: x\r\n" + strings.Join(more, "") + "\r\n"
	}
	for _, c := range []struct {
		name string
		send func(turn int) string
		read bool
	}{
		{"requests that stop in the middle", func(int) string { return "GET " + base + "index.m3u8 HTTP/1.1\r\nHost: x\r\nX-Half: " }, false},
		{"requests that wait, for ever new places", func(turn int) string {
			return get(fmt.Sprintf("%sindex.m3u8?_HLS_msn=%d&_HLS_part=%d", base, turn/6+2, turn%6))
		}, true},
		{"many ranges, small ones and bad ones", func(turn int) string {
			return get(base+"0.m4s", "Range: bytes="+[]string{"0-0", strings.Repeat("0-99999,", 400) + "0-1", "99999999999-", "-1", "5-2"}[turn%5], "\r\n")
		}, true},
		{"answers that nobody reads", func(int) string { return strings.Repeat(get(base+"0.m4s"), 200) }, false},
		{"heads without end", func(int) string { return get(base+"0.m4s", "X: "+strings.Repeat("x", 19<<10), "\r\n") }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			crowd, err := viewers.New(s.url("/live/calm/index.m3u8"))
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var all sync.WaitGroup
			all.Go(func() { crowd.Watch(ctx, 10, time.Second) })
			var sent atomic.Int64
			for range 150 {
				all.Go(func() { s.besiege(ctx, c.send, c.read, &sent) })
			}
			pause(ctx, 2*time.Second)
			began, before := time.Now(), crowd.Tally()
			pause(ctx, stretch())
			took, after := time.Since(began), crowd.Tally()
			stop()
			all.Wait()
			if got := after.Since(before).Watched; after.Failed > 0 || got.Seconds() < 0.8*10*took.Seconds() {
				t.Errorf("%d viewers of the other channel failed (%v), and watched %v in %v", after.Failed, after.First, got, took)
			}
			if sent.Load() < 150 {
				t.Errorf("only %d requests were sent: that besieges nobody", sent.Load())
			}
		})
	}
}

// besiege sends something over a connection, and over another when the server has enough of it.
func (s *server) besiege(ctx context.Context, send func(turn int) string, read bool, sent *atomic.Int64) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 3, 66)}, Timeout: 5 * time.Second}
	for ctx.Err() == nil {
		conn, err := dialer.DialContext(ctx, "tcp", s.addrs["http"])
		if err != nil {
			pause(ctx, 100*time.Millisecond)
			continue
		}
		over := context.AfterFunc(ctx, func() { _ = conn.Close() })
		for ctx.Err() == nil {
			turn := int(sent.Add(1))
			if _, err := io.WriteString(conn, send(turn)); err != nil {
				break
			}
			if !read {
				<-ctx.Done()
				break
			}
			if _, err := io.CopyN(io.Discard, conn, 200); err != nil {
				break
			}
			pause(ctx, 20*time.Millisecond)
		}
		over()
		_ = conn.Close()
		pause(ctx, 20*time.Millisecond)
	}
}
