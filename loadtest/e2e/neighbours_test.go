package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wireclient"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// The crowd that stands beside what these tests do: 50 guests of each encoding and 20 connections with a
// login.
const (
	crowdGuests  = 50
	crowdMembers = 20
)

// stretch is how long each bad thing goes on: long in a run of the bars, where the figures count.
func stretch() time.Duration {
	if os.Getenv("BARRAGE_BARS") != "" {
		return 20 * time.Second
	}
	return 5 * time.Second
}

// TestFloodOfOneAccount lets one account post as much as it may over 32 connections. Whoever reads beside
// it keeps the connection and learns of every danmaku, and whoever comes back after a burst, or comes new,
// gets to the head of the room.
//
// The second time the room lets each user post a thousand a second, so that what bounds the frames is tried
// too, and not only what bounds the user. The bar of pings is of the default settings: what 120 viewers have
// to read without them is more than this process, which they share, reads in time.
func TestFloodOfOneAccount(t *testing.T) {
	t.Run("default settings", func(t *testing.T) {
		busy, quiet := floodBesideCrowd(t)
		bar(t, busy <= 2*quiet, "pings within twice the quiet %v, not %v", quiet, busy)
	})
	t.Run("users without limit", func(t *testing.T) {
		_, _ = floodBesideCrowd(t, "--room.posts", "1000", "--room.burst", "10000")
	})
}

// floodBesideCrowd gives the p99 of the crowd's pings during the flood and before.
func floodBesideCrowd(t *testing.T, args ...string) (busy, quiet time.Duration) {
	t.Helper()
	s := start(t, t.TempDir(), args...)
	st := s.streamer(t, "flooded")
	token, _ := s.account(t, "flooder")
	crowd := gather(t, s, st, crowdGuests, crowdMembers)
	quiet = crowd.listen(t.Context(), stretch())
	crowd.forget()
	f := flood(t, s, st.Room, token, 32, stretch())
	busy = crowd.p99()
	if f.acked.Load() < 50 {
		t.Fatalf("only %d were posted: that floods nobody", f.acked.Load())
	}
	for _, encoding := range []wire.Encoding{wire.Proto, wire.JSON} {
		s.comeBack(t, st, encoding)
	}
	crowd.reached(t, position.Offset(f.head.Load()))
	crowd.check(t)
	t.Logf("%d posts acknowledged, %d refused; p99 of a ping %v, quiet %v", f.acked.Load(), f.refused.Load(), busy, quiet)
	return busy, quiet
}

// flooding counts what became of the posts of flood.
type flooding struct {
	acked, refused atomic.Int64
	head           atomic.Uint64 // highest offset that was acknowledged
}

// flood posts over n connections of one account for a while, as fast as its posts are answered.
func flood(t *testing.T, s *server, room, token string, n int, d time.Duration) *flooding {
	t.Helper()
	f := &flooding{}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	text := strings.Repeat("弹", 100)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			for turn := 0; ctx.Err() == nil; turn++ {
				f.connection(ctx, s, room, token, fmt.Sprintf("f%d-%d", i, turn), text)
				pause(ctx, 200*time.Millisecond)
			}
		})
	}
	all.Wait()
	return f
}

// connection posts over one connection until it ends.
func (f *flooding) connection(ctx context.Context, s *server, room, token, name, text string) {
	conn, err := wireclient.Dial(ctx, wireclient.Config{URL: s.ws(), Encoding: wire.Proto, HTTP: from(99)})
	if err != nil {
		return
	}
	defer conn.Abort()
	if _, err := conn.Auth(ctx, token); err != nil {
		return
	}
	for i := 0; ctx.Err() == nil; i++ {
		got, err := conn.Post(ctx, &wirepb.Post{Room: room, Key: fmt.Sprintf("%s-%d", name, i), Text: text})
		switch {
		case err == nil:
			f.acked.Add(1)
			f.raise(got.GetPosition().GetOffset())
		case errors.Is(err, wireclient.ErrClosed):
			return
		case fault.KindOf(err) == fault.Exhausted:
			f.refused.Add(1)
			pause(ctx, fault.From(err).RetryAfter)
		}
	}
}

func (f *flooding) raise(offset uint64) {
	for {
		head := f.head.Load()
		if offset <= head || f.head.CompareAndSwap(head, offset) {
			return
		}
	}
}

