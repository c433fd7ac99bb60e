package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wireclient"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// crowdPing is how often a healthy viewer asks for a sign of life.
const crowdPing = 200 * time.Millisecond

// crowd is viewers who do nothing wrong: they read what comes, as fast as it comes, and ping. Each of them
// checks that it learns of everything its room says, or is told what it does not learn.
type crowd struct {
	viewers []*healthy
	cancel  context.CancelFunc
	all     sync.WaitGroup
}

// healthy is one of them.
type healthy struct {
	name  string
	room  string
	conn  *wireclient.Client
	every time.Duration // how often it pings

	mu      sync.Mutex
	at      position.Offset // everything up to here has come or was announced as missing
	danmaku int
	skipped int
	gaps    int
	wrong   []string
	pings   []time.Duration
}

// gather lets n viewers of each encoding into the room, as guests, and members of them with a login.
func gather(t *testing.T, s *server, st streamer, guests, members int) *crowd {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	c := &crowd{cancel: cancel}
	for i := range guests {
		c.admit(t, s, fmt.Sprintf("proto guest %d", i), st.Room, "", wire.Proto, from(uint8(10+i%8)))
		c.admit(t, s, fmt.Sprintf("json guest %d", i), st.Room, "", wire.JSON, from(uint8(10+i%8)))
	}
	for i := range members {
		c.admit(t, s, fmt.Sprintf("member %d", i), st.Room, st.Token, wire.JSON, from(uint8(20+i%8)))
	}
	c.ping(ctx)
	return c
}

// ping has everybody ask for signs of life until ctx ends.
func (c *crowd) ping(ctx context.Context) {
	for _, v := range c.viewers {
		c.all.Go(func() { v.ping(ctx) })
	}
}

func (c *crowd) admit(t *testing.T, s *server, name, room, token string, encoding wire.Encoding, client *http.Client) *healthy {
	t.Helper()
	v := &healthy{name: name, room: room, every: crowdPing}
	conn, err := wireclient.Dial(t.Context(), wireclient.Config{URL: s.ws(), Encoding: encoding, OnFrame: v.hear, HTTP: client})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	t.Cleanup(conn.Abort)
	v.conn = conn
	if token != "" {
		if _, err := conn.Auth(t.Context(), token); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if _, err := conn.Join(t.Context(), room, position.Position{}, false, 0); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	c.viewers = append(c.viewers, v)
	return v
}

// from is a client whose connections come from an address of its own on the loopback.
func from(host uint8) *http.Client { return fromNetwork(256, host) }

// fromNetwork is from with an address in another network of 256 addresses, of which the loopback has 65,536.
func fromNetwork(network uint16, host uint8) *http.Client {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, byte(network), byte(network>>8), host)}, Timeout: 10 * time.Second}
	return &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext}}
}

func (v *healthy) hear(f *wirepb.ServerFrame) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if j := f.GetJoined(); j != nil {
		v.at = position.Offset(j.GetPosition().GetOffset())
	}
	if g := f.GetGap(); g != nil {
		v.gaps++
		v.at = position.Offset(g.GetTo().GetOffset())
	}
	b := f.GetBatch()
	if b == nil {
		return
	}
	begin, end := position.Offset(b.GetFrom().GetOffset()), position.Offset(b.GetTo().GetOffset())
	if begin != v.at {
		v.wrong = append(v.wrong, fmt.Sprintf("a batch begins after %d, the one before ended at %d", begin, v.at))
	}
	if n := len(b.GetDanmaku()) + int(b.GetSkipped()); position.Offset(n) != end-begin {
		v.wrong = append(v.wrong, fmt.Sprintf("a batch from %d to %d tells of %d", begin, end, n))
	}
	v.danmaku += len(b.GetDanmaku())
	v.skipped += int(b.GetSkipped())
	v.at = end
}

func (v *healthy) ping(ctx context.Context) {
	for ctx.Err() == nil {
		begin := time.Now()
		if _, err := v.conn.Ping(ctx); err != nil {
			return // check tells how the connection ended
		}
		v.mu.Lock()
		v.pings = append(v.pings, time.Since(begin))
		v.mu.Unlock()
		pause(ctx, v.every)
	}
}

// listen gives how the pings of a stretch of time went: the p99.
func (c *crowd) listen(ctx context.Context, d time.Duration) time.Duration {
	c.forget()
	pause(ctx, d)
	return c.p99()
}

func (c *crowd) forget() {
	for _, v := range c.viewers {
		v.mu.Lock()
		v.pings = nil
		v.mu.Unlock()
	}
}

func (c *crowd) p99() time.Duration {
	var all []time.Duration
	for _, v := range c.viewers {
		v.mu.Lock()
		all = append(all, v.pings...)
		v.mu.Unlock()
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)*99/100]
}

// reached waits until every viewer has come to the offset.
func (c *crowd) reached(t *testing.T, to position.Offset) {
	t.Helper()
	await(t, "every viewer learns of everything", 30*time.Second, func() bool {
		for _, v := range c.viewers {
			v.mu.Lock()
			at, ended := v.at, v.ended()
			v.mu.Unlock()
			if at < to && !ended {
				return false
			}
		}
		return true
	})
}

func (v *healthy) ended() bool {
	select {
	case <-v.conn.Done():
		return true
	default:
		return false
	}
}

// check ends the crowd and fails the test for each viewer who was closed or lost something without being
// told.
func (c *crowd) check(t *testing.T) {
	t.Helper()
	c.cancel()
	c.all.Wait()
	danmaku, skipped, gaps := 0, 0, 0
	for _, v := range c.viewers {
		v.mu.Lock()
		if v.ended() {
			code, reason := v.conn.Closed()
			t.Errorf("%s was closed: %d %s", v.name, code, reason)
		}
		if len(v.wrong) > 0 {
			t.Errorf("%s: %d times, first: %s", v.name, len(v.wrong), v.wrong[0])
		}
		danmaku, skipped, gaps = danmaku+v.danmaku, skipped+v.skipped, gaps+v.gaps
		v.mu.Unlock()
	}
	t.Logf("%d viewers: %d danmaku, %d announced as skipped, %d gaps told", len(c.viewers), danmaku, skipped, gaps)
}
