// Package tablelog is the embedded event log engine: package eventlog as rows of package table.
//
// It owns rows in three tables (FORMAT.md), one lane per topic and partition in use, and in each lane a goroutine while
// there is something to append: what queues up meanwhile becomes the next batch. It is used through eventlog.New; nothing
// else calls it. It does not own the table store.
//
// Several processes may share one table store: appends are conditional on the head of the partition. Readers are woken by
// appends of their own process at once and look for those of others once a second.
//
// Queues are bounded: a lane takes laneQueue appends, the next waits until its context ends. It fails as the table store
// does; an append whose outcome the store does not know is fault.Timeout.
package tablelog

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"strconv"
	"sync"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/eventlog"
	"github.com/barrage-live/barrage/storage/eventlog/driver"
	"github.com/barrage-live/barrage/storage/table"
)

// foreignPoll is how often a waiting reader looks for events of other processes.
const foreignPoll = time.Second

// The tables.
func eventTable() table.Table  { return table.Shared("eventlog") }
func topicTable() table.Table  { return table.Shared("eventlog_topics") }
func cursorTable() table.Table { return table.Owned("eventlog_cursors") }

// errClosed refuses everything after Close.
var errClosed = fault.New(fault.Unavailable, "storage_closed", "the event log is closed")

// Config shapes the log. Only Tables is required.
type Config struct {
	// Tables is where the rows live; it must outlive the log.
	Tables *table.Store
	// Partitions is how many partitions a new topic gets; zero means 16. Topics that exist keep theirs.
	Partitions int
	// Retention is how long events are kept; zero means 7 days, negative for ever.
	Retention time.Duration
	// Remember is how long IDs are known; zero means 24 h.
	Remember time.Duration
	// Now is the clock that stamps events; nil means time.Now.
	Now func() time.Time
}

// Driver is the engine behind an eventlog.Log.
type Driver struct {
	cfg Config
	end chan struct{}
	mu  struct {
		sync.Mutex
		lanes  map[string]*lane
		topics map[string]int
		closed bool
	}
}

var _ driver.Driver = (*Driver)(nil)

