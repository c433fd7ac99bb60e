package socket_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/gateway/socket"
	"github.com/barrage-live/barrage/gateway/socket/hub"
	"github.com/barrage-live/barrage/gateway/socket/sockettest"
	"github.com/barrage-live/barrage/gateway/socket/ws"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wire"
)

// texts are n texts that differ, each of a length in code points, made of the one that is repeated.
func texts(n, length int, of string) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%05d%s", i, strings.Repeat(of, length-5))
	}
	return list
}

// long are the texts that take most bytes on the wire, those of the length that every room allows, and
// short ones.
func long(n int) map[string][]string {
	return map[string][]string{
		"four bytes a code point": texts(n, room.MaxLength, "🎉"), "escaped in JSON": texts(n, room.MaxLength, `"`),
		"usual": texts(n, room.DefaultLength, "弹"), "short": texts(n, 8, "弹"),
	}
}

// TestEveryBoundFitsASocket ties the bounds together: the largest danmaku that a room may allow, as many of
// them as every limit allows, are delivered to a client that reads no frame longer than the protocol's.
// (Its read limit is wire.MaxServerFrame.)
func TestEveryBoundFitsASocket(t *testing.T) {
	for name, list := range long(1000) {
		for _, e := range []wire.Encoding{wire.JSON, wire.Proto} {
			t.Run(fmt.Sprint(name, "/", e), func(t *testing.T) {
				w := sockettest.NewWorld(t, socket.Config{AddressRate: 1e9}, false)
				v := w.Enter(e, "")
				w.Rooms.Append(sockettest.Room, list...)
				w.Rooms.Tick()
				v.AwaitPosition(1000)
				if last := v.Seen(); last[len(last)-1] != list[999] {
					t.Error("the newest of a large tick did not come")
				}
				joinsEverywhere(t, w, e, list)
				resumes(t, w, e, list)
				pages(t, w, e, list)
				if code, reason := v.Closed(); code != 0 {
					t.Errorf("closed %d %s", code, reason)
				}
			})
		}
	}
}

// TestWhatRoomsSendClosesNobody ties what rooms let wait for a socket to what may wait for it when too much
// waits for all.
func TestWhatRoomsSendClosesNobody(t *testing.T) {
	if least := hub.LowWater + wire.MaxServerFrame; ws.LeastShare < least {
		t.Errorf("rooms let %d bytes wait for who does not keep up, and %d close", least, ws.LeastShare)
	}
}

// joinsEverywhere joins with the most history, which holds as much as fits and ends with the newest.
func joinsEverywhere(t *testing.T, w *sockettest.World, e wire.Encoding, list []string) {
	t.Helper()
	v := w.Dial(e, "")
	j, err := v.Join(v.Context(), sockettest.Room, position.Position{}, false, wire.MaxHistory)
	if err != nil {
		t.Fatal(err)
	}
	rows := j.GetDanmaku()
	if len(rows) < 10 || rows[len(rows)-1].GetText() != list[len(list)-1] || j.GetPosition().GetOffset() != uint64(len(list)) {
		t.Errorf("joined with %d danmaku at %v", len(rows), j.GetPosition())
	}
}

// resumes comes back from the beginning: everything comes, in the answer, in further ones, and then as
// batches.
func resumes(t *testing.T, w *sockettest.World, e wire.Encoding, list []string) {
	t.Helper()
	var got []string
	for since, more := (position.Position{}), true; more; {
		v := w.Dial(e, "") // a new one for each step: one connection may not ask for so much at once
		j, err := v.Join(v.Context(), sockettest.Room, since, true, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !j.GetRecovered() {
			t.Fatalf("not recovered: %s", j.GetReason())
		}
		if since, more = wire.ToPosition(j.GetPosition()), j.GetMore(); !more {
			v.AwaitPosition(uint64(len(list)))
		}
		got = append(got, v.Seen()...)
		v.Abort()
	}
	if !slices.Equal(got, list) {
		t.Errorf("%d of %d came", len(got), len(list))
	}
}

// pages reads the whole log backwards in the largest pages.
func pages(t *testing.T, w *sockettest.World, e wire.Encoding, list []string) {
	t.Helper()
	var got []string
	var before position.Position
	var v *sockettest.Viewer
	for i, more := 0, true; more; i++ {
		if i%8 == 0 { // more than one connection may ask for
			v = w.Dial(e, "")
		}
		p, err := v.History(v.Context(), sockettest.Room, before, wire.MaxHistory)
		if err != nil || len(p.GetDanmaku()) == 0 {
			t.Fatalf("a page of %d, %v", len(p.GetDanmaku()), err)
		}
		var texts []string
		for _, d := range p.GetDanmaku() {
			texts = append(texts, d.GetText())
		}
		got = append(texts, got...)
		before, more = sockettest.PositionOf(p.GetDanmaku()[0]), p.GetMore()
	}
	if !slices.Equal(got, list) {
		t.Errorf("%d of %d are in the pages", len(got), len(list))
	}
}
