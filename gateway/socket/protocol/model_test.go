package protocol

import (
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// world is what is around a State: a client that counts replies, a hub that knows who sits where, and
// questions that wait for an answer.
type world struct {
	t       *rapid.T
	state   *State
	now     time.Time
	replies map[uint64]int
	order   map[id.Room][]uint64 // of the replies to posts and history pages
	asked   map[id.Room][]uint64 // of their requests, those that were refused at once left out
	// out are the questions that have no answer yet; those about a room that has been left may be answered
	// late.
	out   map[uint64]Effect
	seats map[id.Room]bool // false while batches wait for Release
}

// TestEveryRequestHasOneReply has a client ask, a shell answer in any order, and the hub throw the client
// out, all at random. Each id has one reply, about one room in order and one question at a time; the hub
// and the machine agree on who is where; a guest never posts.
func TestEveryRequestHasOneReply(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{
			t: t, state: New("c1", time.Second), now: time.Unix(1_800_000_000, 0), replies: map[uint64]int{},
			order: map[id.Room][]uint64{}, asked: map[id.Room][]uint64{}, out: map[uint64]Effect{}, seats: map[id.Room]bool{},
		}
		n := uint64(0)
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0, 1, 2, 3, 4, 5:
				n++
				w.apply(Received{Frame: w.request(n), Bytes: rapid.SampledFrom([]int{20, 200, wire.MaxClientFrame}).Draw(t, "bytes")})
			case 6, 7, 8:
				w.answerOne()
			case 9:
				if rooms := slices.Sorted(maps.Keys(w.seats)); len(rooms) > 0 {
					w.apply(Evicted{Room: rapid.SampledFrom(rooms).Draw(t, "evicted"), Err: fault.New(fault.Unavailable, "gap", "lost")})
				}
			}
			w.check()
		}
		for len(w.out) > 0 {
			w.answerOne()
			w.check()
		}
		for i := uint64(1); i <= n; i++ {
			if w.replies[i] != 1 {
				t.Fatalf("%d replies to %d", w.replies[i], i)
			}
		}
		if len(w.state.requests.list) != 0 || w.state.requests.bytes != 0 {
			t.Fatalf("requests are left: %+v", w.state.requests)
		}
		for r, asked := range w.asked {
			if !slices.Equal(asked, w.order[r]) {
				t.Fatalf("room %s: requests %v, replies %v", r, asked, w.order[r])
			}
		}
		if in := slices.Sorted(maps.Keys(w.state.rooms)); !slices.Equal(in, slices.Sorted(maps.Keys(w.seats))) {
			t.Fatalf("the machine is in %v, the hub holds %v", in, w.seats)
		}
	})
}

func (w *world) request(n uint64) *wirepb.ClientFrame {
	t := w.t
	r := rapid.SampledFrom([]string{"", "x", "0", "1", "2", "3", "99"}).Draw(t, "room")
	if rapid.Bool().Draw(t, "many") {
		r = strconv.Itoa(rapid.IntRange(1, 40).Draw(t, "number"))
	}
	f := &wirepb.ClientFrame{Id: n}
	switch rapid.IntRange(0, 7).Draw(t, "kind") {
	case 0:
		f.Body = &wirepb.ClientFrame_Auth{Auth: &wirepb.Auth{Token: rapid.SampledFrom([]string{"7", "8", "bad"}).Draw(t, "token")}}
	case 1, 2:
		f.Body = &wirepb.ClientFrame_Join{Join: &wirepb.Join{Room: r, History: rapid.Uint32Range(0, 300).Draw(t, "history")}}
	case 3:
		f.Body = &wirepb.ClientFrame_Leave{Leave: &wirepb.Leave{Room: r}}
	case 4:
		f.Body = &wirepb.ClientFrame_Post{Post: &wirepb.Post{Room: r, Key: "k", Mode: wirepb.Mode(rapid.Int32Range(-1, 4).Draw(t, "mode"))}}
	case 5:
		f.Body = &wirepb.ClientFrame_Ping{Ping: &wirepb.Ping{}}
	case 6:
		f.Body = &wirepb.ClientFrame_History{History: &wirepb.History{Room: r, Limit: rapid.Uint32().Draw(t, "limit")}}
	}
	return f
}

