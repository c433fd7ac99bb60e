package wheel

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func origin() time.Time { return time.Date(2026, time.November, 21, 0, 0, 0, 0, time.UTC) }

func TestNeverEarlyAtMostOneGrainLate(t *testing.T) {
	t.Parallel()
	const grain = 10 * time.Millisecond
	for _, after := range []time.Duration{
		-time.Hour, 0, 1, grain - 1, grain, grain + 1, 63 * grain, 64 * grain, 65 * grain, 640 * time.Second,
		64 * 64 * grain, 24 * time.Hour, 365 * 24 * time.Hour, 200 * 365 * 24 * time.Hour,
	} {
		w := New[string](origin(), grain)
		due := origin().Add(after)
		w.Add(&Timer[string]{Value: "x"}, due)
		fired := drainOne(t, w)
		if fired.Before(due) {
			t.Errorf("%v: fired %v early", after, due.Sub(fired))
		}
		if late := fired.Sub(due); after > 0 && late > grain {
			t.Errorf("%v: fired %v late", after, late)
		}
		if w.Len() != 0 {
			t.Errorf("%v: %d timers left", after, w.Len())
		}
	}
}

// drainOne follows Next until a timer comes due and returns that time.
func drainOne(t *testing.T, w *Wheel[string]) time.Time {
	t.Helper()
	for range levels + 1 {
		next, ok := w.Next()
		if !ok {
			t.Fatal("no next time although a timer is armed")
		}
		if len(w.Advance(next, nil)) == 1 {
			return next
		}
	}
	t.Fatal("Next does not reach the timer within one step a level")
	return time.Time{}
}

func TestTimeThatGoesBackChangesNothing(t *testing.T) {
	t.Parallel()
	w := New[int](origin(), time.Millisecond)
	w.Advance(origin().Add(time.Second), nil)
	w.Add(&Timer[int]{Value: 1}, origin().Add(1100*time.Millisecond))
	for _, back := range []time.Duration{-time.Hour, 0, 500 * time.Millisecond, time.Second} {
		if got := w.Advance(origin().Add(back), nil); len(got) != 0 {
			t.Fatalf("Advance(%v) fired %v", back, got)
		}
	}
	if got := w.Advance(origin().Add(1100*time.Millisecond), nil); !slices.Equal(got, []int{1}) {
		t.Fatalf("fired %v, want [1]", got)
	}
}

// model is the wheel written naively: a list searched from end to end.
type model struct {
	now   int64
	armed []entry
}

type entry struct {
	value int
	tick  int64
	seq   int
}

func (m *model) cancel(value int) bool {
	before := len(m.armed)
	m.armed = slices.DeleteFunc(m.armed, func(e entry) bool { return e.value == value })
	return len(m.armed) < before
}

func (m *model) advance(tick int64) []int {
	m.now = max(m.now, tick)
	slices.SortFunc(m.armed, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.tick, b.tick), cmp.Compare(a.seq, b.seq))
	})
	due := 0
	for due < len(m.armed) && m.armed[due].tick <= m.now {
		due++
	}
	var out []int
	for _, e := range m.armed[:due] {
		out = append(out, e.value)
	}
	m.armed = slices.Clone(m.armed[due:])
	return out
}

func TestAgreesWithNaiveModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const grain = time.Millisecond
		w := New[int](origin(), grain)
		m := &model{}
		timers := make([]Timer[int], 24)
		for i := range timers {
			timers[i].Value = i
		}
		at := func(tick int64) time.Time { return origin().Add(time.Duration(tick) * grain) }
		span := rapid.OneOf(rapid.Int64Range(0, 70), rapid.Int64Range(0, 5000), rapid.Int64Range(0, 1<<40))
		seq := 0
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				i, tick := rapid.IntRange(0, len(timers)-1).Draw(t, "timer"), m.now+span.Draw(t, "ticks")
				seq++
				m.cancel(i)
				m.armed = append(m.armed, entry{i, max(tick, m.now+1), seq})
				w.Add(&timers[i], at(tick))
			},
			"cancel": func(t *rapid.T) {
				i := rapid.IntRange(0, len(timers)-1).Draw(t, "timer")
				if got, want := w.Cancel(&timers[i]), m.cancel(i); got != want {
					t.Fatalf("Cancel(%d) = %v, want %v", i, got, want)
				}
			},
			"advance": func(t *rapid.T) {
				tick := m.now + span.Draw(t, "ticks")
				got, want := w.Advance(at(tick), nil), m.advance(tick)
				if !slices.Equal(got, want) {
					t.Fatalf("advance to %d: %v, want %v", tick, got, want)
				}
			},
			"": func(t *rapid.T) {
				if w.Len() != len(m.armed) {
					t.Fatalf("Len = %d, want %d", w.Len(), len(m.armed))
				}
				next, ok := w.Next()
				if ok != (len(m.armed) > 0) {
					t.Fatalf("Next says %v with %d armed", ok, len(m.armed))
				}
				for _, e := range m.armed {
					if ok && at(e.tick).Before(next) {
						t.Fatalf("Next = %v is after timer %d at %v", next, e.value, at(e.tick))
					}
				}
			},
		})
	})
}

func TestAllocatesNothing(t *testing.T) {
	w := New[int](origin(), time.Millisecond)
	timers := make([]Timer[int], 1000)
	dst := make([]int, 0, len(timers))
	now := origin()
	got := testing.AllocsPerRun(20, func() {
		for i := range timers {
			w.Add(&timers[i], now.Add(time.Duration(i*i)*time.Millisecond))
		}
		for i := 0; i < len(timers); i += 2 {
			w.Cancel(&timers[i])
		}
		now = now.Add(2000 * time.Second)
		dst = w.Advance(now, dst[:0])
	})
	if got != 0 || len(dst) != len(timers)/2 {
		t.Fatalf("%v allocations a run, %d timers fired; want 0 and %d", got, len(dst), len(timers)/2)
	}
}

// What does it cost to keep one more timer, with many armed? 2 cores: 60 ns an add and cancel, at any
// number armed.
func BenchmarkAddCancel(b *testing.B) {
	for _, armed := range []int{1_000, 1_000_000} {
		b.Run(fmt.Sprintf("armed=%d", armed), func(b *testing.B) {
			w := New[int](origin(), 10*time.Millisecond)
			timers := make([]Timer[int], armed)
			for i := range timers {
				w.Add(&timers[i], origin().Add(time.Duration(i)*time.Millisecond))
			}
			var t Timer[int]
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				i++
				w.Add(&t, origin().Add(time.Duration(i%100_000)*time.Millisecond))
				w.Cancel(&t)
			}
		})
	}
}
