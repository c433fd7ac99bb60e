// Package tablelog is the embedded event log engine: package eventlog as rows of package table.
//
// It owns rows in two shared tables (FORMAT.md), one lane per topic and partition in use, and in each lane
// a goroutine while there is something to append: what queues up meanwhile becomes the next batch. It is
// used through eventlog.New; nothing else calls it. It does not own the table store.
//
// Several processes may share one table store. Nothing is fenced, because nobody owns a partition of a log:
// every batch requires the head of the partition to be as it was read, so that two writers cannot take one
// offset, and a write that comes late, from a process that is believed dead or after its outcome was called
// unknown, is either appended after everything that was, or refused. In neither case is anything lost or
// changed; at worst events are repeated, which is what an Append of unknown outcome may do anyway. Readers
// are woken by appends of their own process at once and look for those of others once a second.
//
// Queues are bounded: a lane takes 4 MiB of events, the next append waits until its context ends. Events
// are kept for the retention and up to a sixteenth of it longer, in a partition that is neither read nor
// appended to until it is.
//
// It fails as the table store does; an append whose outcome the store does not know is eventlog.ErrUnknown.
package tablelog

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/eventlog"
	"github.com/barrage-live/barrage/storage/eventlog/driver"
	"github.com/barrage-live/barrage/storage/table"
)

const (
	// foreignPoll is how often a waiting reader looks for events of other processes.
	foreignPoll = time.Second
	// closeGrace is how long Close lets appends that are under way finish.
	closeGrace = 5 * time.Second
	// defaultRetention is how long events are kept where nothing else is said.
	defaultRetention = 7 * 24 * time.Hour
	// defaultPartitions is how many partitions a new topic gets where nothing else is said.
	defaultPartitions = 16
	maxPartitions     = 4096
)

func eventTable() table.Table { return table.Shared("eventlog") }

func topicTable() table.Table { return table.Shared("eventlog_topic") }

// errClosed refuses everything after Close.
var errClosed = fault.New(fault.Unavailable, "storage_closed", "the event log is closed")

// Config shapes the log. Only Tables is required.
type Config struct {
	// Tables is where the rows live; it must outlive the log.
	Tables *table.Store
	// Partitions is how many partitions a new topic gets; zero means 16. Topics that exist keep theirs.
	Partitions int
	// Retention is how long events are kept; zero means 7 days.
	Retention time.Duration
	// Now is the clock that stamps events and lets them grow old; nil means time.Now.
	Now func() time.Time
}

// Driver is the engine behind an eventlog.Log.
type Driver struct {
	cfg    Config
	ctx    context.Context //nolint:containedctx // the life of the lanes
	cancel context.CancelFunc
	end    chan struct{}
	lanes  sync.WaitGroup
	mu     struct {
		sync.Mutex
		lanes  map[string]*lane
		topics map[string]int
		closed bool
	}
}

var _ driver.Driver = (*Driver)(nil)

// New makes the log over a table store.
func New(cfg Config) (*Driver, error) {
	if cfg.Tables == nil || cfg.Partitions < 0 || cfg.Partitions > maxPartitions || cfg.Retention < 0 {
		return nil, fault.New(fault.Invalid, "bad_config", "tables are required, and numbers are not negative")
	}
	if cfg.Partitions == 0 {
		cfg.Partitions = defaultPartitions
	}
	if cfg.Retention == 0 {
		cfg.Retention = defaultRetention
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	d := &Driver{cfg: cfg, end: make(chan struct{})}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	d.mu.lanes = make(map[string]*lane)
	d.mu.topics = make(map[string]int)
	return d, nil
}

// Close wakes waiting readers and lets appends that are under way finish, for a while; then their outcome
// is unknown.
func (d *Driver) Close() error {
	if lanes := d.shut(); lanes != nil {
		for _, l := range lanes {
			l.close()
		}
		late := time.AfterFunc(closeGrace, d.cancel)
		d.lanes.Wait()
		late.Stop()
		d.cancel()
	}
	return nil
}

// shut refuses new calls and gives the lanes; nil says that it was done before.
func (d *Driver) shut() map[string]*lane {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.closed {
		return nil
	}
	d.mu.closed = true
	close(d.end)
	return d.mu.lanes
}

// Partitions implements driver.Driver.
func (d *Driver) Partitions(ctx context.Context, topic string) (int, error) {
	n, err := d.known(topic)
	if n > 0 || err != nil {
		return n, err
	}
	row, err := d.cfg.Tables.Get(ctx, topicTable(), topic, []byte("n"))
	switch {
	case errors.Is(err, table.ErrNoRow):
		return d.establish(ctx, topic)
	case err != nil:
		return 0, err
	}
	return d.learn(topic, row)
}

// known is how many partitions a topic has, zero if that is not known yet.
func (d *Driver) known(topic string) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.closed {
		return 0, errClosed
	}
	return d.mu.topics[topic], nil
}

