package hub

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/rfc6455"
	"github.com/barrage-live/barrage/internal/wire"
)

// TestSubscriberMissesNothing has connections enter anywhere, take or not take what comes, leave and come
// back, while the room talks: what each is told goes on from where it entered, is in order and complete.
func TestSubscriberMissesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(t)
		type viewer struct {
			*paper
			member *Member
			from   int
		}
		var viewers []viewer
		head := 0
		for range rapid.IntRange(1, 60).Draw(rt, "moves") {
			some := func() int { return rapid.IntRange(0, len(viewers)-1).Draw(rt, "who") }
			switch rapid.IntRange(0, 6).Draw(rt, "move") {
			case 0, 1:
				n := rapid.IntRange(1, 40).Draw(rt, "danmaku")
				say(b.feed, head+1, n)
				head += n
			case 2: // the room's own answer may be ahead of its batches
				from := rapid.IntRange(0, head+5).Draw(rt, "from")
				p := &paper{encoding: wire.Encoding(rapid.IntRange(0, 1).Draw(rt, "encoding")), full: rapid.Bool().Draw(rt, "full")}
				viewers = append(viewers, viewer{p, b.enter(b.feed, p, from), from})
			case 3:
				b.turn()
			case 4:
				b.lookAgain()
			case 5:
				if len(viewers) > 0 {
					v := viewers[some()]
					v.full, v.most = !v.full, rapid.IntRange(0, 3).Draw(rt, "most")
				}
			case 6:
				if len(viewers) > 1 {
					i := some()
					b.Leave(viewers[i].member, "42", nil)
					viewers = slices.Delete(viewers, i, i+1)
				}
			}
		}
		for i := range viewers {
			viewers[i].full, viewers[i].most = false, 0
		}
		b.work()
		b.lookAgain()
		for _, v := range viewers {
			a := v.account(rt, position.Offset(v.from))
			if !slices.Equal(a.texts, numbers(v.from+1, head)) || a.skipped != 0 || len(a.gaps) != 0 {
				rt.Fatalf("entered at %d of %d: told %v, gaps %v", v.from, head, a.texts, a.gaps)
			}
		}
		if n := testutil.ToFloat64(b.Hub.metrics.late); n != 0 {
			rt.Fatalf("%v are counted as late", n)
		}
	})
}

func TestBatchesThatWaitAreMerged(t *testing.T) {
	b := newBench(t)
	p := &paper{encoding: wire.JSON}
	b.enter(b.feed, p, 0)
	b.work()
	for i := range 50 {
		say(b.feed, i*3+1, 3)
	}
	b.work()
	a := p.account(t, 0)
	if p.written != 1 || !slices.Equal(a.texts, numbers(1, 150)) {
		t.Errorf("%d writes told %v", p.written, a.texts)
	}
	say(b.feed, 151, 1)
	b.work()
	for i := range 4 {
		say(b.feed, 152+i, 1)
	}
	b.work()
	if n := testutil.ToFloat64(b.Hub.metrics.merged); n != 3 {
		t.Errorf("%v batches are counted as merged", n)
	}
}

// talk has a room say n danmaku of a length, ten at a time.
func talk(f *roomFeed, from, n, length int) {
	for ; n > 0; from, n = from+10, n-10 {
		rows := someDanmaku(from, 10)
		for i := range rows {
			rows[i].Text += strings.Repeat("弹", length)
		}
		f.deliver(&room.Batch{Room: f.room, Epoch: 1, Attachment: 1, From: at(from - 1), To: at(from + 9), Danmaku: rows})
	}
}

func TestBacklogIsToldInFramesThatFit(t *testing.T) {
	for _, e := range []wire.Encoding{wire.JSON, wire.Proto} {
		b := newBench(t)
		p := &paper{encoding: e}
		b.enter(b.feed, p, 0)
		b.work()
		talk(b.feed, 1, 700, 100) // about 300 KiB
		b.work()
		a := p.account(t, 0)
		if len(a.texts) != 700 || a.skipped != 0 || p.written < 4 || p.largest > wire.MaxServerFrame {
			t.Errorf("%v: %d danmaku in %d writes, up to %d bytes, without %d", e, len(a.texts), p.written, p.largest, a.skipped)
		}
	}
}

