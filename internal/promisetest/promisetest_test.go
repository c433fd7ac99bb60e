package promisetest

import (
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
)

const list = `
//	X01  The first.
//	X02  The second, which says more than X01
//	     on a line of its own.
//	X09  The last.
`

func suite(numbers ...int) Suite[*testing.T] {
	s := Suite[*testing.T]{Letter: "X", List: list}
	for _, n := range numbers {
		s.Promises = append(s.Promises, Promise[*testing.T]{Number: n, Prove: func(*testing.T) {}})
	}
	return s
}

func TestListAndProofsAreTheSame(t *testing.T) {
	for _, c := range []struct {
		proven, always []int
		want           []string
	}{
		{proven: []int{1, 2, 2, 9}},
		{proven: []int{1, 2}, always: []int{9}},
		{proven: []int{1, 9}, want: []string{"X02"}},
		{proven: []int{1, 2, 3, 9}, want: []string{"X03"}},
		{want: []string{"X01", "X02", "X09"}},
	} {
		s := suite(c.proven...)
		s.Always = c.always
		if got := s.unproven(); !slices.Equal(got, c.want) {
			t.Errorf("%v and %v: got %v, want %v", c.proven, c.always, got, c.want)
		}
	}
}

func TestRunProvesEachWithARigOfItsOwn(t *testing.T) {
	var made, closed int
	var proven []string
	s := suite(1, 2, 9)
	s.Open = func(t *testing.T) *testing.T { t.Helper(); made++; return t }
	s.Close = func(*testing.T) { closed++ }
	for i := range s.Promises {
		s.Promises[i].Name = "name"
		s.Promises[i].Prove = func(t *testing.T) {
			if made != closed+1 {
				t.Errorf("%d rigs made and %d closed", made, closed)
			}
			proven = append(proven, t.Name())
		}
	}
	Run(t, s)
	if want := []string{t.Name() + "/X01_name", t.Name() + "/X02_name", t.Name() + "/X09_name"}; !slices.Equal(proven, want) {
		t.Errorf("proven: %v, want %v", proven, want)
	}
}

// TestRigIsClosedWhenAProofFails ends a proof as t.Fatal does.
func TestRigIsClosedWhenAProofFails(t *testing.T) {
	closed := false
	s := suite()
	s.Open = func(t *testing.T) *testing.T { t.Helper(); return t }
	s.Close = func(*testing.T) { closed = true }
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.prove(t, Promise[*testing.T]{Prove: func(*testing.T) { runtime.Goexit() }})
	}()
	<-done
	if !closed {
		t.Error("the rig is open")
	}
}

func TestStorm(t *testing.T) {
	var calls atomic.Int64
	var atStrike int64
	Storm(4, 100, func(int, int) bool { calls.Add(1); return true }, func() { atStrike = calls.Load() })
	if atStrike < 100 {
		t.Errorf("struck after %d calls", atStrike)
	}
	struck := false
	Storm(3, 100, func(_, turn int) bool { return turn < 5 }, func() { struck = true })
	if !struck {
		t.Error("no strike after all workers had ended")
	}
}
