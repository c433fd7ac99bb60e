package hub

import (
	"fmt"
	"testing"
	"time"

	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/gateway/socket/frame"
	"github.com/barrage-live/barrage/gateway/socket/protocol"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// answerJoin answers a join with the newest danmaku, up to the bytes of the frame.
func answerJoin(h *Hub, m *Member, history int) []byte {
	var frames []byte
	h.Enter(time.Time{}, m, protocol.Enter{Room: "42", History: history}, func(e protocol.Entry, _ error) {
		frames = frame.Append(nil, m.encoding, &wirepb.ServerFrame{Id: 1, Body: &wirepb.ServerFrame_Joined{Joined: &wirepb.Joined{
			Room: "42", Position: wire.FromPosition(e.Head), State: frame.RoomState(&e.Info, e.Version),
		}}}, e.Rows)
	})
	return frames
}

// TestJoinCostsLittle holds the budget of a join that is answered from what is kept: a header and a buffer,
// however many danmaku.
func TestJoinCostsLittle(t *testing.T) {
	for _, e := range []wire.Encoding{wire.Proto, wire.JSON} {
		b := newBench(t)
		say(b.feed, 1, 300)
		m := b.Admit(&paper{encoding: e})
		answerJoin(b.Hub, m, 200)
		few := testing.AllocsPerRun(50, func() { answerJoin(b.Hub, m, 1) })
		many := testing.AllocsPerRun(50, func() { answerJoin(b.Hub, m, 200) })
		if many > few+3 || many > 20 {
			t.Errorf("%v: %v allocations for 1 danmaku, %v for 200", e, few, many)
		}
	}
}

// BenchmarkJoin measures the answer to a join with the newest danmaku, from memory, as every one but the
// first is.
func BenchmarkJoin(b *testing.B) {
	for _, e := range []wire.Encoding{wire.Proto, wire.JSON} {
		b.Run(fmt.Sprint("danmaku=100/", e), func(b *testing.B) {
			c := newBench(b)
			say(c.feed, 1, 300)
			m := c.Admit(&paper{encoding: e})
			b.ReportAllocs()
			for b.Loop() {
				answerJoin(c.Hub, m, 100)
			}
		})
	}
}

// BenchmarkBatch measures the first frame of a batch in an encoding, with the making of the bytes of its
// danmaku.
func BenchmarkBatch(b *testing.B) {
	for _, e := range []wire.Encoding{wire.Proto, wire.JSON} {
		for _, n := range []int{8, 40, 100} {
			b.Run(fmt.Sprintf("danmaku=%d/%v", n, e), func(b *testing.B) {
				rows := someDanmaku(1, n)
				b.ReportAllocs()
				for b.Loop() {
					batchOf(e, rows)
				}
			})
		}
	}
}

func batchOf(e wire.Encoding, rows []room.Danmaku) []byte {
	blocks := frame.Blocks(time.Time{}, at(0), rows[len(rows)-1].Position, rows)
	return frame.Append(nil, e, frame.Batch("42", at(0), blocks[len(blocks)-1].To(), len(rows), ""), frame.RowsAfter(0, blocks))
}
