package tablelog

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/eventlog/driver"
	"github.com/barrage-live/barrage/storage/table"
)

const (
	// laneQueue is how many appends may wait in a lane.
	laneQueue = 256
	// groupEntries and groupBytes bound what is written as one batch; one append always fits.
	groupEntries = 1024
	groupBytes   = 3 << 20
	// collisions is how many times an append gives way to another process before it gives up.
	collisions = 20
)

// errContended gives up an append that lost too many races.
var errContended = fault.New(fault.Unavailable, "log_contended", "too many writers append to this partition").After(50 * time.Millisecond)

// job is the part of one append that falls into one partition.
type job struct {
	entries []driver.Entry
	places  []*driver.Place // the lane's until done is closed
	err     error
	done    chan struct{}
}

// wait gives the outcome; after ctx has ended it is unknown.
func (j *job) wait(ctx context.Context) error {
	select {
	case <-j.done:
		return j.err
	case <-ctx.Done():
		return fault.Wrap(table.ErrUnknown.Kind, table.ErrUnknown.Code, table.ErrUnknown.Message, ctx.Err())
	}
}

// size is about what the job takes in a batch.
func (j *job) size() (n int) {
	for _, e := range j.entries {
		n += 2*len(e.ID) + len(e.Key) + len(e.Payload) + 64
	}
	return n
}

// lane appends to one partition and wakes its readers.
type lane struct {
	cfg   *Config
	name  string        // of the table's partition
	slots chan struct{} // one for each job that is queued
	mu    struct {
		sync.Mutex
		queue   []*job
		running bool
		idle    *sync.Cond    // on the mutex: running became false
		changed chan struct{} // closed by the next append
	}
}

func newLane(cfg *Config, name string) *lane {
	l := &lane{cfg: cfg, name: name, slots: make(chan struct{}, laneQueue)}
	l.mu.idle = sync.NewCond(&l.mu.Mutex)
	l.mu.changed = make(chan struct{})
	return l
}

// watch gives a channel that the next append closes.
func (l *lane) watch() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.changed
}

// submit queues a job, or refuses it when ctx ends before there is room.
func (l *lane) submit(ctx context.Context, j *job) error {
	select {
	case l.slots <- struct{}{}:
	case <-ctx.Done():
		return fault.From(ctx.Err())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.queue = append(l.mu.queue, j)
	if !l.mu.running {
		l.mu.running = true
		go l.run()
	}
	return nil
}

// wait returns when nothing is being appended.
func (l *lane) wait() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.mu.running {
		l.mu.idle.Wait()
	}
}

// run appends until the queue is empty.
func (l *lane) run() {
	for group := l.take(); len(group) > 0; group = l.take() {
		err := l.append(group)
		for _, j := range group {
			j.err = err
			close(j.done)
		}
	}
}

// take takes the next group out of the queue; with an empty one the goroutine has, from then on, ended.
func (l *lane) take() (group []*job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	entries, size := 0, 0
	for len(l.mu.queue) > 0 {
		j := l.mu.queue[0]
		entries += len(j.entries)
		size += j.size()
		if len(group) > 0 && (entries > groupEntries || size > groupBytes) {
			break
		}
		group = append(group, j)
		l.mu.queue = l.mu.queue[1:]
		<-l.slots
	}
	if len(group) == 0 {
		l.mu.running = false
		l.mu.idle.Broadcast()
	}
	return group
}

// append writes a group as one batch. It has no deadline of its own: callers that cannot wait have left.
func (l *lane) append(group []*job) error {
	ctx := context.Background()
	for range collisions {
		batch, err := l.plan(ctx, group)
		if err != nil || len(batch.Ops) == 0 {
			return err
		}
		_, err = l.cfg.Tables.Write(ctx, batch)
		if errors.Is(err, table.ErrConflict) {
			continue
		}
		if err == nil {
			l.mu.Lock()
			close(l.mu.changed)
			l.mu.changed = make(chan struct{})
			l.mu.Unlock()
		}
		return err
	}
	return errContended
}

// plan gives the entries of a group their places, and the batch that puts them there if the head has not moved.
func (l *lane) plan(ctx context.Context, group []*job) (table.Batch, error) {
	next, condition, err := l.head(ctx)
	if err != nil {
		return table.Batch{}, err
	}
	first := next
	now := l.cfg.Now()
	inGroup := make(map[string]uint64)
	var ops []table.Op
	for _, j := range group {
		for i, e := range j.entries {
			known, dup, err := l.known(ctx, e.ID, inGroup)
			if err != nil {
				return table.Batch{}, err
			}
			if dup {
				j.places[i].Offset, j.places[i].Duplicate = known, true
				continue
			}
			j.places[i].Offset, j.places[i].Duplicate = next, false
			ops = append(ops, table.Expiring(table.Put(eventKey(next), encodeEvent(e, now)), l.cfg.Retention))
			if e.ID != "" {
				inGroup[e.ID] = next
				ops = append(ops, table.Expiring(table.Put(idKey(e.ID), offset(next)), l.cfg.Remember))
			}
			next++
		}
	}
	if next == first {
		return table.Batch{}, nil
	}
	ops = append(ops, condition(offset(next)))
	return table.Batch{Table: eventTable(), Partition: l.name, Ops: ops}, nil
}

// head is the next offset, and the op that moves it on condition that it is unchanged.
func (l *lane) head(ctx context.Context) (next uint64, move func(value []byte) table.Op, err error) {
	key := []byte("h")
	row, err := l.cfg.Tables.Get(ctx, eventTable(), l.name, key)
	switch {
	case errors.Is(err, table.ErrNoRow):
		return 0, func(v []byte) table.Op { return table.PutIfAbsent(key, v) }, nil
	case err != nil:
		return 0, nil, err
	case len(row.Value) != 8:
		return 0, nil, table.ErrCorrupt
	}
	move = func(v []byte) table.Op { return table.PutIfVersion(key, v, row.Version) }
	return binary.BigEndian.Uint64(row.Value), move, nil
}

// known is where an ID lies already.
func (l *lane) known(ctx context.Context, id string, inGroup map[string]uint64) (uint64, bool, error) {
	if id == "" {
		return 0, false, nil
	}
	if at, ok := inGroup[id]; ok {
		return at, true, nil
	}
	row, err := l.cfg.Tables.Get(ctx, eventTable(), l.name, idKey(id))
	switch {
	case errors.Is(err, table.ErrNoRow):
		return 0, false, nil
	case err != nil:
		return 0, false, err
	case len(row.Value) != 8:
		return 0, false, table.ErrCorrupt
	}
	return binary.BigEndian.Uint64(row.Value), true, nil
}

// read gives the events that are there.
func (l *lane) read(ctx context.Context, from uint64, most int) ([]driver.Event, error) {
	rows, _, err := l.cfg.Tables.Scan(ctx, table.Range{
		Table: eventTable(), Partition: l.name, From: eventKey(from), To: []byte{eventMark + 1}, Limit: most,
	})
	if err != nil {
		return nil, err
	}
	events := make([]driver.Event, len(rows))
	for i, row := range rows {
		e, err := decodeEvent(row.Value)
		if err != nil || len(row.Key) != 9 {
			return nil, table.ErrCorrupt
		}
		e.Offset = binary.BigEndian.Uint64(bytes.TrimPrefix(row.Key, []byte{eventMark}))
		events[i] = e
	}
	return events, nil
}
