package hub

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/gateway/socket/protocol"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wire"
)

// ledger is a room that notes when it was asked what.
type ledger struct {
	mu    sync.Mutex
	asked []string
	to    room.Fanout
	last  uint64 // attachment
	sent  position.Position
	fail  map[string]error
	hold  chan struct{} // nil, or attaching waits for it
	// detaching is nil, or detaching waits for it.
	detaching chan struct{}
}

func (l *ledger) ask(what string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, what)
	return l.fail[what]
}

// refuse answers a question with err from now on.
func (l *ledger) refuse(what string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fail[what] = err
}

// advance has the room have sent more than comes.
func (l *ledger) advance(p position.Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent = p
}

// deliver sends a batch to the node.
func (l *ledger) deliver(b room.Batch) {
	l.mu.Lock()
	b.Attachment = l.last
	l.mu.Unlock()
	l.to.Deliver("node", &b)
}

func (l *ledger) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, a := range l.asked {
		if a == what {
			n++
		}
	}
	return n
}

func (l *ledger) Attach(_ context.Context, _ id.Room, _ id.Node, attachment uint64) (room.Attached, error) {
	err := l.ask("attach")
	if l.hold != nil {
		<-l.hold
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = attachment
	return room.Attached{Info: room.Info{Room: "42", Version: 1}, Position: l.sent}, err
}

func (l *ledger) Detach(id.Room, id.Node, uint64) error {
	err := l.ask("detach")
	if l.detaching != nil {
		<-l.detaching
	}
	return err
}

func (l *ledger) Report(_ context.Context, _ id.Room, _ id.Node, _ uint64, viewers int) (room.Attached, error) {
	what := "report"
	if viewers == 0 {
		what = "report none"
	}
	err := l.ask(what)
	l.mu.Lock()
	defer l.mu.Unlock()
	return room.Attached{Position: l.sent}, err
}

func (l *ledger) ResumeFunc(_ time.Time, _ id.Room, _ position.Position, done func(room.Recovery, error)) {
	err := l.ask("resume")
	l.mu.Lock()
	head := l.sent
	l.mu.Unlock()
	done(room.Recovery{Recovered: true, Head: head}, err)
}

func (l *ledger) HistoryFunc(_ time.Time, _ id.Room, _ position.Position, _ int, done func([]room.Danmaku, bool, error)) {
	done(nil, false, l.ask("history"))
}

// keeping starts a hub over a ledger, in the bubble of the caller.
func keeping(t *testing.T) (*Hub, *ledger) {
	t.Helper()
	l := &ledger{fail: map[string]error{}}
	h := Start(Config{Shards: 2}, "node", l, slog.New(slog.NewTextHandler(t.Output(), nil)), NewMetrics(prometheus.NewRegistry()))
	l.to = h
	t.Cleanup(h.Close)
	return h, l
}

func enter(t *testing.T, h *Hub) *Member {
	t.Helper()
	m := h.Admit(&paper{encoding: wire.JSON})
	if _, err := entered(h, m); err != nil {
		t.Fatal(err)
	}
	h.Release(m, "42", position.Position{}, 0, nil)
	return m
}

// entered waits for what a member is told on entering the room.
func entered(h *Hub, m *Member) (protocol.Entry, error) {
	return await(context.Background(), func(deadline time.Time, done func(protocol.Entry, error)) {
		h.Enter(deadline, m, protocol.Enter{Room: "42"}, done)
	})
}

func TestKeeperRenewsEvery20Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, l := keeping(t)
		enter(t, h)
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := l.count("report"); n < 160 || n > 200 {
			t.Errorf("%d reports in an hour", n)
		}
		if n := l.count("attach"); n != 1 {
			t.Errorf("attached %d times", n)
		}
	})
}

func TestKeeperDetachesAfterTheGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, l := keeping(t)
		m := enter(t, h)
		h.Leave(m, "42", nil)
		time.Sleep(9 * time.Second)
		again := enter(t, h)
		time.Sleep(time.Minute)
		if l.count("detach") != 0 {
			t.Error("detached while somebody is here")
		}
		h.Drop(again)
		time.Sleep(9 * time.Second)
		if l.count("detach") != 0 {
			t.Error("detached before the grace was over")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if l.count("detach") != 1 || l.count("report none") == 0 {
			t.Errorf("asked %q", l.asked)
		}
		before := l.count("attach")
		enter(t, h)
		if l.count("attach") != before+1 {
			t.Error("not attached anew")
		}
	})
}

// TestDetachingHoldsUpNobody has the room of a node that goes from it not take the message: another room is
// entered meanwhile.
func TestDetachingHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, l := keeping(t)
		m := enter(t, h)
		l.detaching = make(chan struct{})
		h.Leave(m, "42", nil)
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if l.count("detach") != 1 {
			t.Fatalf("asked %q", l.asked)
		}
		var entered atomic.Int32 // each room answers on a goroutine of its own
		for _, r := range []id.Room{"43", "42"} {
			h.Enter(time.Time{}, m, protocol.Enter{Room: r}, func(_ protocol.Entry, err error) {
				if err == nil {
					entered.Add(1)
				}
			})
		}
		synctest.Wait()
		if entered.Load() != 2 {
			t.Error("rooms cannot be entered while another one is told that the node goes")
		}
		close(l.detaching)
	})
}

