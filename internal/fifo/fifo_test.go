package fifo

import (
	"runtime"
	"testing"
	"weak"

	"pgregory.net/rapid"
)

// TestAgainstASlice performs random operations on a queue and on a slice beside it.
func TestAgainstASlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := Queue[int]{Keep: rapid.IntRange(0, 40).Draw(t, "keep")}
		var want []int
		next := 0
		// Long runs of one operation, so that the ring wraps, grows and shrinks.
		for _, run := range rapid.SliceOfN(rapid.IntRange(-60, 60), 1, 30).Draw(t, "runs") {
			for ; run > 0; run-- {
				q.Push(next)
				want = append(want, next)
				next++
			}
			for ; run < 0 && len(want) > 0; run++ {
				if got := q.Pop(); got != want[0] {
					t.Fatalf("popped %d, want %d", got, want[0])
				}
				want = want[1:]
			}
			if q.Len() != len(want) {
				t.Fatalf("length %d, want %d", q.Len(), len(want))
			}
			for i, w := range want {
				if *q.At(i) != w {
					t.Fatalf("element %d is %d, want %d", i, *q.At(i), w)
				}
			}
			if most := max(2*q.Keep, 4*len(want)+shrinkAbove); len(q.ring) > most || len(want) == 0 && len(q.ring) > q.Keep {
				t.Fatalf("%d places for %d elements, to keep are %d", len(q.ring), len(want), q.Keep)
			}
		}
	})
}

// TestForgets looks whether what was taken out can be collected while the queue lives.
func TestForgets(t *testing.T) {
	var q Queue[*[1 << 10]byte]
	taken := func() weak.Pointer[[1 << 10]byte] {
		q.Push(new([1 << 10]byte))
		q.Push(new([1 << 10]byte))
		return weak.Make(q.Pop())
	}()
	for range 3 {
		runtime.GC()
	}
	if taken.Value() != nil {
		t.Error("the queue holds an element that was taken out")
	}
	runtime.KeepAlive(&q)
}

func TestEmptyPanics(t *testing.T) {
	for name, do := range map[string]func(*Queue[int]){
		"pop": func(q *Queue[int]) { q.Pop() }, "at": func(q *Queue[int]) { q.At(0) }, "at -1": func(q *Queue[int]) { q.At(-1) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			var q Queue[int]
			q.Push(1)
			q.Pop()
			do(&q)
		})
	}
}

func BenchmarkPushPop(b *testing.B) {
	var q Queue[[]byte]
	payload := make([]byte, 10)
	for range 5 {
		q.Push(payload)
	}
	b.ReportAllocs()
	for b.Loop() {
		q.Push(payload)
		q.Pop()
	}
}