// TestHugeBacklogIsSampled has a room say more than a connection is sent after the event: it gets a sample
// of all of it, up to the newest, and is told how much is missing.
func TestHugeBacklogIsSampled(t *testing.T) {
	for _, e := range []wire.Encoding{wire.JSON, wire.Proto} {
		b := newBench(t)
		p, q := &paper{encoding: e}, &paper{encoding: e}
		b.enter(b.feed, p, 0)
		b.enter(b.feed, q, 0)
		b.work()
		talk(b.feed, 1, 5000, 100)
		b.work()
		a := p.account(t, 0)
		if p.written != 1 || p.largest > wire.MaxServerFrame || len(a.texts) < 50 || a.skipped != 5000-len(a.texts) || a.at != 5000 ||
			!strings.HasPrefix(a.texts[len(a.texts)-1], "5000") {
			t.Errorf("%v: %d danmaku in %d writes, up to %d bytes, without %d, at %d", e, len(a.texts), p.written, p.largest, a.skipped, a.at)
		}
		if n := testutil.ToFloat64(b.Hub.metrics.missing.WithLabelValues(sampled)); n != float64(2*a.skipped) {
			t.Errorf("%v danmaku are counted as missing, %d are for each of two", n, a.skipped)
		}
		if n := testutil.ToFloat64(b.Hub.metrics.samples); n != 1 {
			t.Errorf("%v samples for two connections in one place", n)
		}
	}
}

// TestSlowReaderIsToldWhatIsKept has a connection take nothing for a while: then it gets everything, and
// the others were not held up.
func TestSlowReaderIsToldWhatIsKept(t *testing.T) {
	b := newBench(t)
	slowly, quickly := &paper{encoding: wire.JSON, full: true}, &paper{encoding: wire.JSON}
	b.enter(b.feed, slowly, 0)
	b.enter(b.feed, quickly, 0)
	b.work()
	for i := range 30 {
		talk(b.feed, i*100+1, 100, 100)
		b.work()
		b.lookAgain()
	}
	if a := quickly.account(t, 0); len(a.texts) != 3000 || slowly.written != 0 {
		t.Fatalf("the reader got %d, who does not read %d frames", len(a.texts), slowly.written)
	}
	if n := testutil.ToFloat64(b.Hub.metrics.late); n != 1 {
		t.Errorf("%v late", n)
	}
	slowly.full = false
	for range 10 {
		b.lookAgain()
	}
	if a := slowly.account(t, 0); len(a.texts) != 3000 || len(a.gaps) != 0 || a.skipped != 0 || slowly.largest > wire.MaxServerFrame {
		t.Errorf("told %d, gaps %v, without %d", len(a.texts), a.gaps, a.skipped)
	}
}

// TestSlowReaderIsToldOfItsGap has a connection take nothing for longer than danmaku are kept.
func TestSlowReaderIsToldOfItsGap(t *testing.T) {
	b := newBench(t)
	b.cfg.KeepBytes = 200 << 10
	p := &paper{encoding: wire.Proto, most: 1}
	b.enter(b.feed, p, 0)
	b.work()
	talk(b.feed, 1, 10, 10)
	b.work()
	talk(b.feed, 11, 3000, 100)
	b.work()
	p.full = false
	b.lookAgain()
	a := p.account(t, 0)
	if len(a.gaps) != 1 || !strings.HasPrefix(a.gaps[0], "slow ") || a.at != 3010 || a.skipped != 0 || len(a.texts) < 60 {
		t.Errorf("told %d danmaku up to %d, gaps %v, without %d", len(a.texts), a.at, a.gaps, a.skipped)
	}
	if testutil.ToFloat64(b.Hub.metrics.missing.WithLabelValues(slow)) == 0 {
		t.Error("the gap is not counted")
	}
}

// TestJoinerIsNotCalledSlow has a room say more than is kept between the answer to a join and its release.
func TestJoinerIsNotCalledSlow(t *testing.T) {
	b := newBench(t)
	b.cfg.KeepBytes = 200 << 10
	p := &paper{encoding: wire.JSON}
	talk(b.feed, 1, 3000, 100)
	b.enter(b.feed, p, 10)
	b.work()
	if a := p.account(t, 10); len(a.gaps) != 0 || a.at != 3000 || a.skipped == 0 {
		t.Errorf("told %d danmaku up to %d, gaps %v, without %d", len(a.texts), a.at, a.gaps, a.skipped)
	}
}

