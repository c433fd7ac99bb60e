// Package eventlog is the port of what happened: an append-only log of events in topics and partitions.
//
// It carries facts from those who make them to those who follow: lists, search, notifications, analytics.
// The truth lies in tables; a follower that lost its place is rebuilt from them. It owns nothing but the
// driver it wraps. Outboxes append, projections read (package projection). It promises what Kafka keeps,
// and no more; every driver proves it with package eventlogtest:
//
//   - An Append that returned nil survives the death of the process and of the machine.
//   - Events are appended at least once: a repeated Append repeats events.
//   - Events of one key lie in one partition, in the order of their Appends.
//   - Offsets of a partition grow, may have holes, and are never given twice; no event appears below an
//     offset that was read.
//   - Events that a reader asks for and that retention has removed are not passed over in silence.
//
// # Appending
//
// An event is told by a Source, usually an actor, which numbers what it tells: 1, 2, 3, with holes if need
// be, and never one number for two things. Source and number are the ID of the event, for ever. A source
// appends in the order of its numbers, and a number is settled before the next is appended. The outcome of
// an Append:
//
//	nil                              all are there, durable: forget them
//	ErrUnknown, any fault.Timeout    some may be there, the first ones first, or may still come: append the same again, and
//	                                 nothing later of this source before that has succeeded
//	fault.Unavailable                nothing was appended: the same, after its RetryAfter
//	fault.Invalid                    nothing was appended, and never will be: a bug
//
// A source that moves to another node appends again what it had not settled. What its former self still had
// on the way may come later, behind newer events; it has its old numbers, and is recognised by them.
//
// # Reading
//
// A reader keeps, in one place and changed together with what it does, the offset to go on with and the
// last number of each source; what comes with that number or a lower one is a repetition and is dropped.
// Package projection does this for readers whose effects are rows.
//
// Refusals: fault.Invalid (bad_topic, bad_partition, bad_event, bad_append, bad_read), ErrUnknown,
// ErrAhead, fault.Unavailable. The embedded driver is tablelog.
package eventlog

import (
	"context"
	"io"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/eventlog/driver"
)

// Limits of what a driver must take.
const (
	MaxTopic   = 64        // bytes of the name of a topic
	MaxKey     = 512       // bytes of a key
	MaxSource  = 512       // bytes of the name of a source
	MaxPayload = 256 << 10 // bytes of a payload
	MaxEvents  = 256       // events of an Append
	MaxBytes   = 900 << 10 // bytes of an Append: Kafka takes 1 MiB with what it adds
	MaxRead    = 1000      // events of a Read
	MaxWait    = 30 * time.Second
	MaxPage    = 8 << 20 // bytes of a Read
	pageEvents = 100     // events of a Read where none is named
	pageBytes  = 1 << 20 // bytes of a Read where none is named
)

// The refusals of this package.
var (
	// ErrUnknown: the engine failed, or the deadline passed, while events were on their way.
	ErrUnknown = fault.New(fault.Timeout, "outcome_unknown", "the event log failed during the append; its outcome is unknown")
	// ErrAhead: a read from an offset that the log has not reached. It was put back to an earlier state,
	// and what the reader has seen beyond is not in it: rebuild.
	ErrAhead = fault.New(fault.Conflict, "offset_ahead", "the log does not reach so far")
)

// The vocabulary is the driver's.
type (
	// ID identifies an event.
	ID = driver.ID
	// Event is a fact.
	Event = driver.Event
	// Record is an appended event.
	Record = driver.Record
	// Request asks for events of one partition.
	Request = driver.Request
	// Page answers a Request.
	Page = driver.Page
)

// Log is a set of topics in one engine. It is safe for concurrent use.
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

// Append appends events to the partition of the key, in this order, and returns when they are durable. See
// the package comment for what to do with each outcome.
func (l *Log) Append(ctx context.Context, topic, key string, events ...Event) error {
	if err := check(ctx, topic); err != nil {
		return err
	}
	if key == "" || len(key) > MaxKey || len(events) == 0 || len(events) > MaxEvents {
		return fault.New(fault.Invalid, "bad_append", "an append has no key, a long one, no events or too many")
	}
	size := 0
	for i := range events {
		e := &events[i]
		if e.ID.Source == "" || len(e.ID.Source) > MaxSource || e.ID.Seq == 0 || len(e.Payload) > MaxPayload {
			return fault.New(fault.Invalid, "bad_event", "an event has no source or number, or is too large")
		}
		size += Weight(key, *e)
	}
	if size > MaxBytes {
		return fault.New(fault.Invalid, "bad_append", "an append is too large")
	}
	return l.d.Append(ctx, topic, key, events)
}

// Weight is what an event counts towards MaxBytes under a key.
func Weight(key string, e Event) int {
	return len(key) + len(e.ID.Source) + len(e.Payload) + eventBytes
}

// eventBytes is what an event takes beside its key, source and payload.
const eventBytes = 64

// Read gives events from an offset on; none if none come within MaxWait. It is refused with ErrAhead from
// an offset behind the end of the log.
func (l *Log) Read(ctx context.Context, r Request) (Page, error) {
	n, err := l.Partitions(ctx, r.Topic)
	if err != nil {
		return Page{}, err
	}
	if r.Partition < 0 || r.Partition >= n {
		return Page{}, fault.New(fault.Invalid, "bad_partition", "the topic has no such partition")
	}
	if r.Max < 0 || r.Max > MaxRead || r.Bytes < 0 || r.Bytes > MaxPage || r.MaxWait < 0 || r.MaxWait > MaxWait {
		return Page{}, fault.New(fault.Invalid, "bad_read", "too many events, or too long a wait")
	}
	if r.Max == 0 {
		r.Max = pageEvents
	}
	if r.Bytes == 0 {
		r.Bytes = pageBytes
	}
	return l.d.Read(ctx, r)
}

func check(ctx context.Context, topic string) error {
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	ok := topic != "" && len(topic) <= MaxTopic
	for i := range len(topic) {
		c := topic[i]
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-')
	}
	if !ok {
		return fault.New(fault.Invalid, "bad_topic", "the name of a topic is empty, too long or has a forbidden character")
	}
	return nil
}