// valve is a socket that takes offers while it is open.
type valve struct {
	paper
	open  atomic.Bool
	taken atomic.Int64
}

func (v *valve) Offer([]byte) Outcome {
	if !v.open.Load() {
		return Later
	}
	v.taken.Add(1)
	return Taken
}

// TestLateOnesAreLookedAtUntilTheyTake closes a socket for a while: it is offered what it missed soon after
// it takes again.
func TestLateOnesAreLookedAtUntilTheyTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, l := keeping(t)
		v := &valve{}
		m := h.Admit(v)
		if _, err := entered(h, m); err != nil {
			t.Fatal(err)
		}
		h.Release(m, "42", position.Position{}, 1<<62, nil)
		for i := range 3 {
			l.deliver(room.Batch{Room: "42", From: at(i), To: at(i + 1), Danmaku: someDanmaku(i+1, 1)})
			time.Sleep(10 * time.Second)
		}
		v.open.Store(true)
		time.Sleep(2 * lateAgain)
		synctest.Wait()
		if n := v.taken.Load(); n != 1 {
			t.Errorf("%d frames with what was missed", n)
		}
	})
}

func TestKeeperReportsAtMostOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, l := keeping(t)
		for range 100 {
			enter(t, h)
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := l.count("report"); n < 2 || n > 4 {
			t.Errorf("%d reports", n)
		}
	})
}

func TestKeeperAttachesAnewWhereItIsNotKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, l := keeping(t)
		enter(t, h)
		time.Sleep(5 * time.Second)
		l.refuse("report", fault.New(fault.Conflict, "unknown_attachment", "attach anew"))
		time.Sleep(21 * time.Second)
		l.refuse("report", nil)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if n := l.count("attach"); n < 2 {
			t.Errorf("attached %d times", n)
		}
	})
}

// TestKeeperFindsWhatWasLost has the room be ahead of what came: its answer to a report shows it.
func TestKeeperFindsWhatWasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, l := keeping(t)
		enter(t, h)
		time.Sleep(5 * time.Second)
		if n := l.count("resume"); n != 0 {
			t.Errorf("asked %d times for nothing", n)
		}
		l.advance(at(7))
		time.Sleep(25 * time.Second)
		synctest.Wait()
		if n := l.count("resume"); n == 0 {
			t.Error("what was lost is not asked for")
		}
	})
}

func TestKeeperBacksOffWhileTheRoomIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, l := keeping(t)
		enter(t, h)
		l.refuse("attach", fault.New(fault.Unavailable, "elsewhere", "moving"))
		l.deliver(room.Batch{Room: "42", Closed: true})
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := l.count("attach"); n < 100 || n > 600 {
			t.Errorf("%d attempts in ten minutes", n)
		}
		l.refuse("attach", nil)
		time.Sleep(6 * time.Second)
		before := l.count("attach")
		time.Sleep(10 * time.Second)
		if after := l.count("attach"); after > before+1 {
			t.Errorf("%d attempts after it came back", after-before)
		}
	})
}

func TestRoomThatIsGoneIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, l := keeping(t)
		m := enter(t, h)
		l.refuse("attach", fault.New(fault.NotFound, "no_room", "no such room"))
		l.deliver(room.Batch{Room: "42", Closed: true})
		time.Sleep(time.Second)
		synctest.Wait()
		if got := m.socket.(*paper).evicted; !slices.Equal(got, []string{"42 room_closed"}) {
			t.Errorf("evicted %q", got)
		}
		h.Leave(m, "42", nil)
		_, err := entered(h, m)
		if fault.CodeOf(err) != "no_room" {
			t.Errorf("entering gives %v", err)
		}
	})
}

// TestLeavingBeforeTheAnswer has members leave a room that is still being asked for, and come back.
func TestLeavingBeforeTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, l := keeping(t)
		l.hold = make(chan struct{})
		m := h.Admit(&paper{encoding: wire.JSON})
		answers := 0
		enter := func() {
			h.Enter(time.Time{}, m, protocol.Enter{Room: "42"}, func(_ protocol.Entry, err error) {
				if err != nil {
					t.Error(err)
				}
				answers++
			})
		}
		enter()
		synctest.Wait()
		h.Leave(m, "42", nil)
		enter()
		h.Leave(m, "42", nil)
		close(l.hold)
		synctest.Wait()
		if answers != 2 {
			t.Errorf("%d answers, want one to each", answers)
		}
		if n := testutil.ToFloat64(h.metrics.subscribers); n != 0 {
			t.Errorf("%v seats of one who has left", n)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := l.count("detach"); n != 1 {
			t.Errorf("a room without anybody is detached %d times", n)
		}
	})
}
