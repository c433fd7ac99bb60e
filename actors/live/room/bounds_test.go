package room

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
)

// TestBatchesAreBoundedInBytes posts the longest danmaku there are, as many as may wait: no batch is
// heavier than a batch may be, however many come in one tick, and all of them arrive.
func TestBatchesAreBoundedInBytes(t *testing.T) {
	for _, text := range []string{"x", strings.Repeat("弹", MaxLength), strings.Repeat(`"`, MaxLength), strings.Repeat("<", MaxLength)} {
		w := newWorld(Config{PostRate: 1 << 20, PostBurst: 1 << 20}, 1)
		now := w.began.Add(time.Hour)
		w.ask(now, createRoom{"c", "owner"})
		w.saved(now, nil)
		length := MaxLength
		w.ask(now, configure{MaxLength: &length})
		w.saved(now, nil)
		w.ask(now, attach{"n", 1})
		sent, most := 0, 0
		take := func(effects []effect) {
			for _, e := range effects {
				if e.do != doDeliver {
					continue
				}
				size := 0
				for i := range e.batch.Danmaku {
					size += e.batch.Danmaku[i].Weight()
				}
				sent, most = sent+len(e.batch.Danmaku), max(most, size)
			}
		}
		for i := range 4000 {
			take(w.ask(now, post{Author{id.User(fmt.Sprint(i)), "N", nil}, Draft{Key: "k", Text: text}}))
		}
		posted := 0
		for w.appending != nil {
			posted += len(w.appending)
			take(w.appended(now, nil, true))
		}
		for range 400 {
			now = now.Add(100 * time.Millisecond)
			take(w.tell(now, 0, tick{}))
		}
		if most > MaxBatchBytes || sent != posted || posted < 100 {
			t.Errorf("%d of %d danmaku of %.5q… arrived, the heaviest batch weighs %d", sent, posted, text, most)
		}
	}
}

// TestPendingIsBoundedInBytes: what waits for the log is bounded, whatever it is.
func TestPendingIsBoundedInBytes(t *testing.T) {
	w := newWorld(Config{PostRate: 1 << 20, PostBurst: 1 << 20, MaxPendingBytes: 64 << 10}, 1)
	now := w.began
	w.ask(now, createRoom{"c", "owner"})
	w.saved(now, nil)
	refused := 0
	for i := range 1000 {
		for _, e := range w.ask(now, post{Author{id.User(fmt.Sprint(i)), "N", nil}, Draft{Key: "k", Text: strings.Repeat("弹", 100)}}) {
			if e.do == doRefuse {
				refused++
			}
		}
	}
	if held := w.state.queue.size; refused == 0 || held > 65<<10 {
		t.Errorf("%d refused, %d bytes held", refused, held)
	}
}

// TestRetriesInFlightAreBounded: who asks again for a post that waits for the log waits as well, and counts
// among those who may.
func TestRetriesInFlightAreBounded(t *testing.T) {
	const most = 100
	w := newWorld(Config{MaxPending: most}, 1)
	now := w.began
	w.ask(now, createRoom{"c", "owner"})
	w.saved(now, nil)
	refused, answered := 0, 0
	again := func() (effects []effect) {
		return w.ask(now, post{Author{"2", "N", nil}, Draft{Key: "k", Text: "x"}})
	}
	for range 10 * most {
		for _, e := range again() {
			if e.do == doRefuse && fault.CodeOf(e.err) == errBusy.Code {
				refused++
			}
		}
	}
	if waiting := 10*most - refused; waiting != most {
		t.Errorf("%d wait for one append, %d may", waiting, most)
	}
	for _, e := range w.appended(now, nil, true) {
		if e.do == doAnswer {
			answered++
		}
	}
	if answered != most {
		t.Errorf("%d of %d were answered", answered, most)
	}
	if e := again()[0]; !e.posted.Duplicate {
		t.Errorf("afterwards: %+v", e)
	}
}

// TestRateOfOneUser: a user is one user, over however many connections the posts come.
func TestRateOfOneUser(t *testing.T) {
	w := newWorld(Config{PostRate: 10, PostBurst: 30}, 1)
	now := w.began
	w.ask(now, createRoom{"c", "owner"})
	w.saved(now, nil)
	accepted := func(user id.User, tries int) (n int) {
		for range tries {
			n++
			for _, e := range w.ask(now, post{Author{user, "N", nil}, Draft{Key: fmt.Sprint(w.asked), Text: "x"}}) {
				if e.do == doRefuse {
					n--
				}
			}
			if w.appending != nil {
				w.appended(now, nil, true)
			}
		}
		return n
	}
	if n := accepted("a", 500); n != 30 {
		t.Errorf("a burst of %d, want 30", n)
	}
	if n := accepted("b", 10); n != 10 {
		t.Errorf("another user posted %d of 10", n)
	}
	now = now.Add(time.Second)
	if n := accepted("a", 500); n != 10 {
		t.Errorf("%d a second later, want 10", n)
	}
	now = now.Add(time.Hour)
	if n := accepted("a", 500); n != 30 {
		t.Errorf("%d after an hour, want 30", n)
	}
}