// New makes the log over a table store.
func New(cfg Config) (*Driver, error) {
	if cfg.Tables == nil || cfg.Partitions < 0 || cfg.Partitions > 4096 || cfg.Remember < 0 {
		return nil, fault.New(fault.Invalid, "bad_config", "tables are required, and numbers are not negative")
	}
	if cfg.Partitions == 0 {
		cfg.Partitions = 16
	}
	if cfg.Retention == 0 {
		cfg.Retention = 7 * 24 * time.Hour
	}
	cfg.Retention = max(0, cfg.Retention) // a TTL of zero is for ever
	if cfg.Remember == 0 {
		cfg.Remember = 24 * time.Hour
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	d := &Driver{cfg: cfg, end: make(chan struct{})}
	d.mu.lanes = make(map[string]*lane)
	d.mu.topics = make(map[string]int)
	return d, nil
}

// Close wakes waiting readers and waits for appends that are under way.
func (d *Driver) Close() error {
	d.mu.Lock()
	if d.mu.closed {
		d.mu.Unlock()
		return nil
	}
	d.mu.closed = true
	close(d.end)
	lanes := d.mu.lanes
	d.mu.Unlock()
	for _, l := range lanes {
		l.wait()
	}
	return nil
}

// Partitions implements driver.Driver.
func (d *Driver) Partitions(ctx context.Context, topic string) (int, error) {
	d.mu.Lock()
	n, known := d.mu.topics[topic]
	closed := d.mu.closed
	d.mu.Unlock()
	if closed {
		return 0, errClosed
	}
	if known {
		return n, nil
	}
	row, err := d.cfg.Tables.Get(ctx, topicTable(), topic, []byte("n"))
	switch {
	case errors.Is(err, table.ErrNoRow):
		return d.cfg.Partitions, nil
	case err != nil:
		return 0, err
	}
	return d.learn(topic, row)
}

// learn remembers a topic's number of partitions.
func (d *Driver) learn(topic string, row table.Row) (int, error) {
	if len(row.Value) != 8 {
		return 0, table.ErrCorrupt
	}
	n := int(binary.BigEndian.Uint64(row.Value))
	if n < 1 {
		return 0, table.ErrCorrupt
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mu.topics[topic] = n
	return n, nil
}

// establish gives a topic its number of partitions for ever.
func (d *Driver) establish(ctx context.Context, topic string) (int, error) {
	d.mu.Lock()
	n, known := d.mu.topics[topic]
	d.mu.Unlock()
	if known {
		return n, nil
	}
	_, err := d.cfg.Tables.Write(ctx, table.Batch{Table: topicTable(), Partition: topic, Ops: []table.Op{
		table.PutIfAbsent([]byte("n"), binary.BigEndian.AppendUint64(nil, uint64(d.cfg.Partitions))),
	}})
	if err != nil && !errors.Is(err, table.ErrConflict) {
		return 0, err
	}
	row, err := d.cfg.Tables.Get(ctx, topicTable(), topic, []byte("n"))
	if err != nil {
		return 0, err
	}
	return d.learn(topic, row)
}

// Append implements driver.Driver.
func (d *Driver) Append(ctx context.Context, topic string, entries []driver.Entry) ([]driver.Place, error) {
	n, err := d.establish(ctx, topic)
	if err != nil {
		return nil, err
	}
	places := make([]driver.Place, len(entries))
	jobs := make(map[int]*job)
	for i, e := range entries {
		p := partitionOf(e.Key, n)
		places[i].Partition = p
		if jobs[p] == nil {
			jobs[p] = &job{done: make(chan struct{})}
		}
		jobs[p].entries = append(jobs[p].entries, e)
		jobs[p].places = append(jobs[p].places, &places[i])
	}
	for p, j := range jobs {
		l, err := d.lane(topic, p)
		if err == nil {
			err = l.submit(ctx, j)
		}
		if err != nil {
			j.err = err
			close(j.done)
		}
	}
	for _, j := range jobs {
		if jerr := j.wait(ctx); jerr != nil && err == nil {
			err = jerr
		}
	}
	if err != nil {
		return nil, err
	}
	return places, nil
}

// Read implements driver.Driver.
func (d *Driver) Read(ctx context.Context, r driver.Request) ([]driver.Event, error) {
	l, err := d.lane(r.Topic, r.Partition)
	if err != nil {
		return nil, err
	}
	deadline := time.NewTimer(r.MaxWait)
	defer deadline.Stop()
	for {
		changed := l.watch() // before the read, so that nothing slips between
		events, err := l.read(ctx, r.From, r.Max)
		if err != nil || len(events) > 0 || r.MaxWait == 0 {
			return events, err
		}
		poll := time.NewTimer(foreignPoll)
		select {
		case <-changed:
		case <-poll.C:
		case <-deadline.C:
			poll.Stop()
			return nil, nil
		case <-ctx.Done():
			poll.Stop()
			return nil, fault.From(ctx.Err())
		case <-d.end:
			poll.Stop()
			return nil, errClosed
		}
		poll.Stop()
	}
}

// Commit implements driver.Driver.
func (d *Driver) Commit(ctx context.Context, c driver.Cursor, epoch position.Epoch, next uint64) error {
	fence := position.Fence{Epoch: epoch, Activation: 1}
	err := d.cfg.Tables.Fence(ctx, cursorTable(), cursorName(c), fence)
	if err == nil {
		_, err = d.cfg.Tables.Write(ctx, table.Batch{Table: cursorTable(), Partition: cursorName(c), Fence: fence, Ops: []table.Op{
			table.Put([]byte("c"), binary.BigEndian.AppendUint64(nil, next)),
		}})
	}
	if errors.Is(err, table.ErrFenced) {
		return eventlog.ErrFenced
	}
	return err
}

// Committed implements driver.Driver.
func (d *Driver) Committed(ctx context.Context, c driver.Cursor) (uint64, error) {
	row, err := d.cfg.Tables.Get(ctx, cursorTable(), cursorName(c), []byte("c"))
	switch {
	case errors.Is(err, table.ErrNoRow):
		return 0, nil
	case err != nil:
		return 0, err
	case len(row.Value) != 8:
		return 0, table.ErrCorrupt
	}
	return binary.BigEndian.Uint64(row.Value), nil
}

// lane is the lane of a partition.
func (d *Driver) lane(topic string, partition int) (*lane, error) {
	name := topic + "\x00" + strconv.Itoa(partition)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.closed {
		return nil, errClosed
	}
	l := d.mu.lanes[name]
	if l == nil {
		l = newLane(&d.cfg, name)
		d.mu.lanes[name] = l
	}
	return l, nil
}

func cursorName(c driver.Cursor) string {
	return c.Group + "\x00" + c.Topic + "\x00" + strconv.Itoa(c.Partition)
}

// partitionOf is where a key lies.
func partitionOf(key string, n int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	return int(h.Sum32() % uint32(n))
}