// establish gives a topic its number of partitions for ever. Who asks for the number relies on it, so
// asking establishes it.
func (d *Driver) establish(ctx context.Context, topic string) (int, error) {
	_, err := d.cfg.Tables.Write(ctx, table.Batch{Table: topicTable(), Partition: topic, Ops: []table.Op{
		table.PutIfAbsent([]byte("n"), binary.BigEndian.AppendUint64(nil, uint64(d.cfg.Partitions))),
	}})
	if err != nil && !errors.Is(err, table.ErrConflict) && !errors.Is(err, table.ErrUnknown) {
		return 0, err
	}
	row, rerr := d.cfg.Tables.Get(ctx, topicTable(), topic, []byte("n"))
	switch {
	case errors.Is(rerr, table.ErrNoRow) && err != nil:
		// The write was not done, and may be yet: nothing was asked for that could be in doubt, so it is a
		// plain refusal.
		return 0, fault.Wrap(fault.Unavailable, "storage_failed", "the topic could not be made", err).After(foreignPoll)
	case rerr != nil:
		return 0, rerr
	}
	return d.learn(topic, row)
}

// learn remembers a topic's number of partitions.
func (d *Driver) learn(topic string, row table.Row) (int, error) {
	if len(row.Value) != 8 {
		return 0, table.ErrCorrupt
	}
	n := binary.BigEndian.Uint64(row.Value)
	if n < 1 || n > maxPartitions {
		return 0, table.ErrCorrupt
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mu.topics[topic] = int(n)
	return int(n), nil
}

// Append implements driver.Driver.
func (d *Driver) Append(ctx context.Context, topic, key string, events []driver.Event) error {
	n, err := d.Partitions(ctx, topic)
	if err != nil {
		return err
	}
	l, err := d.lane(topic, partitionOf(key, n))
	if err != nil {
		return err
	}
	j := &job{key: key, done: make(chan struct{})}
	for _, e := range events {
		j.size += eventlog.Weight(key, e)
		e.Payload = bytes.Clone(e.Payload) // the caller may leave before they are written
		j.events = append(j.events, e)
	}
	if err := l.submit(ctx, j); err != nil {
		return err
	}
	return j.wait(ctx)
}

// Read implements driver.Driver.
func (d *Driver) Read(ctx context.Context, r driver.Request) (driver.Page, error) {
	l, err := d.lane(r.Topic, r.Partition)
	if err != nil {
		return driver.Page{}, err
	}
	deadline := time.NewTimer(r.MaxWait)
	defer deadline.Stop()
	poll := time.NewTicker(foreignPoll)
	defer poll.Stop()
	for {
		changed := l.watch() // before the read, so that nothing slips between
		page, err := l.read(ctx, r)
		if err != nil || len(page.Records) > 0 || page.Lost || r.MaxWait == 0 {
			return page, err
		}
		select {
		case <-changed:
		case <-poll.C:
		case <-deadline.C:
			return page, nil
		case <-ctx.Done():
			return driver.Page{}, fault.From(ctx.Err())
		case <-d.end:
			return driver.Page{}, errClosed
		}
	}
}

// lane is the lane of a partition.
func (d *Driver) lane(topic string, partition int) (*lane, error) {
	name := topic + "/" + strconv.Itoa(partition)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.closed {
		return nil, errClosed
	}
	l := d.mu.lanes[name]
	if l == nil {
		l = newLane(d, name)
		d.mu.lanes[name] = l
	}
	return l, nil
}