// TestNodeThatFallsBehindSamples keeps less than it has to tell: who reads is told of a sample, not of a gap.
func TestNodeThatFallsBehindSamples(t *testing.T) {
	b := newBench(t)
	b.cfg.KeepBytes = 200 << 10
	p := &paper{encoding: wire.Proto}
	b.enter(b.feed, p, 0)
	b.work()
	talk(b.feed, 1, 3000, 100)
	b.work()
	if a := p.account(t, 0); len(a.gaps) != 0 || a.at != 3000 || len(a.texts)+a.skipped != 3000 || a.skipped == 0 {
		t.Errorf("told %d danmaku up to %d, gaps %v, without %d", len(a.texts), a.at, a.gaps, a.skipped)
	}
}

func TestStatesAreMergedAndDroppedFirst(t *testing.T) {
	b := newBench(t)
	slowly, quickly := &paper{encoding: wire.JSON, full: true}, &paper{encoding: wire.Proto}
	b.enter(b.feed, slowly, 0)
	b.enter(b.feed, quickly, 0)
	b.work()
	online := func(n int) {
		b.feed.deliver(&room.Batch{Room: "42", Attachment: 1, Info: &room.Info{Room: "42", Version: uint64(n), Online: n}})
	}
	for n := 2; n < 10; n++ {
		online(n)
		if n%3 == 0 {
			b.work()
		}
	}
	online(5) // late
	say(b.feed, 1, 1)
	b.work()
	slowly.full = false
	b.lookAgain()
	states := func(p *paper) (list []uint32) {
		version := uint64(0)
		for _, f := range p.frames {
			if s := f.GetRoomState(); s != nil {
				if s.GetVersion() <= version {
					t.Errorf("version %d follows %d", s.GetVersion(), version)
				}
				version = s.GetVersion()
				list = append(list, s.GetOnline())
			}
		}
		return list
	}
	if got := states(quickly); !slices.Equal(got, []uint32{3, 6, 9}) {
		t.Errorf("told %v", got)
	}
	if got := states(slowly); !slices.Equal(got, []uint32{9}) {
		t.Errorf("who did not read was told %v", got)
	}
	if a := slowly.account(t, 0); !slices.Equal(a.texts, []string{"1"}) {
		t.Errorf("told %v", a.texts)
	}
}

// TestLostPartIsTold has the node learn that it cannot know a part of the log.
func TestLostPartIsTold(t *testing.T) {
	b := newBench(t)
	p, q := &paper{encoding: wire.Proto}, &paper{encoding: wire.JSON, full: true}
	b.enter(b.feed, p, 0)
	b.enter(b.feed, q, 0)
	say(b.feed, 1, 3)
	b.work()
	say(b.feed, 90, 1) // 4 to 89 were lost
	b.work()
	if _, gap, head := b.feed.status(); !gap || head != at(3) {
		t.Fatalf("gap %v after %v", gap, head)
	}
	b.feed.filled(room.Recovery{Reason: room.TooOld, Head: at(89)})
	b.work()
	q.full = false
	b.lookAgain()
	if a := p.account(t, 0); !slices.Equal(a.gaps, []string{"lost 86"}) || !slices.Equal(a.texts, []string{"1", "2", "3", "90"}) {
		t.Errorf("told %v, gaps %v", a.texts, a.gaps)
	}
	if a := q.account(t, 0); !slices.Equal(a.gaps, []string{"lost 89"}) || !slices.Equal(a.texts, []string{"90"}) {
		t.Errorf("who did not read was told %v, gaps %v", a.texts, a.gaps)
	}
	if len(p.evicted)+len(q.evicted) != 0 {
		t.Error("a gap takes connections out of the room")
	}
}

// blocking is a socket that takes nothing until it is let go.
type blocking struct {
	paper
	open    chan struct{}
	blocked chan struct{}
	once    atomic.Bool
}

func (b *blocking) Offer([]byte) Outcome {
	if !b.once.Swap(true) {
		close(b.blocked)
		<-b.open
	}
	return Taken
}

