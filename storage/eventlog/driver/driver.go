// Package driver is what an event log engine must implement; package eventlog is what everyone else uses.
//
// The portable type has already checked names and sizes, so a driver need not. A driver may be called concurrently and
// keeps the numbered promises in package eventlogtest. It fails with internal/fault errors.
package driver

import (
	"context"
	"time"

	"github.com/barrage-live/barrage/internal/position"
)

// Entry is an event to be appended.
type Entry struct {
	// Key decides the partition: events of one key stay in order.
	Key string
	// ID makes the append idempotent; empty is no such wish.
	ID      string
	Payload []byte
}

// Place is where an event lies.
type Place struct {
	Partition int
	Offset    uint64
	// Duplicate says that an event of this ID lay there already, and nothing was appended.
	Duplicate bool
}

// Event is an appended event. The payload must not be changed.
type Event struct {
	Entry
	Offset uint64
	Time   time.Time
}

// Request asks for events of one partition.
type Request struct {
	Topic     string
	Partition int
	From      uint64
	Max       int
	// MaxWait is how long to wait for the first event; zero does not wait.
	MaxWait time.Duration
}

// Cursor names how far a group of consumers has come in a partition.
type Cursor struct {
	Group     string
	Topic     string
	Partition int
}

// Driver is one engine.
type Driver interface {
	// Partitions is how many partitions a topic has; they are numbered from zero.
	Partitions(ctx context.Context, topic string) (int, error)
	// Append appends entries durably, one place each. Those of one partition are appended together or not at all.
	Append(ctx context.Context, topic string, entries []Entry) ([]Place, error)
	// Read gives at most r.Max events from offset r.From on.
	Read(ctx context.Context, r Request) ([]Event, error)
	// Commit stores the next offset a group wants, unless a higher epoch has committed.
	Commit(ctx context.Context, c Cursor, epoch position.Epoch, next uint64) error
	// Committed is the next offset a group wants; zero if it never said.
	Committed(ctx context.Context, c Cursor) (uint64, error)
}
