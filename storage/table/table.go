// Package table is the wide-row port: durable truth lives here, as ordered rows in partitions.
//
// A partition is a set of rows that are kept together and changed atomically; a row is a key, a value and a
// version that is another one after every change. Rows are ordered by key, bytewise. A table is declared
// once, by the package that owns it:
//
//	Owned   the state of one actor per partition: every write carries the fence of the partition, and may have conditions
//	Shared  rows that many compete for, such as claims: writes may have conditions and carry no fence
//	Plain   listings, indexes, likes: the last write wins, no conditions, no fence
//
// Fences. A partition of an owned table has a fence, which only Fence and FenceExisting raise; a write
// needs exactly the partition's fence and is refused with ErrFenced under any other. An owner therefore
// fences before it reads: what it reads then, nobody before it can change any more. A fence lives as long
// as the partition has rows, and a day longer; an owner that stays longer than that on an empty partition
// fences it again.
//
// Promises, proven for every driver by package tabletest: a Write that returned nil survives the death of
// the process and of the machine; a batch happens wholly or not at all; compare-and-set is linearizable per
// row; reads return durable rows only; an expired row is never returned; a damaged row is never returned as
// data: it gives ErrCorrupt, or a scan leaves it out and tells its key (Range.Damaged). Bytes that were given
// to a call may be reused once it has returned, whatever it answered.
//
// Refusals: fault.Invalid (names, sizes, a batch that does not fit the class of its table), fault.Conflict
// (condition not met), fault.Fenced, fault.Unavailable (engine; nothing was done), fault.Timeout
// (ErrUnknown or a deadline: the write may or may not have happened, so read before you decide),
// ErrCorrupt. ErrUnknown is a legal answer to every Write and Fence. The embedded driver is pebbletable.
// Document and Claim are what most users of a table want.
package table

import (
	"bytes"
	"cmp"
	"context"
	"iter"
	"math"
	"sync"
	"sync/atomic"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table/driver"
)

// Limits of what a driver must take. A row over them is refused with fault.Invalid.
const (
	MaxName   = 48      // bytes of a table's name
	MaxKey    = 1 << 10 // bytes of a partition name or key
	MaxValue  = 1 << 20 // bytes of a value
	MaxBatch  = 4 << 20 // bytes of all ops of a batch
	MaxOps    = 4096    // ops of a batch
	MaxLimit  = 10_000  // rows of a page
	MaxPage   = 8 << 20 // bytes of a page
	pageLimit = 100     // rows of a page where the range names none
	pageBytes = 1 << 20 // bytes of a page where the range names none
	walkLimit = 1000    // partitions of a page, at most and by default

	maxWriters = 64 // batches of a WriteAll that are on their way at once
)

// The refusals of this package.
var (
	ErrConflict = fault.New(fault.Conflict, "row_conflict", "the row is not in the state the write requires")
	ErrFenced   = fault.New(fault.Fenced, "fenced", "this partition has another owner")
	ErrCorrupt  = fault.New(fault.Internal, "row_corrupt", "a stored row fails its checksum")
	ErrNoRow    = fault.New(fault.NotFound, "no_row", "no such row")
	// ErrUnknown: the engine failed, or the deadline passed, while the write was on its way to the disk.
	ErrUnknown = fault.New(fault.Timeout, "outcome_unknown", "the storage failed during the write; its outcome is unknown")
)

// Table is a declared table.
type Table = driver.Table

// Version names one state of a row; it is never zero and never given twice.
type Version = driver.Version

// Row is one stored row.
type Row = driver.Row

// Range selects rows of one partition.
type Range = driver.Range

// Batch changes rows of one partition, all or none. Build its Ops with Put, Delete and their kin.
type Batch = driver.Batch

// Owned declares a table whose partitions are each the state of one actor. The name has 1 to 48 of a-z, 0-9
// and _; every call on a table with another name is refused with fault.Invalid.
func Owned(name string) Table { return declare(name, driver.Owned) }

// Shared declares a table whose rows many compete for.
func Shared(name string) Table { return declare(name, driver.Shared) }

// Plain declares a table in which the last write wins.
func Plain(name string) Table { return declare(name, driver.Plain) }

func declare(name string, c driver.Class) Table {
	good := name != "" && len(name) <= MaxName
	for i := range len(name) {
		b := name[i]
		good = good && (b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || b == '_')
	}
	if !good {
		c = 0
	}
	return Table{Name: name, Class: c}
}

// Store is a set of tables in one engine.
type Store struct {
	d driver.Driver
	// classes remembers what each table in use was declared as, by name.
	classes sync.Map
}

// New wraps an engine. The Store owns it and closes it.
func New(d driver.Driver) *Store { return &Store{d: d} }

// Close flushes and frees the engine.
func (s *Store) Close() error { return s.d.Close() }

// Get reads a row, or refuses with ErrNoRow.
func (s *Store) Get(ctx context.Context, t Table, partition string, key []byte) (Row, error) {
	if err := s.admit(t, partition, key); err != nil {
		return Row{}, err
	}
	row, ok, err := s.d.Get(ctx, t, partition, key)
	if err == nil && !ok {
		err = ErrNoRow
	}
	return row, err
}

