// Package table is the wide-row port: durable truth lives here, as ordered rows in partitions.
//
// A table is a namespace; a partition is a set of rows that are kept together and changed atomically; a row is a key,
// a value and a version that grows with every change of that row. Rows are ordered by key, bytewise.
//
// Promises, proven for every driver by package tabletest: a Write that returned nil survives the death of the process
// and of the machine; a batch happens wholly or not at all; compare-and-set is linearizable per row; a write whose
// epoch is lower than the highest the partition has seen changes nothing and is refused with fault.Fenced, and an
// unfenced write counts as epoch zero; reads return durable rows only; an expired row is never returned; a damaged row
// is never returned as data but as ErrCorrupt.
//
// Refusals: fault.Invalid (sizes), fault.Conflict (condition not met), fault.Fenced, fault.Unavailable (engine; nothing
// was done), fault.Timeout (ErrUnknown or a deadline: the write may or may not have happened, so read before you
// decide), ErrCorrupt. The embedded driver is pebbletable. Who writes to many partitions at once shares flushes
// through WriteAll.
package table

import (
	"bytes"
	"context"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table/driver"
)

// Limits of what a driver must take. A row over them is refused with fault.Invalid.
const (
	MaxName   = 64      // bytes of a table's name
	MaxKey    = 1 << 10 // bytes of a partition name or key
	MaxValue  = 1 << 20 // bytes of a value
	MaxBatch  = 4 << 20 // bytes of all ops of a batch
	MaxOps    = 4096    // ops of a batch
	MaxLimit  = 10_000  // rows of a page
	pageLimit = 100     // rows of a page where the range names none
)

// The refusals of this package.
var (
	ErrConflict = fault.New(fault.Conflict, "row_conflict", "the row is not in the state the write requires")
	ErrFenced   = fault.New(fault.Fenced, "fenced", "a newer owner has written to this partition")
	ErrCorrupt  = fault.New(fault.Internal, "row_corrupt", "a stored row fails its checksum")
	ErrNoRow    = fault.New(fault.NotFound, "no_row", "no such row")
	// ErrUnknown: the engine failed, or the deadline passed, while the write was on its way to the disk.
	ErrUnknown = fault.New(fault.Timeout, "outcome_unknown", "the storage failed during the write; its outcome is unknown")
)

// Row is one stored row.
type Row = driver.Row

// Range selects rows of one partition.
type Range = driver.Range

// Batch changes rows of one partition, all or none. Build its Ops with Put, PutIfAbsent, PutIfVersion and Delete.
type Batch = driver.Batch

// Op is one change of one row.
type Op = driver.Op

// Put sets a row.
func Put(key, value []byte) Op { return Op{Key: key, Value: value} }

// PutIfAbsent sets a row that must not exist.
func PutIfAbsent(key, value []byte) Op { return Op{Key: key, Value: value, If: driver.IfAbsent} }

// PutIfVersion sets a row that must have the version.
func PutIfVersion(key, value []byte, version uint64) Op {
	return Op{Key: key, Value: value, If: driver.IfVersion, Version: version}
}

// Delete removes a row; it is no error if there is none.
func Delete(key []byte) Op { return Op{Key: key, Delete: true} }

// Expiring returns op with a time to live.
func Expiring(op Op, ttl time.Duration) Op {
	op.TTL = ttl
	return op
}

// Store is a set of tables in one engine.
type Store struct{ d driver.Driver }

// New wraps an engine. The Store owns it and closes it.
func New(d driver.Driver) *Store { return &Store{d: d} }

// Close flushes and frees the engine.
func (s *Store) Close() error { return s.d.Close() }

// Get reads a row, or refuses with ErrNoRow.
func (s *Store) Get(ctx context.Context, table, partition string, key []byte) (Row, error) {
	if err := checkKey(table, partition, key); err != nil {
		return Row{}, err
	}
	row, ok, err := s.d.Get(ctx, table, partition, key)
	if err == nil && !ok {
		err = ErrNoRow
	}
	return row, err
}

