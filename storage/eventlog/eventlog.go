// Package eventlog is the port of what happened: an append-only log of events in topics and partitions.
//
// It carries facts from those who make them to those who follow: search, notifications, analytics. The truth lies in
// tables; a follower that lost its place can be rebuilt. It owns nothing but the driver it wraps. Actors append, consumers
// read.
//
// Promises, proven for every driver by package eventlogtest: an Append that returned nil survives the death of the process
// and of the machine; offsets of a partition grow by exactly one from zero; events of one key keep their order; an event
// with an ID is appended once however often it is sent while the engine remembers it; consumers get every event at least
// once, in order.
//
// Refusals: fault.Invalid (names, sizes), fault.Fenced (a commit of a lower epoch), fault.Timeout (an append whose
// outcome is unknown: send it again with the same IDs), fault.Unavailable. The embedded driver is tablelog.
package eventlog

import (
	"context"
	"io"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/eventlog/driver"
)

// Limits of what a driver must take.
const (
	MaxName    = 64        // bytes of a topic or a group
	MaxKey     = 512       // bytes of a key
	MaxID      = 128       // bytes of an ID
	MaxPayload = 256 << 10 // bytes of a payload
	MaxAppend  = 256       // entries of an Append
	MaxBytes   = 2 << 20   // bytes of all entries of an Append
	MaxRead    = 1000      // events of a Read
	MaxWait    = 30 * time.Second
	readLimit  = 100 // events of a Read where none is named
)

// ErrFenced refuses a commit of an epoch that has been succeeded.
var ErrFenced = fault.New(fault.Fenced, "fenced", "a newer consumer has taken over this partition")

// The vocabulary is the driver's.
type (
	// Entry is an event to be appended.
	Entry = driver.Entry
	// Place is where an event lies.
	Place = driver.Place
	// Event is an appended event.
	Event = driver.Event
	// Request asks for events of one partition.
	Request = driver.Request
	// Cursor names how far a group has come in a partition.
	Cursor = driver.Cursor
)

// Log is a set of topics in one engine.
type Log struct{ d driver.Driver }

// New wraps an engine. The Log owns it and closes it.
func New(d driver.Driver) *Log { return &Log{d: d} }

// Close ends waiting reads and frees the engine.
func (l *Log) Close() error {
	if c, ok := l.d.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Partitions is how many partitions a topic has; they are numbered from zero.
func (l *Log) Partitions(ctx context.Context, topic string) (int, error) {
	if err := check(ctx, topic); err != nil {
		return 0, err
	}
	return l.d.Partitions(ctx, topic)
}

// Append appends entries and returns when they are durable, with one place each. Entries that fall into one partition
// are appended together or not at all; after an error some partitions may have theirs, so entries that matter have IDs
// and are sent again.
func (l *Log) Append(ctx context.Context, topic string, entries ...Entry) ([]Place, error) {
	if err := check(ctx, topic); err != nil {
		return nil, err
	}
	if len(entries) == 0 || len(entries) > MaxAppend {
		return nil, fault.New(fault.Invalid, "bad_append", "nothing to append, or too much at once")
	}
	size := 0
	ids := make(map[string]struct{}, len(entries))
	for _, e := range entries {
		if e.Key == "" || len(e.Key) > MaxKey || len(e.ID) > MaxID || len(e.Payload) > MaxPayload {
			return nil, fault.New(fault.Invalid, "bad_event", "an event has no key, or is too large")
		}
		if _, twice := ids[e.ID]; twice && e.ID != "" {
			return nil, fault.New(fault.Invalid, "bad_append", "an append names an id twice")
		}
		ids[e.ID] = struct{}{}
		size += len(e.Key) + len(e.ID) + len(e.Payload)
	}
	if size > MaxBytes {
		return nil, fault.New(fault.Invalid, "bad_append", "nothing to append, or too much at once")
	}
	return l.d.Append(ctx, topic, entries)
}

// Read gives events from an offset on, none if there are none within MaxWait. Events that the log no longer keeps are
// passed over: the first event may have a higher offset than asked for.
func (l *Log) Read(ctx context.Context, r Request) ([]Event, error) {
	if r.Max == 0 {
		r.Max = readLimit
	}
	if err := l.checkPartition(ctx, r.Topic, r.Partition); err != nil {
		return nil, err
	}
	if r.Max < 0 || r.Max > MaxRead || r.MaxWait < 0 || r.MaxWait > MaxWait {
		return nil, fault.New(fault.Invalid, "bad_range", "too many events, or too long a wait")
	}
	return l.d.Read(ctx, r)
}

// Commit stores that a group has dealt with everything before next. The epoch is that of the consumer's lease on the
// partition; a lower one than has committed before is refused with ErrFenced.
func (l *Log) Commit(ctx context.Context, c Cursor, epoch position.Epoch, next uint64) error {
	if err := l.checkCursor(ctx, c); err != nil {
		return err
	}
	return l.d.Commit(ctx, c, epoch, next)
}

// Committed is the offset with which a group goes on.
func (l *Log) Committed(ctx context.Context, c Cursor) (uint64, error) {
	if err := l.checkCursor(ctx, c); err != nil {
		return 0, err
	}
	return l.d.Committed(ctx, c)
}

// Consume reads a partition for a group from where it has come to, hands events to handle in order, and commits when
// handle gave nil: every event is handled at least once. It ends with the first error: of handle, of the log, of ctx.
func (l *Log) Consume(ctx context.Context, c Cursor, epoch position.Epoch, handle func(context.Context, []Event) error) error {
	next, err := l.Committed(ctx, c)
	if err != nil {
		return err
	}
	for {
		events, err := l.Read(ctx, Request{Topic: c.Topic, Partition: c.Partition, From: next, MaxWait: MaxWait})
		if err != nil {
			return err
		}
		if len(events) == 0 {
			continue
		}
		if err := handle(ctx, events); err != nil {
			return err
		}
		next = events[len(events)-1].Offset + 1
		if err := l.Commit(ctx, c, epoch, next); err != nil {
			return err
		}
	}
}

func (l *Log) checkCursor(ctx context.Context, c Cursor) error {
	if !validName(c.Group) {
		return fault.New(fault.Invalid, "bad_name", "the name of a group is empty, too long or has a forbidden character")
	}
	return l.checkPartition(ctx, c.Topic, c.Partition)
}

func (l *Log) checkPartition(ctx context.Context, topic string, partition int) error {
	n, err := l.Partitions(ctx, topic)
	if err == nil && (partition < 0 || partition >= n) {
		err = fault.New(fault.Invalid, "bad_partition", "the topic has no such partition")
	}
	return err
}

func check(ctx context.Context, topic string) error {
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	if !validName(topic) {
		return fault.New(fault.Invalid, "bad_name", "the name of a topic is empty, too long or has a forbidden character")
	}
	return nil
}

// validName allows a-z, 0-9, '.', '_' and '-'.
func validName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return s != "" && len(s) <= MaxName
}
