package socket_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/barrage-live/barrage/gateway/socket"
	"github.com/barrage-live/barrage/gateway/socket/sockettest"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wireclient"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// TestStormOfJoinsAsksTheRoomOnce joins while danmaku flow: every joiner sees the rest without a hole, and
// the room is asked a fixed number of times.
func TestStormOfJoinsAsksTheRoomOnce(t *testing.T) {
	w := plain(t)
	ann := w.Enter(wire.JSON, "ann-s1-1h")
	for i := range 30 {
		ann.MustSay(fmt.Sprint("early ", i))
	}
	ann.AwaitText("early 29")
	var joins sync.WaitGroup
	viewers := make([]*sockettest.Viewer, 60)
	for i := range viewers {
		joins.Go(func() {
			v := w.Dial(wire.Encoding(i%2), "")
			if _, err := v.Join(v.Context(), sockettest.Room, position.Position{}, false, 20); err != nil {
				t.Error(err)
			}
			viewers[i] = v
		})
	}
	for i := range 20 {
		ann.MustSay(fmt.Sprint("late ", i))
	}
	joins.Wait()
	ann.AwaitText("late 19")
	ann.MustSay("end")
	for _, v := range viewers {
		v.AwaitText("end")
		if got := v.Seen(); len(got) < 20 {
			t.Errorf("saw %d", len(got))
		}
	}
	if n := w.Rooms.Asked("attach") + w.Rooms.Asked("history") + w.Rooms.Asked("resume"); n > 4 {
		t.Errorf("the room was asked %d times for %d joins", n, len(viewers))
	}
}

// TestStormOfResumesAsksTheRoomNothing has hundreds come back at once from the oldest place that is kept,
// while others talk: each gets everything, from memory.
func TestStormOfResumesAsksTheRoomNothing(t *testing.T) {
	w := plain(t)
	ann := w.Enter(wire.JSON, "ann-s1-1h")
	for i := range 10 {
		w.Rooms.Append(sockettest.Room, texts(100, 60+i, "弹")...)
		w.Rooms.Tick()
	}
	ann.AwaitPosition(1000)
	before := w.Rooms.Asked("resume") + w.Rooms.Asked("history")
	var storm sync.WaitGroup
	for i := range 50 {
		storm.Go(func() {
			v := w.Dial(wire.Encoding(i%2), "")
			j, err := v.Join(v.Context(), sockettest.Room, position.Position{Epoch: 1, Offset: 1}, true, 0)
			if err != nil || !j.GetRecovered() || j.GetMore() {
				t.Errorf("joined %v, %v", j, err)
				return
			}
			v.AwaitPosition(1000)
			if got := v.Seen(); len(got) < 999 {
				t.Errorf("%d of 999 came", len(got))
			}
		})
	}
	for i := range 20 {
		ann.MustSay(fmt.Sprint("meanwhile ", i))
	}
	storm.Wait()
	ann.AwaitText("meanwhile 19")
	if n := w.Rooms.Asked("resume") + w.Rooms.Asked("history") - before; n != 0 {
		t.Errorf("the room was asked %d times", n)
	}
}

func TestHoleInTheBatchesIsFilled(t *testing.T) {
	w := plain(t)
	ann, bob := w.Enter(wire.JSON, "ann-s1-1h"), w.Enter(wire.Proto, "")
	ann.MustSay("one")
	bob.AwaitText("one")
	w.Rooms.Lose(1)
	ann.MustSay("two")
	sockettest.Eventually(t, "the batch is lost", func() bool { return w.Rooms.Losing() == 0 })
	ann.MustSay("three")
	bob.AwaitText("three")
	if got := bob.Seen(); !slices.Equal(got, []string{"one", "two", "three"}) {
		t.Errorf("saw %q", got)
	}
}

func TestRoomThatMovesIsAttachedAnew(t *testing.T) {
	w := plain(t)
	ann, bob := w.Enter(wire.JSON, "ann-s1-1h"), w.Enter(wire.Proto, "")
	ann.MustSay("one")
	bob.AwaitText("one")
	w.Rooms.Move(sockettest.Room, true)
	ann.MustSay("two")
	sockettest.Eventually(t, "attached again", func() bool { return w.Rooms.Attached(sockettest.Room) == 1 })
	ann.MustSay("three")
	bob.AwaitText("three")
	if got := bob.Seen(); !slices.Equal(got, []string{"one", "two", "three"}) {
		t.Errorf("saw %q", got)
	}
}

