package cluster

import (
	"sync"

	"github.com/barrage-live/barrage/internal/fifo"
)

// pool runs jobs on at most limit goroutines, which live as long as there is work. Jobs beyond wait in
// order, at most backlog of them; more are refused.
type pool struct {
	limit   int
	backlog int
	mu      struct {
		sync.Mutex
		running int
		queue   fifo.Queue[func()]
		closed  bool
	}
	wg sync.WaitGroup
}

// submit runs job soon, or reports false if too many wait or the pool is closed.
func (p *pool) submit(job func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.running >= p.limit && p.mu.queue.Len() >= p.backlog {
		return false
	}
	return p.enqueue(job)
}

// insist runs job soon, whatever waits; for flushes, which are as many as there are activations at most. It
// reports false if the pool is closed.
func (p *pool) insist(job func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.enqueue(job)
}

func (p *pool) enqueue(job func()) bool {
	switch {
	case p.mu.closed:
		return false
	case p.mu.running >= p.limit:
		p.mu.queue.Push(job)
	default:
		p.mu.running++
		p.wg.Go(func() { p.work(job) })
	}
	return true
}

func (p *pool) work(job func()) {
	for job != nil {
		job()
		job = p.next()
	}
}

func (p *pool) next() func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.queue.Len() == 0 {
		p.mu.running--
		return nil
	}
	return p.mu.queue.Pop()
}

// close refuses new jobs and returns when those accepted have ended.
func (p *pool) close() {
	p.mu.Lock()
	p.mu.closed = true
	p.mu.Unlock()
	p.wg.Wait()
}
