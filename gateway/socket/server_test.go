package socket_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/barrage-live/barrage/actors/actortest"
	"github.com/barrage-live/barrage/gateway/socket"
	"github.com/barrage-live/barrage/gateway/socket/sockettest"
	"github.com/barrage-live/barrage/gateway/socket/ws"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wireclient"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

func plain(t *testing.T) *sockettest.World {
	t.Helper()
	return sockettest.NewWorld(t, socket.Config{}, false)
}

// TestTwoClientsSeeEachOther is the main story, on every pair of transport and encodings.
func TestTwoClientsSeeEachOther(t *testing.T) {
	for _, tls := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls=%v", tls), func(t *testing.T) {
			w := sockettest.NewWorld(t, socket.Config{}, tls)
			ann, bob := w.Enter(wire.JSON, "ann-s1-1h"), w.Enter(wire.Proto, "bob-s2-1h")
			guest := w.Enter(wire.JSON, "")
			var want []string
			for i := range 25 {
				for _, v := range []*sockettest.Viewer{ann, bob} {
					text := fmt.Sprintf("%d 弹幕 <b>&", len(want))
					if p := v.MustSay(text); p.GetPosition().GetOffset() != uint64(len(want)+1) || p.GetDuplicate() {
						t.Fatalf("post %d acked at %v", i, p)
					}
					want = append(want, text)
				}
				if i%10 == 9 {
					ann.AwaitText(want[len(want)-1]) // below the rate limit
				}
			}
			for _, v := range []*sockettest.Viewer{ann, bob, guest} {
				v.AwaitText(want[len(want)-1])
				if got := v.Seen(); !slices.Equal(got, want) {
					t.Errorf("saw %q", got)
				}
			}
		})
	}
}

func TestResumeAfterReconnect(t *testing.T) {
	w := plain(t)
	ann, bob := w.Enter(wire.JSON, "ann-s1-1h"), w.Enter(wire.Proto, "")
	ann.MustSay("one")
	bob.AwaitText("one")
	bob.Abort()
	ann.MustSay("two")
	ann.MustSay("three")
	ann.AwaitText("three")

	bob = w.Dial(wire.Proto, "")
	j, err := bob.Join(bob.Context(), sockettest.Room, position.Position{Epoch: 1, Offset: 1}, true, 0)
	if err != nil || !j.GetRecovered() || j.GetReason() != "" {
		t.Fatalf("joined %v, %v", j, err)
	}
	ann.MustSay("four")
	bob.AwaitText("four")
	if got := bob.Seen(); !slices.Equal(got, []string{"two", "three", "four"}) {
		t.Errorf("saw %q", got)
	}
}

func TestResumeIsHonest(t *testing.T) {
	w := plain(t)
	ann := w.Enter(wire.JSON, "ann-s1-1h")
	for i := range 5 {
		ann.MustSay(fmt.Sprint(i))
	}
	ann.AwaitText("4")
	for _, c := range []struct {
		name   string
		since  position.Position
		reason string
	}{
		{"a place the log never held", position.Position{Epoch: 9, Offset: 2}, "unknown_position"},
		{"a place ahead of the log", position.Position{Epoch: 1, Offset: 99}, "unknown_position"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := w.Dial(wire.Proto, "")
			j, err := v.Join(v.Context(), sockettest.Room, c.since, true, 2)
			if err != nil || j.GetRecovered() || j.GetReason() != c.reason {
				t.Fatalf("joined %v, %v", j, err)
			}
			if rows := j.GetDanmaku(); len(rows) != 2 || rows[1].GetText() != "4" || j.GetPosition().GetOffset() != 5 {
				t.Errorf("got %v at %v, want the newest two", rows, j.GetPosition())
			}
		})
	}
}

func TestHistoryPages(t *testing.T) {
	w := plain(t)
	ann := w.Enter(wire.JSON, "ann-s1-1h")
	for i := range 10 {
		ann.MustSay(fmt.Sprint(i))
	}
	ann.AwaitText("9")
	newest, err := ann.History(ann.Context(), sockettest.Room, position.Position{}, 4)
	if err != nil || len(newest.GetDanmaku()) != 4 || newest.GetDanmaku()[3].GetText() != "9" || !newest.GetMore() {
		t.Fatalf("newest %v, %v", newest, err)
	}
	before := sockettest.PositionOf(newest.GetDanmaku()[0])
	older, err := ann.History(ann.Context(), sockettest.Room, before, 50)
	if err != nil || len(older.GetDanmaku()) != 6 || older.GetDanmaku()[0].GetText() != "0" || older.GetMore() {
		t.Fatalf("older %v, %v", older, err)
	}
}

