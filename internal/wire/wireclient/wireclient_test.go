package wireclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

func TestFullJitterStaysInItsBounds(t *testing.T) {
	for attempt := range 100 {
		most := min(30*time.Second, 500*time.Millisecond<<min(attempt, 20))
		for range 50 {
			if d := FullJitter(attempt); d < 0 || d > most {
				t.Fatalf("attempt %d waits %v, at most %v are allowed", attempt, d, most)
			}
		}
	}
}

func TestFaultOfAnErrorFrame(t *testing.T) {
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		want := fault.New(k, "code", "message").In("field").After(1500 * time.Millisecond)
		got := Fault(wire.Refusal(1, want).GetError())
		if got.Kind != k || got.Code != want.Code || got.Field != want.Field || got.RetryAfter != want.RetryAfter {
			t.Errorf("%v became %v", want, got)
		}
	}
	if got := Fault(&wirepb.Error{Kind: "of a later version"}); got.Kind != fault.Internal {
		t.Errorf("an unknown kind became %v", got.Kind)
	}
}

// story is a follower that notes what it is told.
type story struct {
	*follower
	seen   []uint64
	losses []string
}

func newStory() *story {
	s := &story{}
	s.follower = &follower{cfg: FollowConfig{
		OnDanmaku: func(_ string, rows []*wirepb.Danmaku) {
			for _, d := range rows {
				s.seen = append(s.seen, d.GetOffset())
			}
		},
		OnLoss: func(_, reason string, count int) { s.losses = append(s.losses, fmt.Sprint(reason, " ", count)) },
	}}
	s.mu.at = map[string]position.Position{}
	s.mu.again = make(chan string, 1)
	return s
}

func at(offset uint64) *wirepb.Position { return &wirepb.Position{Epoch: 1, Offset: offset} }

func rows(from, n uint64) []*wirepb.Danmaku {
	list := make([]*wirepb.Danmaku, n)
	for i := range list {
		list[i] = &wirepb.Danmaku{Offset: from + uint64(i)}
	}
	return list
}

// batch tells of n danmaku from an offset on, and of skipped ones after them.
func (s *story) batch(from, n, skipped uint64) {
	s.frame(&wirepb.ServerFrame{Body: &wirepb.ServerFrame_Batch{Batch: &wirepb.Batch{
		Room: "42", From: at(from - 1), To: at(from + n + skipped - 1), Danmaku: rows(from, n), Skipped: uint32(skipped), Why: "sampled",
	}}})
}

func (s *story) answer(recovered bool, from, n, position uint64) {
	s.frame(&wirepb.ServerFrame{Body: &wirepb.ServerFrame_Joined{Joined: &wirepb.Joined{
		Room: "42", Recovered: recovered, Reason: "too_old", Danmaku: rows(from, n), Position: at(position),
	}}})
}

func (s *story) gap(g *wirepb.Gap) {
	s.frame(&wirepb.ServerFrame{Body: &wirepb.ServerFrame_Gap{Gap: g}})
}

// joinsAgain reports whether the follower wants to join again.
func (s *story) joinsAgain() bool {
	select {
	case r := <-s.mu.again:
		return r == "42"
	default:
		return false
	}
}

func TestFollowTellsEveryDanmakuOnce(t *testing.T) {
	s := newStory()
	s.batch(1, 2, 0) // not joined yet
	s.answer(false, 3, 2, 4)
	s.batch(5, 2, 0)
	s.batch(8, 1, 0) // a hole
	if !s.joinsAgain() {
		t.Error("a hole goes unnoticed")
	}
	s.answer(true, 7, 2, 8)
	s.batch(9, 1, 0)
	s.batch(8, 2, 0)          // all of it is known
	s.answer(false, 9, 6, 14) // a break, with rows that are known already
	s.batch(15, 1, 4)
	s.batch(20, 1, 0)
	if s.joinsAgain() {
		t.Error("what was left out, and told, passes for a hole")
	}
	s.gap(&wirepb.Gap{Room: "42", From: at(20), To: at(29), Count: 9, Reason: "slow"})
	s.batch(30, 1, 0)
	if s.joinsAgain() {
		t.Error("a gap that was told passes for a hole")
	}
	s.gap(&wirepb.Gap{Room: "42", Reason: "room_closed"})
	if !s.joinsAgain() {
		t.Error("a room that was closed is not joined again")
	}
	if want := []uint64{3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 20, 30}; !slices.Equal(s.seen, want) {
		t.Errorf("told %v, want %v", s.seen, want)
	}
	if want := []string{"too_old 0", "sampled 4", "slow 9"}; !slices.Equal(s.losses, want) {
		t.Errorf("losses %q, want %q", s.losses, want)
	}
}