// TestClockIsSet moves the clock of the wall by an hour and back: what was remembered by measured time stays.
func TestClockIsSet(t *testing.T) {
	for _, jump := range []time.Duration{time.Hour, -time.Hour} {
		w := newWorld(Config{Window: time.Minute}, 1)
		now := w.instant(w.began.Add(time.Hour))
		apply := func(cmd any) []effect {
			w.asked++
			w.effects = w.state.apply(now, w.asked, cmd, w.effects[:0])
			return w.effects
		}
		apply(createRoom{"c", "owner"})
		apply(saved{})
		apply(post{Author{"a", "N", nil}, Draft{Key: "k", Text: "x"}})
		apply(appended{})
		apply(mute{"b", now.wall.Add(10 * time.Minute), "owner"})
		apply(saved{})
		now.wall, now.at = now.wall.Add(jump), now.at+time.Second
		if e := apply(post{Author{"a", "N", nil}, Draft{Key: "k", Text: "x"}})[0]; !e.posted.Duplicate {
			t.Errorf("a jump of %v: the key is forgotten", jump)
		}
		if e := apply(post{Author{"b", "N", nil}, Draft{Key: "k", Text: "x"}})[0]; e.do != doRefuse {
			t.Errorf("a jump of %v: the mute is lifted", jump)
		}
		now.at += 11 * time.Minute
		if e := apply(post{Author{"b", "N", nil}, Draft{Key: "k", Text: "x"}})[0]; e.do != doAppend {
			t.Errorf("a jump of %v: the mute lasts", jump)
		}
		if e := apply(post{Author{"a", "N", nil}, Draft{Key: "k", Text: "x"}}); len(e) != 0 {
			t.Errorf("a jump of %v: the key is remembered for longer than its window", jump)
		}
	}
}

// TestKeyPostedAgain posts a key anew after its window; the end of the first time does not take the second
// one's mapping away.
func TestKeyPostedAgain(t *testing.T) {
	d := newDedup(time.Minute, 100)
	k := postKey{"u", "k"}
	d.begin(k, 1)
	d.settle(k, pos(1), 1, 0)
	d.begin(k, 1) // in a room that was quiet for longer than the window, nothing has forgotten the first yet
	d.settle(k, pos(2), 1, 2*time.Minute)
	d.forget(2*time.Minute + time.Second)
	if got := d.posted[k].position; got != pos(2) {
		t.Errorf("the key is at %v", got)
	}
}

// TestAppendQueue holds the queue to its bounds and its order.
func TestAppendQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q appendQueue
		var pushed, taken uint64
		next := uint64(rapid.IntRange(bucketRows-50, bucketRows-1).Draw(t, "first"))
		first := next
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				e := entry{weight: rapid.IntRange(1, appendBytes/2).Draw(t, "weight")}
				e.Position = pos(next)
				q.push(e)
				next, pushed = next+1, pushed+1
			},
			"begin": func(t *rapid.T) {
				out := q.out
				rows := q.begin()
				if out && rows != nil {
					t.Fatal("two appends are out")
				}
				size := 0
				for i, e := range rows {
					if e.Position != pos(first+taken+uint64(i)) || bucketOf(e.Position.Offset) != bucketOf(rows[0].Position.Offset) {
						t.Fatalf("%v in an append that begins at %v", e.Position, rows[0].Position)
					}
					size += e.weight
				}
				if size > appendBytes || len(rows) > appendRows {
					t.Fatalf("an append of %d rows, %d bytes", len(rows), size)
				}
			},
			"settle": func(*rapid.T) {
				if q.out {
					taken += uint64(len(q.settle()))
				}
			},
			"": func(t *rapid.T) {
				size := 0
				for _, rows := range [][]entry{q.inflight, q.waiting} {
					for _, e := range rows {
						size += e.weight
					}
				}
				if size != q.size || q.len() != int(pushed-taken) {
					t.Fatalf("%d rows of %d, weight %d of %d", q.len(), pushed-taken, q.size, size)
				}
			},
		})
	})
}