// TestStalledShardLosesNobody has a shard stand still while a thousand rooms talk: nobody is taken out of a
// room, nobody is told of a gap, and everybody has everything after a write or two.
func TestStalledShardLosesNobody(t *testing.T) {
	const rooms, batches = 1000, 5
	b := newBench(t)
	stall := &blocking{paper: paper{count: true}, open: make(chan struct{}), blocked: make(chan struct{})}
	feeds, papers := make([]*roomFeed, rooms), make([]*paper, rooms)
	for i := range rooms {
		feeds[i], papers[i] = b.room(id.Room(strconv.Itoa(i+100))), &paper{encoding: wire.Encoding(i % 2)}
		b.enter(feeds[i], papers[i], 0)
	}
	b.enter(b.feed, stall, 0)
	b.work()
	say(b.feed, 1, 1)
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		b.work()
	}()
	<-stall.blocked
	for n := range batches {
		for _, f := range feeds {
			say(f, n*2+1, 2)
		}
	}
	close(stall.open)
	<-worked
	b.work()
	for i, p := range papers {
		if a := p.account(t, 0); !slices.Equal(a.texts, numbers(1, 2*batches)) || len(a.gaps)+len(p.evicted)+a.skipped != 0 || p.written > 2 {
			t.Fatalf("room %d: %d writes told %v, gaps %v, evicted %v", i, p.written, a.texts, a.gaps, p.evicted)
		}
	}
}

// TestLargeRoomLetsOthersThrough looks at who is served while a room of many is told something.
func TestLargeRoomLetsOthersThrough(t *testing.T) {
	b := newBench(t)
	small := b.room("7")
	var crowd []*paper
	for range 10 * slice {
		p := &paper{count: true}
		crowd = append(crowd, p)
		b.enter(b.feed, p, 0)
	}
	one, joiner := &paper{encoding: wire.JSON}, &paper{encoding: wire.JSON}
	b.enter(small, one, 0)
	b.work()
	say(b.feed, 1, 1)
	b.turn()
	say(small, 1, 1)
	b.enter(small, joiner, 0)
	b.turn()
	b.turn()
	told := 0
	for _, p := range crowd {
		told += p.written
	}
	if one.written != 1 || joiner.written != 1 || told > 3*slice {
		t.Errorf("a room of one and who joined it were told %d and %d things, while %d of the crowd were served", one.written, joiner.written, told)
	}
	b.work()
	for _, p := range crowd {
		if p.written != 1 {
			t.Fatal("somebody in the crowd was left out")
		}
	}
}

// TestLeavingDuringAPassLeavesNobodyOut takes connections out of a room between the slices of a pass.
func TestLeavingDuringAPassLeavesNobodyOut(t *testing.T) {
	b := newBench(t)
	var papers []*paper
	var members []*Member
	for range 4 * slice {
		p := &paper{count: true}
		papers, members = append(papers, p), append(members, b.enter(b.feed, p, 0))
	}
	b.work()
	say(b.feed, 1, 1)
	b.turn()
	for i := range slice {
		b.Leave(members[i], "42", nil)
	}
	b.work()
	for i, p := range papers[slice:] {
		if p.written != 1 {
			t.Fatalf("the connection %d was told %d things", i, p.written)
		}
	}
}

// TestLateOnesCatchUpDuringAPass has many take again in the middle of a pass that has passed them over
// already: they are looked at by what was there before it.
func TestLateOnesCatchUpDuringAPass(t *testing.T) {
	b := newBench(t)
	crowd := func() (list []*paper) {
		for range slice {
			p := &paper{encoding: wire.Proto}
			list = append(list, p)
			b.enter(b.feed, p, 0)
		}
		return list
	}
	fill := func(list []*paper, full bool) {
		for _, p := range list {
			p.full = full
		}
	}
	front, back, rest := crowd(), crowd(), crowd() // the last so that the pass is not over when the front is looked at
	b.work()
	for i, list := range [][]*paper{back, front} { // in the order in which they will be looked at
		fill(list, true)
		say(b.feed, i+1, 1)
		b.work()
	}
	fill(front, false)
	fill(back, false)
	b.again()
	b.turn() // the back is looked at
	say(b.feed, 3, 1)
	b.turn() // the pass goes over the front to the back, then the front is looked at
	b.work()
	for i, p := range slices.Concat(front, back, rest) {
		if a := p.account(t, 0); !slices.Equal(a.texts, []string{"1", "2", "3"}) {
			t.Fatalf("the connection %d was told %v", i, a.texts)
		}
	}
}

// TestBatchesOfAnEarlierAttachmentAreIgnored has an activation that was replaced go on speaking.
func TestBatchesOfAnEarlierAttachmentAreIgnored(t *testing.T) {
	b := newBench(t)
	b.feed.attached(2, room.Attached{Info: room.Info{Room: "42", Version: 2}})
	b.feed.deliver(&room.Batch{
		Room: "42", Attachment: 1, To: at(3), Danmaku: someDanmaku(1, 3), Info: &room.Info{Room: "42", Version: 9}, Closed: true,
	})
	if ended, gap, head := b.feed.status(); ended || gap || head != at(0) || b.feed.look().info.Version != 2 {
		t.Errorf("ended %v, gap %v, head %v, state %v", ended, gap, head, b.feed.look().info)
	}
}

