// Package driver is what a table engine must implement; package table is what everyone else uses.
//
// The portable type has already checked sizes and shapes, so a driver need not. The numbered promises a driver must
// keep are in package tabletest, which every driver runs unchanged.
package driver

import (
	"context"
	"time"

	"github.com/barrage-live/barrage/internal/position"
)

// Row is one stored row. Drivers return bytes the caller may keep and must not change.
type Row struct {
	Key     []byte
	Value   []byte
	Version uint64
}

// Condition restricts an Op.
type Condition uint8

// The conditions.
const (
	Always Condition = iota
	// IfAbsent: no live row has the key.
	IfAbsent
	// IfVersion: the live row has exactly Op.Version.
	IfVersion
)

// Op is one change of one row.
type Op struct {
	Key     []byte
	Value   []byte
	Delete  bool
	TTL     time.Duration // zero means for ever
	If      Condition
	Version uint64
}

// Batch changes rows of one partition, all or none.
type Batch struct {
	Table     string
	Partition string
	// Epoch fences the write; zero writes unfenced.
	Epoch position.Epoch
	Ops   []Op
}

// Range selects rows of one partition with From <= key < To in bytewise order.
type Range struct {
	Table     string
	Partition string
	From, To  []byte // nil is unbounded
	Reverse   bool
	Limit     int
}

// Driver is one engine. Methods may be called concurrently and give up when ctx ends.
type Driver interface {
	// Get reads one live row; ok is false where there is none.
	Get(ctx context.Context, table, partition string, key []byte) (row Row, ok bool, err error)
	// Scan reads at most r.Limit live rows in order, or in reverse order.
	Scan(ctx context.Context, r Range) ([]Row, error)
	// Apply performs each batch atomically and returns after all of them are durable, with one error per batch.
	Apply(ctx context.Context, batches []Batch) []error
	// Close flushes and frees.
	Close() error
}