// host serves sockets that end as the test says, and notes when they were opened.
type host struct {
	*httptest.Server
	mu     sync.Mutex
	opened []time.Time
}

func newHost(t *testing.T, serve func(attempt int, w http.ResponseWriter, r *http.Request)) *host {
	t.Helper()
	h := &host{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.opened = append(h.opened, time.Now())
		attempt := len(h.opened)
		h.mu.Unlock()
		serve(attempt, w, r)
	}))
	t.Cleanup(h.Close)
	return h
}

// follow follows a room of the host until it stays away or ctx ends, and gives the times at which it came.
func (h *host) follow(ctx context.Context) ([]time.Time, error) {
	err := Follow(ctx, FollowConfig{
		Config: Config{URL: "ws" + strings.TrimPrefix(h.URL, "http"), Encoding: wire.JSON},
		Rooms:  []string{"42"}, Backoff: func(attempt int) time.Duration { return time.Duration(attempt) },
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.opened, err
}

// socket accepts a socket and says frames.
func socket(w http.ResponseWriter, r *http.Request, frames ...*wirepb.ServerFrame) *websocket.Conn {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{wire.SubprotocolJSON}})
	if err != nil {
		return nil
	}
	for _, f := range frames {
		b, err := wire.Encode(wire.JSON, f)
		if err != nil || c.Write(r.Context(), websocket.MessageText, b) != nil {
			return nil
		}
	}
	return c
}

// TestFollowStaysAwayAsTheSpecificationAsks closes the first connection with every code, and sees whether a
// second one comes.
func TestFollowStaysAwayAsTheSpecificationAsks(t *testing.T) {
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 1013, 4001, 4008, 4401, 4403, 4404, 4408, 4409, 4429, 4999} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			h := newHost(t, func(attempt int, w http.ResponseWriter, r *http.Request) {
				if attempt > 1 {
					cancel()
				}
				_ = socket(w, r).Close(websocket.StatusCode(code), "because")
			})
			opened, err := h.follow(ctx)
			closed, away := errors.AsType[*Closed](err)
			if want := wire.AfterClose(code) == wire.StayAway; away != want || away != (len(opened) == 1) {
				t.Fatalf("after %d connections: %v", len(opened), err)
			}
			if away && (closed.Code != code || closed.Reason != "because") {
				t.Errorf("told %v", err)
			}
		})
	}
}

func TestFollowAfterARefusal(t *testing.T) {
	// refused answers the first request, which is the join.
	refused := func(kind fault.Kind) func(w http.ResponseWriter, r *http.Request) {
		answer := wire.Refusal(1, fault.New(kind, "code", "no").After(80*time.Millisecond))
		return func(w http.ResponseWriter, r *http.Request) { waitForEnd(r, socket(w, r, answer)) }
	}
	for _, c := range []struct {
		name  string
		serve func(w http.ResponseWriter, r *http.Request)
		again bool
		rest  time.Duration
	}{
		{"no such room", refused(fault.NotFound), false, 0},
		{"a busy room", refused(fault.Exhausted), true, 80 * time.Millisecond},
		{"a token that is out of date", refused(fault.Unauthenticated), true, 80 * time.Millisecond},
		{"a close that was announced with a wait", func(w http.ResponseWriter, r *http.Request) {
			_ = socket(w, r, wire.Refusal(0, fault.New(fault.Unavailable, "busy", "later").After(80*time.Millisecond))).Close(1013, "")
		}, true, 80 * time.Millisecond},
		{"a node that is full", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
		}, true, time.Second},
		{"too many handshakes", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }, true, 0},
		{"a foreign origin", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			h := newHost(t, func(attempt int, w http.ResponseWriter, r *http.Request) {
				if attempt > 1 {
					cancel()
					return
				}
				c.serve(w, r)
			})
			opened, err := h.follow(ctx)
			if again := len(opened) > 1; again != c.again {
				t.Fatalf("after %d connections: %v", len(opened), err)
			}
			if c.again && opened[1].Sub(opened[0]) < c.rest {
				t.Errorf("came back after %v, asked for %v", opened[1].Sub(opened[0]), c.rest)
			}
		})
	}
}

// waitForEnd reads until the client has ended the connection.
func waitForEnd(r *http.Request, c *websocket.Conn) {
	for {
		if _, _, err := c.Read(r.Context()); err != nil {
			return
		}
	}
}