// Scan reads one page of a partition, bounded by the range's Limit (100 by default) and Bytes (1 MiB by
// default; at least one row comes whatever its size). more says that there may be further rows; a page with
// more has at least one, and Rest gives the range to go on with.
func (s *Store) Scan(ctx context.Context, r Range) (rows []Row, more bool, err error) {
	if err := s.admit(r.Table, r.Partition, r.From); err != nil {
		return nil, false, err
	}
	if len(r.To) > MaxKey+1 || r.Limit < 0 || r.Limit > MaxLimit || r.Bytes < 0 || r.Bytes > MaxPage {
		return nil, false, fault.New(fault.Invalid, "bad_range", "the range is not valid")
	}
	if r.Limit == 0 {
		r.Limit = pageLimit
	}
	if r.Bytes == 0 {
		r.Bytes = pageBytes
	}
	// A driver may stop where it has walked over many expired rows; an empty page could not be told from the
	// end by its caller.
	for !emptyRange(r.From, r.To) {
		rows, next, err := s.d.Scan(ctx, r)
		if err != nil || len(rows) > 0 || next == nil {
			return rows, next != nil, err
		}
		if r.Reverse {
			r.To = next
		} else {
			r.From = next
		}
	}
	return nil, false, nil
}

// Rest is what of a range is left after a page of it.
func Rest(r Range, page []Row) Range {
	if n := len(page); n > 0 && r.Reverse {
		r.To = page[n-1].Key
	} else if n > 0 {
		r.From = After(page[n-1].Key)
	}
	return r
}

// Pages reads the whole range, page by page; an error is the last of it.
func (s *Store) Pages(ctx context.Context, r Range) iter.Seq2[[]Row, error] {
	return func(yield func([]Row, error) bool) {
		for more := true; more; {
			var page []Row
			var err error
			page, more, err = s.Scan(ctx, r)
			if !yield(page, err) || err != nil {
				return
			}
			r = Rest(r, page)
		}
	}
}

// After is the smallest key greater than key.
func After(key []byte) []byte { return append(bytes.Clone(key), 0) }

// PrefixEnd is the smallest key above all that begin with a prefix, nil if there is none: then every key
// from the prefix on begins with it.
func PrefixEnd(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

// Cursor is a place in a walk over partitions. The zero value is the beginning, and the end.
type Cursor string

// Walk names a page of at most limit partitions of a table (0: 1000), in no promised order, and the cursor
// of the next page, which is empty after the last; it is good in other processes too. A partition that has
// rows during the whole walk is named once; one whose rows come or go may be.
func (s *Store) Walk(ctx context.Context, t Table, from Cursor, limit int) (partitions []string, next Cursor, err error) {
	if t.Class == 0 || len(from) > 2*MaxKey || limit < 0 || limit > walkLimit {
		return nil, "", fault.New(fault.Invalid, "bad_walk", "the table is not declared, or the cursor or the limit is not one")
	}
	if limit == 0 {
		limit = walkLimit
	}
	partitions, at, err := s.d.Walk(ctx, t, string(from), limit)
	return partitions, Cursor(at), err
}

// Write performs one batch and returns when it is durable, with the version that every row it put has now.
func (s *Store) Write(ctx context.Context, b Batch) (Version, error) {
	if err := s.admit(b.Table, b.Partition, nil); err != nil {
		return 0, err
	}
	if err := checkBatch(b); err != nil {
		return 0, err
	}
	return s.d.Write(ctx, b)
}

// WriteAll performs batches side by side, so that they share syncs of the disk, and returns when all are done
// or have failed, with the first failure by their order. Each is atomic, all together are not; those of one
// partition may happen in any order.
func (s *Store) WriteAll(ctx context.Context, all []Batch) error {
	errs := make([]error, len(all))
	var next atomic.Int64
	var writers sync.WaitGroup
	for range min(maxWriters, len(all)) {
		writers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(all); i = int(next.Add(1)) - 1 {
				_, errs[i] = s.Write(ctx, all[i])
			}
		})
	}
	writers.Wait()
	return cmp.Or(errs...)
}

// Fence raises the fence of a partition of an owned table: from now on writes need exactly f, and no write
// under another can take effect any more. An equal fence is fine; under a higher one it is refused with
// ErrFenced.
func (s *Store) Fence(ctx context.Context, t Table, partition string, f position.Fence) error {
	_, err := s.fence(ctx, t, partition, f, false)
	return err
}

// FenceExisting is Fence, but leaves a partition alone that has no fence and therefore nothing stored;
// exists says whether it had one.
func (s *Store) FenceExisting(ctx context.Context, t Table, partition string, f position.Fence) (exists bool, err error) {
	return s.fence(ctx, t, partition, f, true)
}

func (s *Store) fence(ctx context.Context, t Table, partition string, f position.Fence, existing bool) (bool, error) {
	if err := s.admit(t, partition, nil); err != nil {
		return false, err
	}
	if t.Class != driver.Owned || f.IsZero() || !fits(f) {
		return false, fault.Newf(fault.Invalid, "bad_fence", "only owned tables have fences, and a fence is not zero: table %s", t.Name)
	}
	return s.d.Fence(ctx, t, partition, f, existing)
}

// admit checks names, and that the table is not declared in two ways.
func (s *Store) admit(t Table, partition string, key []byte) error {
	if err := checkName(t, partition); err != nil {
		return err
	}
	if len(key) > MaxKey+1 {
		return fault.New(fault.Invalid, "bad_table_key", "a key is too long")
	}
	class, known := s.classes.Load(t.Name)
	if !known {
		class, _ = s.classes.LoadOrStore(t.Name, t.Class)
	}
	if class != t.Class {
		return fault.Newf(fault.Invalid, "bad_table", "table %s is declared in two ways", t.Name)
	}
	return nil
}

func checkName(t Table, partition string) error {
	if t.Class == 0 || partition == "" || len(partition) > MaxKey {
		return fault.Newf(fault.Invalid, "bad_table_key", "table %q is not declared, or a partition is empty or too long", t.Name)
	}
	return nil
}

// fits reports whether servers that count in signed numbers can hold the fence.
func fits(f position.Fence) bool { return f.Epoch <= math.MaxInt64 && f.Activation <= math.MaxInt64 }
