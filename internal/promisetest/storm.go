package promisetest

import "sync"

// Storm calls work from several goroutines, again and again, until enough calls have given true, then
// strikes while they go on, and lets them end with the call they are in. A worker that gives false ends; if
// all have, Storm strikes early. work is told its worker and its turn, both from zero.
func Storm(workers, enough int, work func(worker, turn int) (more bool), strike func()) {
	stop, done := make(chan struct{}), make(chan struct{}, enough)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for turn := 0; work(w, turn); turn++ {
				select {
				case <-stop:
					return
				case done <- struct{}{}:
				default: // there were enough, and the strike is on its way
				}
			}
		})
	}
	ended := make(chan struct{})
	go func() { wg.Wait(); close(ended) }()
	for left := enough; left > 0; left-- {
		select {
		case <-done:
		case <-ended:
			left = 0
		}
	}
	strike()
	close(stop)
	<-ended
}
