package ws

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/fifo"
	"github.com/barrage-live/barrage/internal/rfc6455"
)

// errTooMany refuses a message of a client that sends faster than it is served.
var errTooMany = fault.New(fault.Exhausted, "too_many_requests", "too many requests; wait a little").After(time.Second)

type jobKind uint8

const (
	jobStart jobKind = iota
	jobMessage
	jobNotify
	jobFlush
	jobFinish
	jobClosed
)

// job is one thing to do for a connection on a worker.
type job struct {
	kind    jobKind
	payload []byte
	event   any
}

// backlog holds the jobs of one connection in order. Messages are bounded by maxQueued and maxQueuedBytes
// (policy: refuse, the client is told); the other jobs are few by their nature.
type backlog struct {
	sync.Mutex
	list      fifo.Queue[job]
	messages  int
	bytes     int  // of the messages
	scheduled bool // a worker has it, or it waits for one
	ended     bool // jobClosed has been queued
}

// enqueue adds a job and sees to it that a worker comes. It reports false for a message too many and after
// the end.
func (c *Conn) enqueue(j job) bool {
	q := &c.jobs
	q.Lock()
	if q.ended || j.kind == jobMessage && q.full(len(j.payload)) {
		q.Unlock()
		return false
	}
	if j.kind == jobMessage {
		q.messages++
		q.bytes += len(j.payload)
	}
	q.ended = j.kind == jobClosed
	q.list.Push(j)
	idle := !q.scheduled
	q.scheduled = true
	q.Unlock()
	if idle {
		c.server.pool.submit(c)
	}
	return true
}

// full reports whether one more message of n bytes is too much. A single one never is.
func (q *backlog) full(n int) bool {
	return q.messages >= maxQueued || q.messages > 0 && q.bytes+n > maxQueuedBytes
}

// next takes the first job, or gives the worker free.
func (q *backlog) next() (job, bool) {
	q.Lock()
	defer q.Unlock()
	if q.list.Len() == 0 {
		q.scheduled = false
		return job{}, false
	}
	j := q.list.Pop()
	if j.kind == jobMessage {
		q.messages--
		q.bytes -= len(j.payload)
	}
	return j, true
}

// run does the next job of the connection; false when there is none.
func (c *Conn) run() (more bool) {
	j, ok := c.jobs.next()
	if !ok {
		return false
	}
	defer func() {
		if p := recover(); p != nil {
			c.server.log.Error("a receiver panicked", slog.String("panic", fmt.Sprint(p)), slog.String("stack", string(debug.Stack())))
			c.Close(rfc6455.CloseInternal, "internal error")
			more = true
		}
	}()
	switch j.kind {
	case jobStart:
		c.receiver.Start()
	case jobMessage:
		c.receiver.Message(j.payload)
	case jobNotify:
		c.receiver.Notify(j.event)
	case jobFlush:
		c.flush()
	case jobFinish:
		c.finish()
	case jobClosed:
		c.receiver.Closed()
	}
	return true
}

// turn is how many jobs a worker does for one connection before another gets its turn.
const turn = 8

// pool runs the jobs of connections on at most max goroutines, which end when nothing waits. The line of
// waiting connections is bounded by their number.
type pool struct {
	max     int
	waiting interface{ Set(float64) }
	done    sync.WaitGroup

	mu struct {
		sync.Mutex
		workers int
		line    fifo.Queue[*Conn]
	}
}

// submit gives the connection to a worker, or puts it in line.
func (p *pool) submit(c *Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.workers == p.max {
		p.mu.line.Push(c)
		p.waiting.Set(float64(p.mu.line.Len()))
		return
	}
	p.mu.workers++
	p.done.Add(1)
	go p.work(c)
}

// swap puts c, if any, at the end of the line and takes the first; without one the worker ends.
func (p *pool) swap(c *Conn) *Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c != nil {
		if p.mu.line.Len() == 0 {
			return c
		}
		p.mu.line.Push(c)
	}
	if p.mu.line.Len() == 0 {
		p.mu.workers--
		return nil
	}
	first := p.mu.line.Pop()
	p.waiting.Set(float64(p.mu.line.Len()))
	return first
}

func (p *pool) work(c *Conn) {
	defer p.done.Done()
	for c != nil {
		again := true
		for range turn {
			if again = c.run(); !again {
				break
			}
		}
		if !again {
			c = nil
		}
		c = p.swap(c)
	}
}