func TestRoomThatIsGivenUpIsToldToAll(t *testing.T) {
	b := newBench(t)
	before, during := &paper{}, &paper{}
	b.enter(b.feed, before, 0)
	b.work()
	m := b.Admit(during) // has joined, and its answer is on its way
	m.enter(b.feed)
	b.abandon(b.feed, fault.New(fault.NotFound, "no_room", "no such room"))
	b.work()
	b.Release(m, "42", at(0), 0, nil)
	b.work()
	for _, p := range []*paper{before, during} {
		if !slices.Equal(p.evicted, []string{"42 room_closed"}) {
			t.Errorf("evicted %q", p.evicted)
		}
	}
	if n := testutil.ToFloat64(b.Hub.metrics.subscribers); n != 0 || len(b.shard.rooms) != 0 {
		t.Errorf("%v subscribers are left", n)
	}
}

func TestFramesAreMadeOnceForAll(t *testing.T) {
	b := newBench(t)
	for i := range 100 {
		b.enter(b.feed, &paper{encoding: wire.Encoding(i % 2), count: true}, 0)
	}
	b.work()
	say(b.feed, 1, 10)
	b.work()
	if got := testutil.ToFloat64(b.Hub.metrics.encoded); got != 2 {
		t.Errorf("%v frames for a hundred sockets", got)
	}
	if got := testutil.ToFloat64(b.Hub.metrics.deliveries); got != 100 {
		t.Errorf("%v deliveries", got)
	}
}

func TestBatchAndStateTravelTogether(t *testing.T) {
	for e, want := range map[wire.Encoding]rfc6455.Opcode{wire.JSON: rfc6455.Text, wire.Proto: rfc6455.Binary} {
		b := newBench(t)
		b.feed.deliver(&room.Batch{Room: "42", Attachment: 1, To: at(1), Danmaku: someDanmaku(1, 1), Info: &room.Info{Room: "42", Version: 2}})
		s := steps{room: "42", metrics: b.Hub.metrics, made: map[place]*step{}}
		s.begin(b.feed.look())
		st := s.next(place{stale: true, encoding: e})
		if ops := payloads(st.frames); !slices.Equal(ops, []rfc6455.Opcode{want, want}) {
			t.Errorf("%v: frames of kind %v", e, ops)
		}
	}
}

// crowd is a bench with n connections in its room.
func crowd(tb testing.TB, n int) *bench {
	tb.Helper()
	b := newBench(tb)
	for i := range n {
		b.enter(b.feed, &dummy{encoding: wire.Encoding(i % 2)}, 0)
	}
	b.work()
	return b
}

// dummy is a socket that takes everything.
type dummy struct {
	paper
	encoding wire.Encoding
}

func (d *dummy) Offer([]byte) Outcome    { return Taken }
func (d *dummy) Encoding() wire.Encoding { return d.encoding }

// TestFanOutAllocatesNothingForAConnection holds the budget of the hot path: what a batch costs does not
// depend on the crowd.
func TestFanOutAllocatesNothingForAConnection(t *testing.T) {
	cost := func(connections int) float64 {
		b, n := crowd(t, connections), 0
		return testing.AllocsPerRun(100, func() {
			say(b.feed, n+1, 8)
			n += 8
			b.work()
		})
	}
	few, many := cost(2), cost(5000)
	if many > few+2 || few > 60 {
		t.Errorf("%v allocations for 2 connections, %v for 5000", few, many)
	}
}

// BenchmarkFanOut measures the hub's part of a tick, without sockets: from the room's batch to an offer to
// every connection.
func BenchmarkFanOut(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("seats=%d", n), func(b *testing.B) {
			c := crowd(b, n)
			b.ReportAllocs()
			ticks := 0
			for b.Loop() {
				say(c.feed, ticks*32+1, 32)
				c.work()
				ticks++
			}
			b.ReportMetric(float64(ticks*n)/b.Elapsed().Seconds(), "writes/s")
			b.ReportMetric(float64(ticks*n*32)/b.Elapsed().Seconds(), "deliveries/s")
		})
	}
}
