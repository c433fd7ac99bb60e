package hub

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/gateway/socket/frame"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

var (
	noon     = time.Unix(1_800_000_000, 0)
	generous = bounds{age: time.Hour, bytes: 1 << 30}
)

func span(rows frame.Rows) (first, last int) {
	return int(rows.First().Offset), int(rows.Last().Offset)
}

func TestRecentSeed(t *testing.T) {
	for _, c := range []struct {
		name        string
		head, later int // attached at head, then later danmaku came
		older       [2]int
		more        bool
		first, last int
		all         bool
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
			r := recent{}
			r.reset(at(c.head))
			r.push(noon, at(c.head+c.later), someDanmaku(c.head+1, c.later), generous)
			r.seed(noon, someDanmaku(c.older[0], c.older[1]), c.more)
			first, last := span(frame.Last(0, 1000, r.blocks))
			if first != c.first || last != c.last || r.all != c.all || r.rows != max(0, last-first+min(1, last)) {
				t.Errorf("kept %d to %d, %d in all, all %v", first, last, r.rows, r.all)
			}
		})
	}
}

func TestRecentCovers(t *testing.T) {
	r := recent{}
	r.reset(at(10))
	r.push(noon, at(15), someDanmaku(11, 5), generous)
	sparse := r
	sparse.push(noon, at(20), someDanmaku(17, 2), generous) // 16, 19 and 20 were left out
	for _, c := range []struct {
		name   string
		r      recent
		p      position.Position
		covers bool
	}{
		{"the head", r, at(15), true},
		{"inside", r, at(12), true},
		{"where it begins", r, at(10), true},
		{"where it begins, in another epoch", r, position.Position{Epoch: 2, Offset: 10}, false},
		{"older", r, at(3), false},
		{"newer", r, at(16), false},
		{"another epoch", r, position.Position{Epoch: 2, Offset: 12}, false},
		{"another epoch at the head", r, position.Position{Epoch: 2, Offset: 15}, false},
		{"before something that was left out", sparse, at(12), false},
		{"the head of something left out", sparse, at(20), true},
		{"among what was left out", sparse, at(18), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.r.covers(c.p); got != c.covers {
				t.Errorf("covers %v", got)
			}
		})
	}
}

// TestRecentAgainstTheLog compares every answer with a plain list, and old snapshots with what they were.
func TestRecentAgainstTheLog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := someDanmaku(1, 3000)
		begin := rapid.IntRange(0, 100).Draw(t, "begin")
		keep := bounds{age: time.Duration(rapid.IntRange(1, 30).Draw(t, "age")) * time.Second, bytes: rapid.IntRange(50_000, 600_000).Draw(t, "bytes")}
		r := recent{}
		r.reset(at(begin))
		r.all = begin == 0
		length := begin
		type old struct {
			rows frame.Rows
			last int
		}
		var snapshots []old
		now := noon
		for range rapid.IntRange(1, 60).Draw(t, "batches") {
			n := min(rapid.IntRange(0, 60).Draw(t, "rows"), len(log)-length)
			now = now.Add(time.Second)
			r.push(now, at(length+n), log[length:length+n], keep)
			length += n
			limit, before := rapid.IntRange(1, 250).Draw(t, "limit"), rapid.IntRange(0, length+1).Draw(t, "before")
			end := length
			if before > 0 {
				end = min(before-1, length)
			}
			rows, more, ok := r.newest(position.Offset(before), limit)
			if !ok {
				if r.all || int(r.base.Offset) <= end-limit && before != 1 {
					t.Fatalf("%d before %d of %d to %d cannot be told", limit, before, r.base.Offset, length)
				}
				continue
			}
			if first, last := span(rows); rows.Len() > 0 && (last != end || rows.Len() != min(limit, end) || more != (first > 1)) {
				t.Fatalf("newest %d before %d of %d: %d to %d, more %v", limit, before, length, first, last, more)
			}
			snapshots = append(snapshots, old{rows, end})
			if r.cost > keep.bytes && len(r.blocks) > 1 {
				t.Fatalf("%d bytes are kept", r.cost)
			}
			if len(r.blocks) > 1 {
				if b := r.blocks[0]; now.Sub(b.Came()) >= keep.age && r.rows-b.Len() >= leastKept {
					t.Fatalf("what came %v ago is kept, of %d", now.Sub(b.Came()), r.rows)
				}
			}
		}
		for _, s := range snapshots {
			first, last := span(s.rows)
			if s.rows.Len() > 0 && (last != s.last || last-first+1 != s.rows.Len()) {
				t.Fatalf("a snapshot changed: %d to %d where %d was last", first, last, s.last)
			}
		}
	})
}

// TestRecentKeepsAMinute says 40 danmaku a second for longer than anything is kept.
func TestRecentKeepsAMinute(t *testing.T) {
	cfg := Config{}.filled()
	keep := bounds{cfg.Keep, cfg.KeepBytes}
	r := recent{}
	now := noon
	for i := range 3000 {
		now = now.Add(100 * time.Millisecond)
		r.push(now, at(i*4+4), someDanmaku(i*4+1, 4), keep)
	}
	kept := r.head.Offset - r.base.Offset
	if kept < 60*40 || kept > 2*90*40 {
		t.Errorf("%d danmaku are kept, %d bytes", kept, r.cost)
	}
	if cap(r.blocks) > 2*len(r.blocks)+64 {
		t.Errorf("%d blocks lie in an array of %d", len(r.blocks), cap(r.blocks))
	}
}

func TestFeedsShareWhatMayBeKept(t *testing.T) {
	b := newBench(t)
	b.cfg.KeepAllBytes = 1 << 20
	var feeds []*roomFeed
	for _, r := range []string{"1", "2", "3", "4"} {
		feeds = append(feeds, b.room(id.Room(r)))
	}
	b.count.Store(4)
	for _, f := range feeds {
		talk(f, 1, 1000, 100)
	}
	for _, f := range feeds {
		f.trim(time.Now(), false)
	}
	if kept := b.kept.Load(); kept > 1<<20+4*100<<10 {
		t.Errorf("%d bytes are kept", kept)
	}
	for _, f := range feeds {
		if v := f.look(); v.recent.rows < 100 {
			t.Errorf("room %s keeps %d danmaku", f.room, v.recent.rows)
		}
		f.trim(time.Now(), true)
	}
	if kept := b.kept.Load(); kept != 0 {
		t.Errorf("%d bytes are counted of rooms that keep nothing", kept)
	}
}
