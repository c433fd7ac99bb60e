package hub

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/rfc6455"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// paper is a socket that keeps what is written to it, or only counts.
type paper struct {
	encoding wire.Encoding
	count    bool
	full     bool // takes no offers
	gone     bool
	most     int // offers it still takes before it is full; zero means any number
	written  int
	largest  int // frame
	frames   []*wirepb.ServerFrame
	evicted  []string
}

func (p *paper) Write(frames []byte) bool {
	p.written++
	for b := frames; len(b) > 0; {
		n, header := int(b[1]), 2
		switch n {
		case 126:
			n, header = int(b[2])<<8|int(b[3]), 4
		case 127:
			n, header = int(b[7])<<16|int(b[8])<<8|int(b[9]), 10
		}
		p.largest = max(p.largest, n)
		if !p.count {
			if f, err := wire.DecodeServer(p.encoding, b[header:header+n]); err == nil {
				wire.NameEpochs(f)
				p.frames = append(p.frames, f)
			}
		}
		b = b[header+n:]
	}
	return true
}

func (p *paper) Offer(frames []byte) Outcome {
	switch {
	case p.gone:
		return Gone
	case p.full:
		return Later
	}
	p.Write(frames)
	if p.most > 0 {
		if p.most--; p.most == 0 {
			p.full = true
		}
	}
	return Taken
}

func (p *paper) Encoding() wire.Encoding { return p.encoding }
func (p *paper) Evict(r id.Room, why *fault.Error) {
	p.evicted = append(p.evicted, string(r)+" "+why.Code)
}

// account is what a paper was told of a room, checked: every frame goes on from where the one before it
// ended.
type account struct {
	texts   []string
	at      position.Offset
	skipped int      // danmaku that were left out of batches
	gaps    []string // reason and count
}

func (p *paper) account(t interface {
	Helper()
	Fatalf(string, ...any)
}, from position.Offset,
) account {
	t.Helper()
	a := account{at: from}
	for _, f := range p.frames {
		if g := f.GetGap(); g != nil {
			a.gaps = append(a.gaps, fmt.Sprint(g.GetReason(), " ", g.GetCount()))
			if g.GetFrom().GetOffset() != uint64(a.at) || g.GetCount() != uint32(g.GetTo().GetOffset()-g.GetFrom().GetOffset()) {
				t.Fatalf("a gap %v at %d", g, a.at)
			}
			a.at = position.Offset(g.GetTo().GetOffset())
		}
		b := f.GetBatch()
		if b == nil {
			continue
		}
		if b.GetFrom().GetOffset() != uint64(a.at) || int(b.GetTo().GetOffset()-b.GetFrom().GetOffset()) != len(b.GetDanmaku())+int(b.GetSkipped()) {
			t.Fatalf("a batch of %d from %v to %v without %d at %d", len(b.GetDanmaku()), b.GetFrom(), b.GetTo(), b.GetSkipped(), a.at)
		}
		for _, d := range b.GetDanmaku() {
			if o := position.Offset(d.GetOffset()); o <= a.at || o > position.Offset(b.GetTo().GetOffset()) {
				t.Fatalf("%d follows %d", o, a.at)
			}
			a.at = position.Offset(d.GetOffset())
			a.texts = append(a.texts, d.GetText())
		}
		a.skipped += int(b.GetSkipped())
		a.at = position.Offset(b.GetTo().GetOffset())
	}
	return a
}

// numbers are the texts of someDanmaku.
func numbers(from, to int) []string {
	var list []string
	for i := from; i <= to; i++ {
		list = append(list, fmt.Sprint(i))
	}
	return list
}

func at(offset int) position.Position {
	if offset == 0 {
		return position.Position{}
	}
	return position.Position{Epoch: 1, Offset: position.Offset(offset)}
}

func someDanmaku(from, n int) []room.Danmaku {
	list := make([]room.Danmaku, n)
	for i := range list {
		list[i] = room.Danmaku{
			Position: at(from + i), Key: "key-0123456789", User: "1234567890",
			Name: "观众", Text: fmt.Sprint(from + i), Mode: room.Scroll, Colour: 0xFFFFFF, Size: room.Normal, MediaTime: time.Second,
			At: time.UnixMilli(1_800_000_000_000),
		}
	}
	return list
}

// bench is a hub whose only shard does its work when the test says so, and a room that is attached at the
// beginning.
type bench struct {
	*Hub
	*shard
	feed *roomFeed
}

func newBench(tb testing.TB) *bench {
	tb.Helper()
	h := &Hub{cfg: Config{}.filled(), node: "node", log: slog.New(slog.DiscardHandler), metrics: NewMetrics(prometheus.NewRegistry())}
	s := newShard(0, h.metrics)
	h.shards = []*shard{s}
	tb.Cleanup(func() { s.timer.Stop() })
	b := &bench{Hub: h, shard: s}
	b.feed = b.room("42")
	return b
}

// room makes a room that is attached at the beginning.
func (b *bench) room(r id.Room) *roomFeed {
	f := newFeed(b.Hub, r)
	b.feeds.Store(r, f)
	f.attached(1, room.Attached{Info: room.Info{Room: r, Version: 1}})
	f.become(nil)
	return f
}

// enter puts a socket into a room at an offset, knowing the state of now.
func (b *bench) enter(f *roomFeed, p Socket, offset int) *Member {
	m := b.Admit(p)
	m.enter(f)
	b.Release(m, f.room, at(offset), f.look().version, nil)
	return m
}

// say has the room say n danmaku from an offset on.
func say(f *roomFeed, from, n int) {
	f.deliver(&room.Batch{Room: f.room, Epoch: 1, Attachment: 1, From: at(from - 1), To: at(from + n - 1), Danmaku: someDanmaku(from, n)})
}

// work does what there is to do.
func (b *bench) work() {
	for more := true; more; {
		more, _ = b.turn()
		b.shard.mu.Lock()
		more = more || len(b.shard.mu.orders) > 0 || len(b.shard.mu.news) > 0
		b.shard.mu.Unlock()
	}
}

// lookAgain looks at those that took nothing, as when the timer rings.
func (b *bench) lookAgain() {
	b.again()
	b.work()
}

// payloads are what is in the websocket frames.
func payloads(frames []byte) (ops []rfc6455.Opcode) {
	for b := frames; len(b) > 0; {
		n, header := int(b[1]), 2
		if n == 126 {
			n, header = int(b[2])<<8|int(b[3]), 4
		}
		ops = append(ops, rfc6455.Opcode(b[0]&0x0F))
		b = b[header+n:]
	}
	return ops
}
