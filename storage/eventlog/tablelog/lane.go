package tablelog

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/fifo"
	"github.com/barrage-live/barrage/storage/eventlog"
	"github.com/barrage-live/barrage/storage/eventlog/driver"
	"github.com/barrage-live/barrage/storage/table"
)

const (
	// laneBytes bounds what waits in a lane; one append always fits.
	laneBytes = 4 << 20
	// groupEvents and groupBytes bound what is written as one batch; one append always fits.
	groupEvents = 1024
	groupBytes  = 3 << 20
	// collisions is how many times an append gives way to another process before it gives up.
	collisions = 20
)

// errContended gives up an append that lost too many races.
var errContended = fault.New(fault.Unavailable, "log_contended", "too many writers append to this partition").After(50 * time.Millisecond)

// unknown is eventlog.ErrUnknown with its cause.
func unknown(cause error) error {
	e := eventlog.ErrUnknown
	return fault.Wrap(e.Kind, e.Code, e.Message, cause)
}

// job is one append; without events it only lets the lane age. done is closed when err is set.
type job struct {
	key    string
	events []driver.Event
	size   int
	err    error
	done   chan struct{}
}

// wait gives the outcome; after ctx has ended it is unknown.
func (j *job) wait(ctx context.Context) error {
	select {
	case <-j.done:
		return j.err
	case <-ctx.Done():
		return unknown(ctx.Err())
	}
}

// lane appends to one partition, a group of appends at a time, and wakes its readers.
type lane struct {
	d    *Driver
	name string // of the table's partition
	mu   struct {
		sync.Mutex
		queue   fifo.Queue[*job]
		bytes   int // of the events that are queued or being written
		running bool
		closed  bool
		changed chan struct{} // closed when a group is done: readers look, and writers that wait for room
	}
}

func newLane(d *Driver, name string) *lane {
	l := &lane{d: d, name: name}
	l.mu.changed = make(chan struct{})
	return l
}

// watch gives a channel that is closed when something may have changed.
func (l *lane) watch() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.changed
}

// submit queues a job, or refuses it when ctx ends before there is room.
func (l *lane) submit(ctx context.Context, j *job) error {
	for {
		room, err := l.tryPush(j)
		if err != nil || room == nil {
			return err
		}
		select {
		case <-room:
		case <-ctx.Done():
			return fault.From(ctx.Err())
		}
	}
}

// tryPush queues a job, or gives a channel that is closed when there may be room for it.
func (l *lane) tryPush(j *job) (room <-chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.closed {
		return nil, errClosed
	}
	if l.mu.bytes > 0 && l.mu.bytes+j.size > laneBytes {
		return l.mu.changed, nil
	}
	l.mu.bytes += j.size
	l.mu.queue.Push(j)
	if !l.mu.running {
		l.mu.running = true
		l.d.lanes.Go(l.run)
	}
	return nil, nil
}

// close refuses new jobs and wakes those who wait for room. Jobs that are queued are done.
func (l *lane) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.closed = true
	l.signal()
}

// signal wakes whoever waits; l.mu is held.
func (l *lane) signal() {
	close(l.mu.changed)
	l.mu.changed = make(chan struct{})
}

// run appends until the queue is empty.
func (l *lane) run() {
	for group := l.take(); len(group) > 0; group = l.take() {
		err := l.append(group)
		for _, j := range group {
			j.err = err
			close(j.done)
		}
		l.finish(group)
	}
}

// take takes the next group out of the queue; with an empty one the goroutine has, from then on, ended.
func (l *lane) take() (group []*job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	events, size := 0, 0
	for l.mu.queue.Len() > 0 {
		j := *l.mu.queue.At(0)
		events += len(j.events)
		size += j.size
		if len(group) > 0 && (events > groupEvents || size > groupBytes) {
			break
		}
		group = append(group, l.mu.queue.Pop())
	}
	l.mu.running = len(group) > 0
	return group
}

