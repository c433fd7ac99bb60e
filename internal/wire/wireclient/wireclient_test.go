package wireclient

import (
	"slices"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

func TestFullJitterStaysInItsBounds(t *testing.T) {
	for attempt := range 100 {
		most := min(30*time.Second, 500*time.Millisecond<<min(attempt, 20))
		for range 50 {
			if d := FullJitter(attempt); d < 0 || d > most {
				t.Fatalf("attempt %d waits %v, at most %v are allowed", attempt, d, most)
			}
		}
	}
}

func TestFaultOfAnErrorFrame(t *testing.T) {
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		want := fault.New(k, "code", "message").In("field").After(1500 * time.Millisecond)
		got := Fault(wire.Refusal(1, want).GetError())
		if got.Kind != k || got.Code != want.Code || got.Field != want.Field || got.RetryAfter != want.RetryAfter {
			t.Errorf("%v became %v", want, got)
		}
	}
	if got := Fault(&wirepb.Error{Kind: "of a later version"}); got.Kind != fault.Internal {
		t.Errorf("an unknown kind became %v", got.Kind)
	}
}

// story is a follower that notes what it is told.
type story struct {
	*follower
	seen   []uint64
	breaks []string
}

func newStory() *story {
	s := &story{}
	s.follower = &follower{cfg: FollowConfig{
		OnDanmaku: func(_ string, rows []*wirepb.Danmaku) {
			for _, d := range rows {
				s.seen = append(s.seen, d.GetPosition().GetOffset())
			}
		},
		OnBreak: func(_, reason string) { s.breaks = append(s.breaks, reason) },
	}}
	s.mu.at = map[string]position.Position{}
	s.mu.again = make(chan string, 1)
	return s
}

func rows(from, n uint64) []*wirepb.Danmaku {
	list := make([]*wirepb.Danmaku, n)
	for i := range list {
		list[i] = &wirepb.Danmaku{Position: &wirepb.Position{Epoch: 1, Offset: from + uint64(i)}}
	}
	return list
}

func (s *story) batch(from, n uint64) {
	s.frame(&wirepb.ServerFrame{Body: &wirepb.ServerFrame_Batch{Batch: &wirepb.Batch{Room: "42", Danmaku: rows(from, n)}}})
}

func (s *story) answer(recovered bool, from, n, at uint64) {
	s.frame(&wirepb.ServerFrame{Body: &wirepb.ServerFrame_Joined{Joined: &wirepb.Joined{
		Room: "42", Recovered: recovered, Reason: "too_old", Danmaku: rows(from, n), Position: &wirepb.Position{Epoch: 1, Offset: at},
	}}})
}

func TestFollowerTellsEveryDanmakuOnce(t *testing.T) {
	s := newStory()
	s.batch(1, 2) // not joined yet
	s.answer(false, 3, 2, 4)
	s.batch(5, 2)
	s.batch(8, 1) // a hole
	select {
	case r := <-s.mu.again:
		if r != "42" {
			t.Errorf("joins %s again", r)
		}
	default:
		t.Error("a hole goes unnoticed")
	}
	s.answer(true, 7, 2, 8)
	s.batch(9, 1)
	s.answer(false, 9, 6, 14) // a break, with rows that are known already
	if want := []uint64{3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}; !slices.Equal(s.seen, want) {
		t.Errorf("told %v, want %v", s.seen, want)
	}
	if len(s.breaks) != 1 || s.breaks[0] != "too_old" {
		t.Errorf("breaks %q", s.breaks)
	}
}
