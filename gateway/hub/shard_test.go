package hub

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/actors/room"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/rfc6455"
	"github.com/barrage-live/barrage/internal/wire"
)

// paper is a socket that keeps what is written to it, or only counts.
type paper struct {
	encoding wire.Encoding
	count    bool
	written  int
	bytes    []byte
	evicted  []string
}

func (p *paper) Write(frames []byte) bool {
	p.written++
	if !p.count {
		p.bytes = append(p.bytes, frames...)
	}
	return true
}
func (p *paper) Encoding() wire.Encoding { return p.encoding }
func (p *paper) Evict(r id.Room, why *fault.Error) {
	p.evicted = append(p.evicted, string(r)+" "+why.Code)
}
func (p *paper) Revoke(error)            {}
func (p *paper) member(s *shard) *Member { return &Member{socket: p, encoding: p.encoding, shard: s} }

// texts reads the danmaku written to the paper, and fails on anything that is no whole frame.
func (p *paper) texts(t interface {
	Helper()
	Fatalf(string, ...any)
},
) []string {
	t.Helper()
	var texts []string
	for b := p.bytes; len(b) > 0; {
		n, from := int(b[1]), 2
		if n == 126 {
			n, from = int(b[2])<<8|int(b[3]), 4
		}
		if n == 127 {
			n, from = int(b[7])<<16|int(b[8])<<8|int(b[9]), 10
		}
		f, err := wire.DecodeServer(p.encoding, b[from:from+n])
		if err != nil {
			t.Fatalf("%v in %q", err, b[from:from+n])
		}
		for _, d := range slices.Concat(f.GetJoined().GetDanmaku(), f.GetBatch().GetDanmaku()) {
			texts = append(texts, d.GetText())
		}
		b = b[from+n:]
	}
	return texts
}

func someDanmaku(from, n int) []room.Danmaku {
	list := make([]room.Danmaku, n)
	for i := range list {
		list[i] = room.Danmaku{
			Position: position.Position{Epoch: 1, Offset: position.Offset(from + i)}, Key: "key-0123456789", User: "1234567890",
			Name: "观众", Text: fmt.Sprint(from + i), Mode: room.Scroll, Colour: 0xFFFFFF, Size: room.Normal, MediaTime: time.Second,
			At: time.UnixMilli(1_800_000_000_000),
		}
	}
	return list
}

func testShard() *shard { return newShard(0, NewMetrics(prometheus.NewRegistry())) }

func (s *shard) batch(from, n int) *prepared {
	return &prepared{room: "42", danmaku: someDanmaku(from, n), came: time.Now(), metrics: s.metrics}
}

// TestReleaseIsWithoutHolesOrRepeats joins at any place between batches, with any head: what is seen goes on behind it.
func TestReleaseIsWithoutHolesOrRepeats(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := testShard()
		p := &paper{encoding: wire.Encoding(rapid.IntRange(0, 1).Draw(t, "encoding"))}
		m := p.member(s)
		s.seat("42", m)
		sizes := rapid.SliceOfN(rapid.IntRange(1, 5), 1, 10).Draw(t, "batches")
		release := rapid.IntRange(0, len(sizes)).Draw(t, "release")
		total, head := 0, 0
		for i, n := range sizes {
			if i == release { // the room's own answer may be ahead of its batches
				head = rapid.IntRange(0, total+12).Draw(t, "head")
				s.release("42", m, position.Position{Epoch: 1, Offset: position.Offset(head)}, nil)
			}
			s.fanOut(s.batch(total+1, n))
			total += n
		}
		got := p.texts(t)
		if release == len(sizes) {
			if len(got) != 0 {
				t.Fatalf("a seat that waits got %q", got)
			}
			return
		}
		var want []string
		for i := head + 1; i <= total; i++ {
			want = append(want, fmt.Sprint(i))
		}
		if !slices.Equal(got, want) {
			t.Fatalf("released at %d of %d: saw %q", head, total, got)
		}
	})
}

func TestReleaseTrimsAtTheHead(t *testing.T) {
	s := testShard()
	p := &paper{encoding: wire.JSON}
	m := p.member(s)
	s.seat("42", m)
	s.fanOut(s.batch(1, 3))
	s.fanOut(s.batch(4, 3))
	s.release("42", m, position.Position{Epoch: 1, Offset: 5}, nil)
	s.fanOut(s.batch(7, 1))
	if got := p.texts(t); !slices.Equal(got, []string{"6", "7"}) {
		t.Errorf("saw %q", got)
	}
}

