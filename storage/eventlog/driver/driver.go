// Package driver is what an event log engine must implement; package eventlog is what everyone else uses.
//
// The portable type has already checked names and sizes, so a driver need not. A driver may be called
// concurrently and keeps the numbered promises in package eventlogtest. It fails with internal/fault
// errors. A driver that holds resources is also an io.Closer.
package driver

import (
	"context"
	"time"
)

// ID identifies an event: the Seq-th that its Source tells. Seq counts from 1, may have holes and never
// goes back.
type ID struct {
	Source string
	Seq    uint64
}

// Event is a fact.
type Event struct {
	ID      ID
	Payload []byte
}

// Record is an appended event. The payload must not be changed.
type Record struct {
	Event
	// Key is that of its Append.
	Key    string
	Offset uint64
	// Time is when the engine appended it, to the millisecond; for people, since clocks are not in step.
	Time time.Time
}

// Request asks for events of one partition.
type Request struct {
	Topic     string
	Partition int
	// From is the lowest offset wanted.
	From uint64
	// Max and Bytes bound the answer in events and in bytes of keys, sources and payloads; one event comes
	// whatever its size.
	Max, Bytes int
	// MaxWait is how long to wait for the first event; zero does not wait.
	MaxWait time.Duration
}

// Page is events of one partition in the order of their offsets.
type Page struct {
	Records []Record
	// Lost says that there were events from the offset asked for on that the log keeps no longer; the page
	// begins after them.
	Lost bool
	// Next is the offset to go on with.
	Next uint64
	// First is the lowest offset that the log keeps, End that which the next event gets at least; both as
	// of this read.
	First, End uint64
}

// Driver is one client of an engine.
type Driver interface {
	// Partitions is how many partitions a topic has; they are numbered from zero. It never changes.
	Partitions(ctx context.Context, topic string) (int, error)
	// Append appends events durably and in order to the partition of a key. It keeps none of their bytes
	// once it has returned.
	Append(ctx context.Context, topic, key string, events []Event) error
	// Read gives events from offset r.From on.
	Read(ctx context.Context, r Request) (Page, error)
}
