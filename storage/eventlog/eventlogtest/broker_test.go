package eventlogtest_test

import (
	"bytes"
	"context"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/eventlog"
	"github.com/barrage-live/barrage/storage/eventlog/driver"
	"github.com/barrage-live/barrage/storage/eventlog/eventlogtest"
)

// broker is a log as one over a network is: the events of an append are there one after the other and
// perhaps not all, an answer may get lost, offsets have holes where markers of others lie, and retention
// takes whole segments. That the suite holds for it shows that the suite asks for nothing that such a
// server cannot give.
type broker struct {
	mu      sync.Mutex
	rng     *rand.Rand
	topics  map[string][]*part
	changed chan struct{}
}

type part struct {
	records     []driver.Record
	first, next uint64
}

func newBroker(seed uint64) *broker {
	return &broker{rng: rand.New(rand.NewPCG(seed, 4)), topics: map[string][]*part{}, changed: make(chan struct{})}
}

// Open implements eventlogtest.Harness.
func (b *broker) Open() (driver.Driver, error) {
	return &client{broker: b, end: make(chan struct{})}, nil
}

// Close implements eventlogtest.Harness.
func (b *broker) Close() error { return nil }

// Age implements eventlogtest.Ager.
func (b *broker) Age() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, parts := range b.topics {
		for _, p := range parts {
			p.records, p.first = nil, p.next
		}
	}
}

// topic gives the partitions of a topic; the lock is held.
func (b *broker) topic(name string) []*part {
	if b.topics[name] == nil {
		for range 4 {
			b.topics[name] = append(b.topics[name], &part{})
		}
	}
	return b.topics[name]
}

// client is one connection to the broker.
type client struct {
	*broker
	once sync.Once
	end  chan struct{}
}

var errClosed = fault.New(fault.Unavailable, "closed", "the client is closed")

// Close implements io.Closer.
func (c *client) Close() error {
	c.once.Do(func() { close(c.end) })
	return nil
}

func (c *client) closed() error {
	select {
	case <-c.end:
		return errClosed
	default:
		return nil
	}
}

// Partitions implements driver.Driver.
func (c *client) Partitions(_ context.Context, topic string) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.topic(topic)), c.closed()
}

// Append implements driver.Driver.
func (c *client) Append(_ context.Context, topic, key string, events []driver.Event) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.closed(); err != nil {
		return err
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	p := c.topic(topic)[h.Sum32()%4]
	there := len(events)
	if c.rng.IntN(5) == 0 {
		there = c.rng.IntN(len(events) + 1)
	}
	for _, e := range events[:there] {
		e.Payload = bytes.Clone(e.Payload)
		p.records = append(p.records, driver.Record{Event: e, Key: key, Offset: p.next, Time: time.Now().Truncate(time.Millisecond)})
		p.next++
	}
	if c.rng.IntN(3) == 0 {
		p.next++ // a marker
	}
	close(c.changed)
	c.changed = make(chan struct{})
	if there < len(events) || c.rng.IntN(5) == 0 {
		return eventlog.ErrUnknown
	}
	return nil
}

// Read implements driver.Driver.
func (c *client) Read(ctx context.Context, r driver.Request) (driver.Page, error) {
	deadline := time.NewTimer(r.MaxWait)
	defer deadline.Stop()
	for {
		page, changed, err := c.page(r)
		if err != nil || len(page.Records) > 0 || page.Lost || r.MaxWait == 0 {
			return page, err
		}
		select {
		case <-changed:
		case <-deadline.C:
			return page, nil
		case <-ctx.Done():
			return driver.Page{}, fault.From(ctx.Err())
		case <-c.end:
			return driver.Page{}, errClosed
		}
	}
}

func (c *client) page(r driver.Request) (page driver.Page, changed <-chan struct{}, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.closed(); err != nil {
		return page, nil, err
	}
	p := c.topic(r.Topic)[r.Partition]
	if r.From > p.next {
		return page, nil, eventlog.ErrAhead
	}
	page = driver.Page{Lost: r.From < p.first, Next: p.next, First: p.first, End: p.next}
	size := 0
	for _, rec := range p.records {
		if rec.Offset < r.From {
			continue
		}
		size += eventlog.Weight(rec.Key, rec.Event)
		if len(page.Records) == r.Max || len(page.Records) > 0 && size > r.Bytes {
			page.Next = rec.Offset
			break
		}
		page.Records = append(page.Records, rec)
	}
	return page, c.changed, nil
}

func TestConformance(t *testing.T) {
	for seed := range uint64(3) {
		eventlogtest.Run(t, func(*testing.T) eventlogtest.Harness { return newBroker(seed) })
	}
}
