package socket_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/gateway/socket"
	"github.com/barrage-live/barrage/gateway/socket/sockettest"
	"github.com/barrage-live/barrage/gateway/socket/ws"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// stalled is a room whose log takes nothing until it is released: posts to it have no answer, those to
// other rooms are answered at once.
type stalled struct {
	asked atomic.Int64
	mu    sync.Mutex
	done  []func(position.Position, bool, error)
}

func (s *stalled) PostFunc(_ time.Time, r id.Room, _ room.Author, _ room.Draft, done func(position.Position, bool, error)) {
	if r != sockettest.Room {
		done(position.Position{Epoch: 1, Offset: 1}, false, nil)
		return
	}
	s.mu.Lock()
	s.done = append(s.done, done)
	s.mu.Unlock()
	s.asked.Add(1)
}

// release answers what was asked.
func (s *stalled) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, done := range s.done {
		done(position.Position{Epoch: 1, Offset: position.Offset(i + 1)}, false, nil)
	}
	s.done = nil
}

// TestAStalledRoomHoldsUpNobody has more sockets than there are workers post to a room whose log stalls.
// While none of them has an answer everything else goes on, for them and for others.
func TestAStalledRoomHoldsUpNobody(t *testing.T) {
	const many = 512
	w := sockettest.NewWorld(t, socket.Config{WS: ws.Config{Workers: 4, HandshakeBurst: 2 * many}}, false)
	neighbour := w.Enter(wire.JSON, "")
	posters := make([]*sockettest.Viewer, many)
	for i := range posters {
		posters[i] = w.Dial(wire.Encoding(i%2), fmt.Sprintf("%d-s%d-1h", i+1, i))
	}
	s := &stalled{}
	w.Rooms.PostTo(s)
	var answers atomic.Int64
	var posting sync.WaitGroup
	for _, p := range posters {
		posting.Go(func() {
			if _, err := p.Say("x"); err == nil {
				answers.Add(1)
			}
		})
	}
	sockettest.Eventually(t, "all have posted", func() bool { return s.asked.Load() == many })

	if _, err := neighbour.Ping(neighbour.Context()); err != nil {
		t.Errorf("a neighbour's ping: %v", err)
	}
	w.Rooms.Append(sockettest.Room, "of another node")
	neighbour.AwaitText("of another node")
	own := posters[0]
	if _, err := own.Ping(own.Context()); err != nil {
		t.Errorf("the ping of one who posted: %v", err)
	}
	own.MustJoin(sockettest.Other)
	if _, err := own.Post(own.Context(), &wirepb.Post{Room: sockettest.Other, Key: "k", Text: "there"}); err != nil {
		t.Errorf("a post to another room: %v", err)
	}
	if err := own.Leave(own.Context(), sockettest.Room); err != nil {
		t.Errorf("leaving the room: %v", err)
	}
	w.EndLogin("s1")
	if code := posters[1].AwaitEnd(); code != 4401 {
		t.Errorf("a logout closes %d", code)
	}
	posters[2].Close()
	sockettest.Eventually(t, "two are gone", func() bool { return w.Gateway.Connections() == many-1 })
	if n := answers.Load(); n != 0 {
		t.Errorf("%d posts were answered meanwhile", n)
	}

	s.release()
	posting.Wait()
	if n := answers.Load(); n != many-2 {
		t.Errorf("%d posts were answered at the end, want all but two", n)
	}
}

// TestRequestsAboutOneRoomKeepTheirOrder sends many posts at once: they are handed to the room one after
// the other.
func TestRequestsAboutOneRoomKeepTheirOrder(t *testing.T) {
	w := plain(t)
	r := sockettest.DialRaw(t, w.Addr, wire.Proto, nil)
	r.Say(&wirepb.ClientFrame{Id: 1, Body: &wirepb.ClientFrame_Auth{Auth: &wirepb.Auth{Token: "7-s1-1h"}}})
	r.Hear(func(f *wirepb.ServerFrame) bool { return f.GetId() == 1 && f.GetWelcome() != nil })
	s := &stalled{}
	w.Rooms.PostTo(s)
	for i := range uint64(3) {
		r.Say(&wirepb.ClientFrame{Id: 2 + i, Body: &wirepb.ClientFrame_Post{Post: &wirepb.Post{Room: sockettest.Room, Key: fmt.Sprint("k", i), Text: "x"}}})
	}
	for i := range uint64(3) {
		sockettest.Eventually(t, "the next is asked", func() bool { return s.asked.Load() == int64(i+1) })
		r.Say(&wirepb.ClientFrame{Id: 100 + i, Body: &wirepb.ClientFrame_Ping{Ping: &wirepb.Ping{}}})
		r.Hear(func(f *wirepb.ServerFrame) bool {
			if f.GetPosted() != nil {
				t.Errorf("post %d is answered before the one ahead of it", f.GetId())
			}
			return f.GetId() == 100+i
		})
		if n := s.asked.Load(); n != int64(i+1) {
			t.Errorf("%d posts are with the room at once", n)
		}
		s.release()
		r.Hear(func(f *wirepb.ServerFrame) bool { return f.GetId() == 2+i && f.GetPosted() != nil })
	}
}