// comeBack resumes from the first position of the room until nothing is missing, and joins with the longest
// history there is.
func (s *server) comeBack(t *testing.T, st streamer, encoding wire.Encoding) {
	t.Helper()
	conn, err := wireclient.Dial(t.Context(), wireclient.Config{URL: s.ws(), Encoding: encoding, HTTP: from(98)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Abort()
	begin, err := conn.Join(t.Context(), st.Room, position.Position{}, false, wire.MaxHistory)
	if err != nil {
		t.Fatalf("join with history over %v: %v", encoding, err)
	}
	if len(begin.GetDanmaku()) == 0 {
		t.Errorf("join with history over %v brought none", encoding)
	}
	since := position.Position{Epoch: position.Epoch(begin.GetPosition().GetEpoch()), Offset: 1}
	got := 0
	for pages := 1; ; pages++ {
		j, err := conn.Join(t.Context(), st.Room, since, true, 0)
		if fault.KindOf(err) == fault.Exhausted {
			pause(t.Context(), 200*time.Millisecond)
			continue
		}
		if err != nil {
			code, reason := conn.Closed()
			t.Fatalf("resume, page %d over %v: %v (closed %d %s)", pages, encoding, err, code, reason)
		}
		got += len(j.GetDanmaku())
		if !j.GetRecovered() || !j.GetMore() {
			t.Logf("%v: recovered %v %s after %d pages, %d danmaku", encoding, j.GetRecovered(), j.GetReason(), pages, got)
			return
		}
		since.Epoch, since.Offset = place(j.GetPosition())
	}
}

// TestReadersOfHistory has 60 guests of one address read pages of history as fast as they are answered.
// Others beside them do not notice: their pings are answered as on a quiet node, and a newcomer of another
// address joins.
func TestReadersOfHistory(t *testing.T) {
	s := start(t, t.TempDir())
	st := s.streamer(t, "deep_room")
	token, _ := s.account(t, "scribe")
	crowd := gather(t, s, st, crowdGuests, crowdMembers)
	f := flood(t, s, st.Room, token, 8, stretch())
	crowd.reached(t, position.Offset(f.head.Load()))
	quiet := crowd.listen(t.Context(), stretch())

	ctx, cancel := context.WithCancel(t.Context())
	var pages, refused atomic.Int64
	var all sync.WaitGroup
	for range 60 {
		all.Go(func() {
			for ctx.Err() == nil {
				readPages(ctx, s, st.Room, &pages, &refused)
				pause(ctx, 100*time.Millisecond)
			}
		})
	}
	busy := crowd.listen(t.Context(), stretch())
	s.comeBack(t, st, wire.JSON)
	cancel()
	all.Wait()
	crowd.check(t)
	t.Logf("%d pages read, %d refused; p99 of a ping %v, quiet %v", pages.Load(), refused.Load(), busy, quiet)
	bar(t, busy <= 2*quiet, "pings within twice the quiet %v, not %v", quiet, busy)
}

// readPages asks for the longest page over one connection until it is closed. It does not decode what it
// gets: it runs beside those whose pings are timed, and would hold them up itself.
func readPages(ctx context.Context, s *server, room string, pages, refused *atomic.Int64) {
	conn, _, err := websocket.Dial(ctx, s.ws(), &websocket.DialOptions{HTTPClient: from(97), Subprotocols: []string{wire.SubprotocolJSON}})
	if err != nil {
		refused.Add(1)
		return
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(1 << 20)
	for n := 1; ctx.Err() == nil; n++ {
		request := fmt.Appendf(nil, `{"id":"%d","history":{"room":"%s","limit":%d}}`, n, room, wire.MaxHistory)
		if conn.Write(ctx, websocket.MessageText, request) != nil {
			return
		}
		answer, err := answerTo(ctx, conn, n)
		if err != nil {
			return
		}
		var refusal struct {
			Error struct {
				RetryAfterMS int64 `json:"retry_after_ms"`
			}
		}
		if bytes.Contains(answer[:min(len(answer), 64)], []byte(`"history_page":`)) {
			pages.Add(1)
			continue
		}
		refused.Add(1)
		if err := json.Unmarshal(answer, &refusal); err != nil {
			return
		}
		pause(ctx, time.Duration(refusal.Error.RetryAfterMS)*time.Millisecond)
	}
}

// answerTo reads until the answer to a request comes.
func answerTo(ctx context.Context, conn *websocket.Conn, n int) ([]byte, error) {
	id := fmt.Appendf(nil, `"id":"%d"`, n)
	for {
		_, message, err := conn.Read(ctx)
		if err != nil || bytes.Contains(message[:min(len(message), 64)], id) {
			return message, err
		}
	}
}

// TestIdleConnectionsOfOneAddress opens more connections from one address than the node has places. Pages
// and sockets of a second address are served all the same.
func TestIdleConnectionsOfOneAddress(t *testing.T) {
	s := start(t, t.TempDir(), "--limits.connections", "300")
	st := s.streamer(t, "crowded")
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, 96)}, Timeout: 5 * time.Second}
	for range 300 {
		conn, err := dialer.DialContext(t.Context(), "tcp", s.addrs["http"])
		if err != nil {
			break // refused is as good
		}
		t.Cleanup(func() { _ = conn.Close() })
		_, _ = fmt.Fprintf(conn, "GET /v1/channels?live=true HTTP/1.1\r\nHost: %s\r\n\r\n", s.addrs["http"])
	}
	client := from(95)
	for i := range 20 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url("/v1/channels/"+st.Channel), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Close = true
		res, err := client.Do(req)
		if err != nil {
			t.Fatalf("request %d of a second address: %v", i, err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("request %d of a second address: %s", i, res.Status)
		}
	}
	for i := range 10 {
		conn, err := wireclient.Dial(t.Context(), wireclient.Config{URL: s.ws(), Encoding: wire.Proto, HTTP: client})
		if err != nil {
			t.Fatalf("socket %d of a second address: %v", i, err)
		}
		t.Cleanup(conn.Abort)
		if _, err := conn.Join(t.Context(), st.Room, position.Position{}, false, 0); err != nil {
			t.Errorf("socket %d of a second address: %v", i, err)
		}
	}
}
