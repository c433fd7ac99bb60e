// Package driver is what a table engine must implement; package table is what everyone else uses.
//
// The portable type has already checked names, sizes, shapes and the class of the table, so a driver need
// not. The numbered promises a driver must keep are in package tabletest, which every driver runs
// unchanged.
package driver

import (
	"context"
	"time"

	"github.com/barrage-live/barrage/internal/position"
)

// Class is what kind of writes a table takes.
type Class uint8

// The classes. The zero value is no class: a table that was not declared, or under a bad name.
const (
	// Owned: every write needs the partition's fence and may carry conditions.
	Owned Class = iota + 1
	// Shared: writes may carry conditions and are never fenced.
	Shared
	// Plain: the last write wins; writes carry neither conditions nor a fence.
	Plain
)

// Table is a declared table. It is a value, comparable and cheap to pass around.
type Table struct {
	Name  string
	Class Class
}

// Version names one state of a row. It is never zero and never given twice, to no row of the engine;
// nothing else may be read from it, above all no order.
type Version uint64

// Row is one stored row. Drivers return bytes the caller may keep and must not change.
type Row struct {
	Key     []byte
	Value   []byte
	Version Version
}

// Verb is what an Op does.
type Verb uint8

// The verbs.
const (
	// Put sets the row to Value.
	Put Verb = iota
	// Delete removes the row; it is no error if there is none.
	Delete
	// DeleteRange removes all rows from Key, inclusive, to To, exclusive; nil is unbounded.
	DeleteRange
	// Check changes nothing: it only has a condition.
	Check
)

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

// Op is one change of one row, or of a range of rows.
type Op struct {
	Do      Verb
	Key, To []byte
	Value   []byte
	TTL     time.Duration // of a Put: whole seconds; zero means for ever
	If      Condition     // never of a DeleteRange
	Version Version
}

// Batch changes rows of one partition, all or none. No key is touched twice.
type Batch struct {
	Table     Table
	Partition string
	// Fence must be exactly the fence of the partition of an Owned table; it is zero for other tables.
	Fence position.Fence
	Ops   []Op
}

// Range selects rows of one partition with From <= key < To in bytewise order.
type Range struct {
	Table     Table
	Partition string
	From, To  []byte // nil is unbounded
	Reverse   bool
	// Limit is how many rows are wanted at most, Bytes how many bytes of keys and values; the first row may
	// exceed them alone.
	Limit, Bytes int
	// Damaged is told the keys of rows that fail their checksum, each at least once; they are left out. Nil:
	// the first of them ends the scan. It is for lists and indexes, which serve without a row; a document, or
	// a log, that lacks one is not what was written.
	Damaged func(key []byte)
}

// Reader is the reading half of an engine.
type Reader interface {
	// Get reads one live row; ok is false where there is none.
	Get(ctx context.Context, t Table, partition string, key []byte) (row Row, ok bool, err error)
	// Scan reads live rows in order, or in reverse order. It may give fewer rows than there are, even none;
	// then next is where to go on: the From, or in reverse the To, of the rest. At the end of the range next
	// is nil.
	Scan(ctx context.Context, r Range) (rows []Row, next []byte, err error)
	// Walk names partitions that hold rows, at most limit, in an order of its own. An empty cursor begins;
	// next is the cursor to go on with, empty at the end.
	Walk(ctx context.Context, t Table, cursor string, limit int) (partitions []string, next string, err error)
}

// Writer is the writing half of an engine. It keeps none of the bytes it is given once a method has returned.
type Writer interface {
	// Write performs the batch and returns when it is durable, with the version of every row it put.
	Write(ctx context.Context, b Batch) (Version, error)
	// Fence raises the fence of a partition of an Owned table to f, durably, and decides every earlier write
	// of the partition whose outcome is open. An equal fence is fine, a lower one is refused. If existing is
	// set, a partition without a fence is left alone; exists says whether it had one.
	Fence(ctx context.Context, t Table, partition string, f position.Fence, existing bool) (exists bool, err error)
}

// Driver is one client of an engine. Methods may be called concurrently and give up when ctx ends.
type Driver interface {
	Reader
	Writer
	// Close frees; a second Close does nothing.
	Close() error
}