func TestRetryWithTheSameKeyIsOneDanmaku(t *testing.T) {
	w := plain(t)
	ann := w.Enter(wire.JSON, "ann-s1-1h")
	post := &wirepb.Post{Room: sockettest.Room, Key: "k", Text: "once"}
	first, err := ann.Post(ann.Context(), post)
	if err != nil {
		t.Fatal(err)
	}
	second, err := ann.Post(ann.Context(), post)
	if err != nil || !second.GetDuplicate() || second.GetPosition().GetOffset() != first.GetPosition().GetOffset() {
		t.Errorf("second %v, %v; first %v", second, err, first)
	}
}

func TestLeaveEndsTheBatches(t *testing.T) {
	w := plain(t)
	ann, bob := w.Enter(wire.JSON, "ann-s1-1h"), w.Enter(wire.Proto, "")
	ann.MustSay("before")
	bob.AwaitText("before")
	if err := bob.Leave(bob.Context(), sockettest.Room); err != nil {
		t.Fatal(err)
	}
	ann.MustSay("after")
	ann.AwaitText("after")
	if _, err := bob.Ping(bob.Context()); err != nil {
		t.Fatal(err)
	}
	if got := bob.Seen(); !slices.Equal(got, []string{"before"}) {
		t.Errorf("saw %q", got)
	}
}

func TestOnlineCountReachesEverybody(t *testing.T) {
	w := sockettest.NewWorld(t, socket.Config{}, false)
	ann := w.Enter(wire.JSON, "")
	bob := w.Enter(wire.Proto, "")
	for _, v := range []*sockettest.Viewer{ann, bob} {
		v.Await(func(f *wirepb.ServerFrame) bool { return f.GetRoomState().GetOnline() == 2 })
	}
	bob.Close()
	ann.Await(func(f *wirepb.ServerFrame) bool { return f.GetRoomState().GetOnline() == 1 })
}