func TestHoleThatCannotBeFilledIsTold(t *testing.T) {
	w := plain(t)
	ann, bob := w.Enter(wire.JSON, "ann-s1-1h"), w.Enter(wire.Proto, "")
	ann.MustSay("one")
	bob.AwaitText("one")
	w.Rooms.Fail(fault.New(fault.Unavailable, "elsewhere", "the room cannot be asked"))
	w.Rooms.Move(sockettest.Room, true)
	sockettest.Eventually(t, "attaching fails", func() bool { return w.Rooms.Asked("attach") > 2 })
	w.Rooms.Append(sockettest.Room, "lost", "last")
	w.Rooms.Tick() // they go out while this node is not attached
	w.Rooms.Expire(sockettest.Room, 1)
	w.Rooms.Fail(nil)
	gap := bob.Await(func(f *wirepb.ServerFrame) bool { return f.GetGap() != nil })
	if g := gap.GetGap(); g.GetRoom() != sockettest.Room || gap.GetId() != 0 || g.GetReason() != "lost" || g.GetCount() != 2 ||
		g.GetFrom().GetOffset() != 1 || g.GetTo().GetOffset() != 3 {
		t.Errorf("told %v", gap)
	}
	ann.MustSay("after")
	bob.AwaitText("after") // the connection is still in the room
	j, err := bob.Join(bob.Context(), sockettest.Room, position.Position{Epoch: 1, Offset: 1}, true, 10)
	if err != nil || j.GetRecovered() || j.GetReason() != "too_old" || len(j.GetDanmaku()) != 2 {
		t.Errorf("joined %v, %v", j, err)
	}
}

func TestRoomIsDetachedAfterTheLastLeft(t *testing.T) {
	cfg := socket.Config{}
	cfg.Hub.Grace = 50 * time.Millisecond
	w := sockettest.NewWorld(t, cfg, false)
	v := w.Enter(wire.JSON, "")
	v.Close()
	sockettest.Eventually(t, "detached", func() bool { return w.Rooms.Attached(sockettest.Room) == 0 })
	again := w.Enter(wire.JSON, "ann-s1-1h")
	again.MustSay("back")
	again.AwaitText("back")
}

// TestFollowerLosesNothing cuts the connections of a follower again and again while another viewer posts.
func TestFollowerLosesNothing(t *testing.T) {
	w := plain(t)
	ann := w.Enter(wire.JSON, "ann-s1-1h")
	ctx, cancel := context.WithTimeout(context.Background(), sockettest.Patience)
	defer cancel()
	var mu sync.Mutex
	var seen []string
	clients := make(chan *wireclient.Client, 100)
	var following sync.WaitGroup
	following.Go(func() {
		_ = wireclient.Follow(ctx, wireclient.FollowConfig{
			Config: wireclient.Config{URL: w.URL, Encoding: wire.Proto},
			Rooms:  []string{sockettest.Room},
			OnDanmaku: func(_ string, rows []*wirepb.Danmaku) {
				mu.Lock()
				defer mu.Unlock()
				for _, d := range rows {
					seen = append(seen, d.GetText())
				}
			},
			OnLoss:   func(_, reason string, n int) { t.Errorf("lost %d: %s", n, reason) },
			OnClient: func(c *wireclient.Client) { clients <- c },
			Backoff:  func(int) time.Duration { return time.Millisecond },
		})
	})
	var want []string
	for i := range 40 {
		c := <-clients // joined: from here on nothing may be missed
		text := fmt.Sprint(i)
		ann.MustSay(text)
		want = append(want, text)
		c.Abort()
		if i%15 == 14 {
			ann.AwaitText(text)
		}
	}
	sockettest.Eventually(t, "all has come", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(seen) >= len(want)
	})
	cancel()
	following.Wait()
	if !slices.Equal(seen, want) {
		t.Errorf("saw %q, want %q", seen, want)
	}
}