// Scan reads one page of a partition. A page shorter than the limit is the last one; to go on, set From behind the last key
// (After), or To to it when in reverse.
func (s *Store) Scan(ctx context.Context, r Range) ([]Row, error) {
	if err := checkKey(r.Table, r.Partition, r.From); err != nil {
		return nil, err
	}
	if len(r.To) > MaxKey+1 || r.Limit < 0 || r.Limit > MaxLimit {
		return nil, fault.New(fault.Invalid, "bad_range", "the range is not valid")
	}
	if r.Limit == 0 {
		r.Limit = pageLimit
	}
	if r.From != nil && r.To != nil && bytes.Compare(r.From, r.To) >= 0 {
		return nil, nil
	}
	return s.d.Scan(ctx, r)
}

// After is the smallest key greater than key: the From of the next page.
func After(key []byte) []byte { return append(bytes.Clone(key), 0) }

// Write performs one batch and returns when it is durable.
func (s *Store) Write(ctx context.Context, b Batch) error {
	if err := checkBatch(b); err != nil {
		return err
	}
	return s.d.Apply(ctx, []Batch{b})[0]
}

// WriteAll performs each batch atomically by itself, in order, and returns when all are durable: one error per batch.
// It shares one flush between them, which is what makes group commit pay.
func (s *Store) WriteAll(ctx context.Context, batches []Batch) []error {
	errs := make([]error, len(batches))
	good := make([]Batch, 0, len(batches))
	index := make([]int, 0, len(batches))
	for i, b := range batches {
		if errs[i] = checkBatch(b); errs[i] == nil {
			good, index = append(good, b), append(index, i)
		}
	}
	if len(good) == 0 {
		return errs
	}
	for i, err := range s.d.Apply(ctx, good) {
		errs[index[i]] = err
	}
	return errs
}

// Fence raises the partition's fence to epoch, so that every write of a lower epoch is refused from now on; it is how a new
// owner shuts its predecessor out before it reads.
func (s *Store) Fence(ctx context.Context, table, partition string, epoch position.Epoch) error {
	return s.Write(ctx, Batch{Table: table, Partition: partition, Epoch: epoch})
}

func checkKey(table, partition string, key []byte) error {
	if table == "" || len(table) > MaxName || partition == "" || len(partition) > MaxKey || len(key) > MaxKey+1 {
		return fault.New(fault.Invalid, "bad_key", "a table, partition or key is empty or too long")
	}
	return nil
}

func checkBatch(b Batch) error {
	if len(b.Ops) == 0 && b.Epoch == 0 || len(b.Ops) > MaxOps {
		return fault.New(fault.Invalid, "bad_batch", "a batch is empty or has too many changes")
	}
	size := 0
	for _, op := range b.Ops {
		if err := checkKey(b.Table, b.Partition, op.Key); err != nil {
			return err
		}
		if len(op.Key) == 0 || len(op.Key) > MaxKey || len(op.Value) > MaxValue || op.TTL < 0 {
			return fault.New(fault.Invalid, "bad_row", "a key is empty or a row is too large")
		}
		size += len(op.Key) + len(op.Value)
	}
	if size > MaxBatch || repeats(b.Ops) {
		return fault.New(fault.Invalid, "bad_batch", "a batch is too large or names a key twice")
	}
	return checkKey(b.Table, b.Partition, nil)
}

// repeats reports whether two ops have one key. Ascending keys, which is how logs are written, need no set.
func repeats(ops []Op) bool {
	ascending := true
	for i := 1; i < len(ops) && ascending; i++ {
		ascending = bytes.Compare(ops[i-1].Key, ops[i].Key) < 0
	}
	if ascending {
		return false
	}
	seen := make(map[string]struct{}, len(ops))
	for _, op := range ops {
		seen[string(op.Key)] = struct{}{}
	}
	return len(seen) < len(ops)
}