func TestTokens(t *testing.T) {
	w := plain(t)
	t.Run("a guest watches and does not post", func(t *testing.T) {
		guest := w.Enter(wire.JSON, "")
		_, err := guest.Say("hi")
		sockettest.Refused(t, err, "login_required")
	})
	t.Run("a wrong token is refused and changes nothing", func(t *testing.T) {
		v := w.Enter(wire.Proto, "")
		_, err := v.Auth(v.Context(), "eyJhbGciOiJub25lIn0.e30.")
		sockettest.Refused(t, err, "token_invalid")
		if _, err := v.Ping(v.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("an expired token is refused", func(t *testing.T) {
		v := w.Dial(wire.JSON, "")
		_, err := v.Auth(v.Context(), "ann-s1-0s")
		sockettest.Refused(t, err, "token_expired")
	})
	t.Run("another user is refused", func(t *testing.T) {
		v := w.Dial(wire.JSON, "ann-s1-1h")
		_, err := v.Auth(v.Context(), "bob-s2-1h")
		sockettest.Refused(t, err, "other_user")
	})
	t.Run("expiry while connected closes 4401", func(t *testing.T) {
		v := w.Enter(wire.JSON, "")
		if _, err := v.Auth(v.Context(), "ann-s1-2s"); err != nil {
			t.Fatal(err)
		}
		if code := v.AwaitEnd(); code != fault.Unauthenticated.CloseCode() {
			t.Errorf("closed %d", code)
		}
		v.Await(func(f *wirepb.ServerFrame) bool { return f.GetId() == 0 && f.GetError().GetCode() == "token_expired" })
	})
	t.Run("a newer token keeps the connection", func(t *testing.T) {
		v := w.Enter(wire.JSON, "ann-s1-2s")
		if _, err := v.Auth(v.Context(), "ann-s1-1h"); err != nil {
			t.Fatal(err)
		}
		old := w.Enter(wire.Proto, "ann-s1-3s") // ends after the first token would have
		old.AwaitEnd()
		v.MustSay("still here")
	})
	t.Run("logout closes 4401, others stay", func(t *testing.T) {
		out, stays := w.Enter(wire.JSON, "ann-s8-1h"), w.Enter(wire.Proto, "ann-s9-1h")
		w.EndLogin("s8")
		if code := out.AwaitEnd(); code != 4401 {
			t.Errorf("closed %d", code)
		}
		stays.MustSay("another device")
	})
}

func TestRoomsOfOneConnection(t *testing.T) {
	w := plain(t)
	v := w.Dial(wire.JSON, "ann-s1-1h")
	_, err := v.Join(v.Context(), "44", position.Position{}, false, 0)
	sockettest.Refused(t, err, "no_room")
	_, err = v.Join(v.Context(), "not-a-room", position.Position{}, false, 0)
	sockettest.Refused(t, err, "bad_id")
	v.MustJoin(sockettest.Room)
	v.MustJoin(sockettest.Other)
	_, err = v.Post(v.Context(), &wirepb.Post{Room: sockettest.Other, Key: "k", Text: "there", MediaTimeMs: new(uint64(7))})
	if err != nil {
		t.Fatal(err)
	}
	v.AwaitText("there")
	if got := v.Seen(); len(got) != 0 {
		t.Errorf("danmaku of one room came as those of another: %q", got)
	}
}

func TestDrain(t *testing.T) {
	cfg := socket.Config{DrainSpread: 200 * time.Millisecond}
	w := sockettest.NewWorld(t, cfg, false)
	viewers := make([]*sockettest.Viewer, 20)
	for i := range viewers {
		viewers[i] = w.Enter(wire.Encoding(i%2), "")
	}
	ctx, cancel := context.WithTimeout(context.Background(), sockettest.Patience)
	defer cancel()
	if err := w.Gateway.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	for _, v := range viewers {
		if code := v.AwaitEnd(); code != 1012 {
			t.Errorf("closed %d", code)
		}
		v.Await(func(f *wirepb.ServerFrame) bool { return f.GetReconnect().GetMaxDelayMs() == 200 })
	}
	_, err := wireclient.Dial(ctx, wireclient.Config{URL: w.URL})
	if refused, ok := errors.AsType[*wireclient.Refused](err); !ok || refused.Status != 503 || refused.RetryAfter == 0 {
		t.Errorf("a draining node answered %v", err)
	}
}

// TestDrainDoesNotWaitForARoomThatHangs: the actors of the node still have to be flushed in the time that
// is left.
func TestDrainDoesNotWaitForARoomThatHangs(t *testing.T) {
	w, a := ailingWorld(t, socket.Config{DrainSpread: 200 * time.Millisecond, AskTimeout: time.Hour})
	stuck, fine := w.Enter(wire.JSON, "ann-s1-1h"), w.Enter(wire.Proto, "")
	go func() { _, _ = stuck.Say(actortest.Hang) }()
	a.AwaitHang()
	ctx, cancel := context.WithTimeout(context.Background(), sockettest.Patience)
	defer cancel()
	if err := w.Gateway.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	for _, v := range []*sockettest.Viewer{stuck, fine} {
		if code := v.AwaitEnd(); code != 1012 {
			t.Errorf("closed %d", code)
		}
	}
}

func TestFullNodeRefusesAndRecovers(t *testing.T) {
	w := sockettest.NewWorld(t, socket.Config{WS: ws.Config{MaxConnections: 3}}, false)
	viewers := []*sockettest.Viewer{w.Enter(wire.JSON, ""), w.Enter(wire.JSON, ""), w.Enter(wire.JSON, "ann-s1-1h")}
	ctx := viewers[0].Context()
	_, err := wireclient.Dial(ctx, wireclient.Config{URL: w.URL})
	if refused, ok := errors.AsType[*wireclient.Refused](err); !ok || refused.Status != 503 || refused.RetryAfter == 0 {
		t.Errorf("a full node answered %v", err)
	}
	viewers[0].Close()
	sockettest.Eventually(t, "a place is free", func() bool { return w.Gateway.Connections() == 2 })
	w.Enter(wire.JSON, "")
	viewers[2].MustSay("noticed nothing")
	viewers[1].AwaitText("noticed nothing")
}