func TestSeatThatWaitsTooLongIsEvicted(t *testing.T) {
	s := testShard()
	p := &paper{encoding: wire.JSON}
	m := p.member(s)
	s.seat("42", m)
	for i := range maxHeld + 1 {
		s.fanOut(s.batch(i+1, 1))
	}
	s.release("42", m, position.Position{}, []byte("answer"))
	if got := strings.Join(p.evicted, ","); got != "42 gap" {
		t.Errorf("evicted %q", got)
	}
	if string(p.bytes) != "answer" {
		t.Errorf("wrote %q besides the answer", p.bytes)
	}
	s.fanOut(s.batch(100, 1))
	if p.written != 1 {
		t.Error("an evicted member is written to")
	}
	if testutil.ToFloat64(s.metrics.dropped.WithLabelValues("seat")) != 1 {
		t.Error("the drop is not counted")
	}
}

// TestFullShardTellsTheRoomsItLost fills the queue while nothing is taken from it.
func TestFullShardTellsTheRoomsItLost(t *testing.T) {
	s := testShard()
	lost, spared := &paper{encoding: wire.JSON, count: true}, &paper{encoding: wire.Proto, count: true}
	seat := func(r id.Room, p *paper) {
		m := p.member(s)
		s.push(order{do: func(s *shard) {
			s.seat(r, m)
			s.release(r, m, position.Position{}, nil)
		}})
	}
	seat("42", lost)
	seat("43", spared)
	for i := range maxBatches + 5 {
		s.push(order{batch: s.batch(i+1, 1)})
	}
	done := make(chan struct{})
	s.push(order{do: func(*shard) { close(done) }})
	s.close()
	s.run()
	<-done
	if lost.written != maxBatches || strings.Join(lost.evicted, ",") != "42 gap" {
		t.Errorf("%d written, evicted %q", lost.written, lost.evicted)
	}
	if len(spared.evicted) != 0 {
		t.Errorf("a room that lost nothing is evicted: %q", spared.evicted)
	}
	if got := testutil.ToFloat64(s.metrics.dropped.WithLabelValues("shard")); got != 5 {
		t.Errorf("%v counted", got)
	}
}

func TestEachVariantIsEncodedOnce(t *testing.T) {
	s := testShard()
	for i := range 100 {
		p := &paper{encoding: wire.Encoding(i % 2), count: true}
		m := p.member(s)
		s.seat("42", m)
		s.release("42", m, position.Position{}, nil)
	}
	s.fanOut(s.batch(1, 10))
	if got := testutil.ToFloat64(s.metrics.encoded); got != 2 {
		t.Errorf("%v encodings for a hundred sockets", got)
	}
	if got := testutil.ToFloat64(s.metrics.deliveries); got != 100 {
		t.Errorf("%v deliveries", got)
	}
}

func TestFrameOfABatchAndNews(t *testing.T) {
	s := testShard()
	b := s.batch(1, 1)
	b.info = &room.Info{Room: "42", Online: 7}
	frames := b.bytes(wire.JSON)
	p := rfc6455.Opcode(frames[0] & 0x0F)
	if p != rfc6455.Text || strings.Count(string(frames), `"room_state"`) != 1 || strings.Count(string(frames), `"batch"`) != 1 {
		t.Errorf("frames %q", frames)
	}
	if b.bytes(wire.Proto)[0]&0x0F != byte(rfc6455.Binary) {
		t.Error("protobuf does not travel in binary messages")
	}
}

// crowd is a shard with n seats in one room.
func crowd(n int) *shard {
	s := testShard()
	for i := range n {
		p := &paper{encoding: wire.Encoding(i % 2), count: true}
		m := p.member(s)
		s.seat("42", m)
		s.release("42", m, position.Position{}, nil)
	}
	return s
}

// TestFanOutAllocatesNothingForAConnection holds the budget of the hot path: what a batch costs does not depend on the crowd.
func TestFanOutAllocatesNothingForAConnection(t *testing.T) {
	cost := func(seats int) float64 {
		s := crowd(seats)
		b := s.batch(1, 8)
		s.fanOut(b) // encodes
		return testing.AllocsPerRun(20, func() { s.fanOut(b) })
	}
	if few, many := cost(2), cost(5000); few != 0 || many != 0 {
		t.Errorf("%v allocations for 2 seats, %v for 5000, want none", few, many)
	}
}

// BenchmarkFanOut measures the hub's part of a tick, without sockets: encoding both variants and handing them to every seat.
func BenchmarkFanOut(b *testing.B) {
	for _, seats := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("seats=%d", seats), func(b *testing.B) {
			s := crowd(seats)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				s.fanOut(s.batch(1, 32))
				n++
			}
			b.ReportMetric(float64(n*seats)/b.Elapsed().Seconds(), "writes/s")
			b.ReportMetric(float64(n*seats*32)/b.Elapsed().Seconds(), "deliveries/s")
		})
	}
}
