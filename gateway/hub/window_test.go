package hub

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/actors/room"
	"github.com/barrage-live/barrage/internal/position"
)

func at(offset int) position.Position {
	if offset == 0 {
		return position.Position{}
	}
	return position.Position{Epoch: 1, Offset: position.Offset(offset)}
}

func span(rows []room.Danmaku) (first, last int) {
	if len(rows) == 0 {
		return 0, 0
	}
	return int(rows[0].Position.Offset), int(rows[len(rows)-1].Position.Offset)
}

func TestWindowSeed(t *testing.T) {
	for _, c := range []struct {
		name        string
		head, later int // attached at head, then later rows came
		older       [2]int
		more        bool
		first, last int
		whole       bool
	}{
		{"an empty room", 0, 0, [2]int{1, 0}, false, 0, 0, true},
		{"an empty room in which somebody spoke meanwhile", 0, 2, [2]int{1, 2}, false, 1, 2, true},
		{"everything there is", 5, 0, [2]int{1, 5}, false, 1, 5, true},
		{"a part", 9, 0, [2]int{5, 5}, true, 5, 9, false},
		{"rows that came meanwhile are in both", 9, 2, [2]int{5, 7}, true, 5, 11, false},
		{"a hole between", 9, 0, [2]int{3, 3}, true, 0, 0, false},
		{"nothing left of a log", 9, 0, [2]int{1, 0}, false, 0, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := window{}
			w.reset(at(c.head))
			w.push(someDanmaku(c.head+1, c.later))
			w.seed(someDanmaku(c.older[0], c.older[1]), c.more)
			first, last := span(w.rows)
			if first != c.first || last != c.last || w.whole != c.whole {
				t.Errorf("kept %d to %d, whole %v", first, last, w.whole)
			}
		})
	}
}

func TestWindowProves(t *testing.T) {
	w := window{}
	w.reset(at(10))
	w.push(someDanmaku(11, 5))
	for _, c := range []struct {
		name string
		p    position.Position
		n    int
		ok   bool
	}{
		{"the head", at(15), 0, true},
		{"inside", at(12), 3, true},
		{"the first kept", at(11), 4, true},
		{"before the first: the epoch is not known", at(10), 0, false},
		{"older", at(3), 0, false},
		{"newer", at(16), 0, false},
		{"another epoch", position.Position{Epoch: 2, Offset: 12}, 0, false},
		{"another epoch at the head", position.Position{Epoch: 2, Offset: 15}, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, ok := w.behind(c.p)
			if ok != c.ok || len(rows) != c.n {
				t.Errorf("%d rows, %v", len(rows), ok)
			}
		})
	}
}

// TestWindowAgainstTheLog compares every answer with a plain list, and old snapshots with what they were.
func TestWindowAgainstTheLog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := someDanmaku(1, 3000)
		begin := rapid.IntRange(0, 100).Draw(t, "begin")
		w := window{}
		w.reset(at(begin))
		w.whole = begin == 0
		length := begin
		type old struct {
			rows []room.Danmaku
			last int
		}
		var snapshots []old
		for range rapid.IntRange(1, 60).Draw(t, "batches") {
			n := min(rapid.IntRange(0, 60).Draw(t, "rows"), len(log)-length)
			w.push(log[length : length+n])
			length += n
			limit := rapid.IntRange(1, 250).Draw(t, "limit")
			rows, more, ok := w.newest(limit)
			if !ok {
				continue
			}
			if first, last := span(rows); length > 0 && (last != length || len(rows) != min(limit, length) || more != (first > 1)) {
				t.Fatalf("newest %d of %d: %d to %d, more %v", limit, length, first, last, more)
			}
			snapshots = append(snapshots, old{rows, length})
		}
		for _, s := range snapshots {
			for i, d := range s.rows {
				if want := s.last - len(s.rows) + 1 + i; int(d.Position.Offset) != want {
					t.Fatalf("a snapshot changed: %d where %d was", d.Position.Offset, want)
				}
			}
		}
		if len(w.rows) > 2*kept {
			t.Fatalf("%d rows are kept", len(w.rows))
		}
	})
}