// finish gives the room of a group free and wakes whoever waits: also after an error, since an unknown
// outcome may be a change.
func (l *lane) finish(group []*job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, j := range group {
		l.mu.bytes -= j.size
	}
	l.signal()
}

// append writes a group as one batch. It has no deadline but that of the log: callers that cannot wait have
// left.
func (l *lane) append(group []*job) error {
	ctx := l.d.ctx
	for range collisions {
		batch, err := l.plan(ctx, group)
		if err != nil || len(batch.Ops) == 0 {
			return err
		}
		switch _, err = l.d.cfg.Tables.Write(ctx, batch); {
		case errors.Is(err, table.ErrConflict): // another process has appended; nothing was done
		case err != nil && fault.KindOf(err) == fault.Timeout:
			return unknown(err)
		default:
			return err
		}
	}
	return errContended
}

// plan makes the batch that appends a group, and removes what is too old, if the head is still what it was.
func (l *lane) plan(ctx context.Context, group []*job) (table.Batch, error) {
	h, version, err := l.head(ctx)
	if err != nil {
		return table.Batch{}, err
	}
	now, first := l.d.cfg.Now(), h.first
	changed := h.age(now, l.d.cfg.Retention)
	var ops []table.Op
	if h.first > first {
		ops = append(ops, table.DeleteRange(eventKey(first), eventKey(h.first)))
	}
	for _, j := range group {
		for _, e := range j.events {
			ops = append(ops, table.Put(eventKey(h.next), encodeEvent(j.key, e, now)))
			h.next++
			changed = true
		}
	}
	if !changed {
		return table.Batch{}, nil
	}
	put := table.PutIfAbsent([]byte{headMark}, h.encode())
	if version != 0 {
		put = table.PutIfVersion([]byte{headMark}, h.encode(), version)
	}
	return table.Batch{Table: eventTable(), Partition: l.name, Ops: append(ops, put)}, nil
}

// head reads the head; version zero is none.
func (l *lane) head(ctx context.Context) (head, table.Version, error) {
	row, err := l.d.cfg.Tables.Get(ctx, eventTable(), l.name, []byte{headMark})
	switch {
	case errors.Is(err, table.ErrNoRow):
		return head{}, 0, nil
	case err != nil:
		return head{}, 0, err
	}
	h, err := decodeHead(row.Value)
	return h, row.Version, err
}

// read gives the events that are there.
func (l *lane) read(ctx context.Context, r driver.Request) (driver.Page, error) {
	rows, _, err := l.d.cfg.Tables.Scan(ctx, table.Range{
		Table: eventTable(), Partition: l.name, From: eventKey(r.From), To: []byte{eventMark + 1}, Limit: r.Max, Bytes: r.Bytes,
	})
	if err != nil {
		return driver.Page{}, err
	}
	// The head is read after the events: what was removed before or meanwhile is below its first, and is
	// told.
	h, _, err := l.head(ctx)
	if err != nil {
		return driver.Page{}, err
	}
	if r.From > h.next {
		return driver.Page{}, eventlog.ErrAhead
	}
	p := driver.Page{Lost: r.From < h.first, Next: max(r.From, h.first), First: h.first, End: h.next}
	for _, row := range rows {
		rec, err := decodeRow(row)
		if err != nil {
			return driver.Page{}, err
		}
		if rec.Offset < h.first {
			continue // it went while we read
		}
		if rec.Offset != p.Next { // ours have no holes
			return driver.Page{}, table.ErrCorrupt
		}
		p.Records = append(p.Records, rec)
		p.Next++
	}
	l.ageIfDue(h)
	return p, nil
}

// ageIfDue lets a partition age to which nobody appends.
func (l *lane) ageIfDue(h head) {
	if !h.age(l.d.cfg.Now(), l.d.cfg.Retention) {
		return
	}
	l.mu.Lock()
	idle := !l.mu.running
	l.mu.Unlock()
	if idle {
		_, _ = l.tryPush(&job{done: make(chan struct{})}) // if not now, then with the next read
	}
}