// apply feeds the machine an event and does what it says.
func (w *world) apply(e Event) {
	for _, effect := range w.state.Apply(w.now, e, nil) {
		w.perform(effect)
	}
	if e, ok := e.(Received); ok && w.replies[e.Frame.GetId()] == 0 {
		if r := ordered(e.Frame); r != "" {
			w.asked[r] = append(w.asked[r], e.Frame.GetId())
		}
	}
}

func (w *world) perform(e Effect) {
	switch e := e.(type) {
	case Send:
		w.replied(e.Frame)
	case Verify:
		w.ask(e.Ask, e)
	case Enter:
		w.ask(e.Ask, e)
		w.seats[e.Room] = false
	case Post:
		if w.state.who.User == "" || e.Author.User != w.state.who.User {
			w.t.Fatal("a guest posts")
		}
		w.ask(e.Ask, e)
	case ReadHistory:
		if e.Limit < 1 || e.Limit > wire.MaxHistory {
			w.t.Fatalf("a page of %d", e.Limit)
		}
		w.ask(e.Ask, e)
	case Release:
		if _, seated := w.seats[e.Room]; !seated {
			w.t.Fatalf("room %s is released for one who does not sit there", e.Room)
		}
		w.seats[e.Room] = true
		w.replied(e.Frame)
	case Leave:
		delete(w.seats, e.Room)
		w.replied(e.Frame)
	}
}

func (w *world) ask(n uint64, e Effect) {
	if n == 0 || w.out[n] != nil {
		w.t.Fatalf("question %d is asked again", n)
	}
	w.out[n] = e
}

func (w *world) replied(f *wirepb.ServerFrame) {
	n := f.GetId()
	if n == 0 {
		return
	}
	w.replies[n]++
	for r, asked := range w.asked {
		if slices.Contains(asked, n) {
			w.order[r] = append(w.order[r], n)
		}
	}
}

// answerOne answers one of the questions that are out.
func (w *world) answerOne() {
	if len(w.out) == 0 {
		return
	}
	n := rapid.SampledFrom(slices.Sorted(maps.Keys(w.out))).Draw(w.t, "answered")
	err := error(nil)
	if rapid.IntRange(0, 3).Draw(w.t, "fails") == 0 {
		err = fault.New(fault.Timeout, "late", "too late")
	}
	e := w.out[n]
	delete(w.out, n)
	switch e := e.(type) {
	case Verify:
		w.apply(Verified{Ask: n, Who: auth.Identity{User: id.User(e.Token), Expires: time.Unix(1_900_000_000, 0)}, Err: err})
	case Enter:
		w.apply(Entered{Ask: n, Entry: Entry{More: rapid.IntRange(0, 5).Draw(w.t, "more") == 0}, Err: err})
	case Post:
		w.apply(Posted{Ask: n, Err: err})
	case ReadHistory:
		w.apply(Read{Ask: n, Err: err})
	}
}

// check holds the machine to its bounds.
func (w *world) check() {
	q := w.state.requests
	if len(q.list) > maxRequests || q.bytes > maxRequestBytes {
		w.t.Fatalf("%d requests of %d bytes wait", len(q.list), q.bytes)
	}
	if len(w.state.rooms) > wire.MaxRooms || len(w.seats) > wire.MaxRooms {
		w.t.Fatalf("in %d rooms, %d at the hub", len(w.state.rooms), len(w.seats))
	}
	busy := map[id.Room]int{}
	for _, r := range q.list {
		if r.ask != 0 {
			busy[r.room]++
		}
	}
	for i, r := range q.list {
		if busy[r.room] != 1 {
			w.t.Fatalf("request %d about room %q waits beside %d that are out", i, r.room, busy[r.room])
		}
	}
}

// ordered is the room of a request whose replies come in order; empty for others.
func ordered(f *wirepb.ClientFrame) id.Room {
	switch b := f.GetBody().(type) {
	case *wirepb.ClientFrame_Post:
		return id.Room(b.Post.GetRoom())
	case *wirepb.ClientFrame_History:
		return id.Room(b.History.GetRoom())
	}
	return ""
}
