package cluster

import (
	"slices"
	"testing"
	"testing/synctest"
)

func TestPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pool{limit: 2, backlog: 3}
		gate := make(chan struct{})
		running, most := 0, 0
		var order []int
		job := func(i int) func() {
			return func() {
				running++
				most = max(most, running)
				<-gate
				order = append(order, i)
				running--
			}
		}
		for i := range 5 {
			if !p.submit(job(i)) {
				t.Fatalf("job %d was refused", i)
			}
			synctest.Wait()
		}
		if p.submit(job(5)) {
			t.Error("a job beyond the backlog was taken")
		}
		if !p.insist(job(6)) {
			t.Error("a job that must run was refused")
		}
		for range 6 {
			gate <- struct{}{}
			synctest.Wait()
		}
		p.close()
		if most != 2 || running != 0 {
			t.Errorf("%d ran at once, %d left running; want 2 and 0", most, running)
		}
		slices.Sort(order)
		if want := []int{0, 1, 2, 3, 4, 6}; !slices.Equal(order, want) {
			t.Errorf("ran %v, want %v", order, want)
		}
		if p.submit(job(7)) || p.insist(job(8)) {
			t.Error("a closed pool took a job")
		}
	})
}
