package table

import (
	"bytes"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/table/driver"
)

// maxTTL is the longest time to live; longer ones are cut to it. Servers count it in seconds from 1970 in
// 32 bits.
const maxTTL = 20 * 365 * 24 * time.Hour

// Op is one change of one row, or of a range of rows.
type Op = driver.Op

// Put sets a row.
func Put(key, value []byte) Op { return Op{Do: driver.Put, Key: key, Value: value} }

// PutIfAbsent sets a row that must not exist.
func PutIfAbsent(key, value []byte) Op {
	return Op{Do: driver.Put, Key: key, Value: value, If: driver.IfAbsent}
}

// PutIfVersion sets a row that must have the version.
func PutIfVersion(key, value []byte, version Version) Op {
	return Op{Do: driver.Put, Key: key, Value: value, If: driver.IfVersion, Version: version}
}

// Delete removes a row; it is no error if there is none.
func Delete(key []byte) Op { return Op{Do: driver.Delete, Key: key} }

// DeleteIfVersion removes a row that must have the version.
func DeleteIfVersion(key []byte, version Version) Op {
	return Op{Do: driver.Delete, Key: key, If: driver.IfVersion, Version: version}
}

// DeleteRange removes all rows with from <= key < to; nil is unbounded. The batch touches no other key of
// the range.
func DeleteRange(from, to []byte) Op { return Op{Do: driver.DeleteRange, Key: from, To: to} }

// Check changes nothing: it requires that the row has the version, or with version 0 that there is none.
func Check(key []byte, version Version) Op {
	op := Op{Do: driver.Check, Key: key, If: driver.IfVersion, Version: version}
	if version == 0 {
		op.If = driver.IfAbsent
	}
	return op
}

// Expiring returns a put with a time to live, rounded up to whole seconds; zero is for ever. A row lives at
// least so long, and at most two seconds longer. More than 20 years are 20 years.
func Expiring(op Op, ttl time.Duration) Op {
	if ttl > 0 {
		ttl = (min(ttl, maxTTL) + time.Second - 1).Truncate(time.Second)
	}
	op.TTL = ttl
	return op
}

func checkBatch(b Batch) error {
	if err := checkName(b.Table, b.Partition); err != nil {
		return err
	}
	if owned := b.Table.Class == driver.Owned; owned == b.Fence.IsZero() || !fits(b.Fence) {
		return fault.Newf(fault.Invalid, "bad_fence", "a batch of an owned table has a fence and no other has one: table %s", b.Table.Name)
	}
	if len(b.Ops) > MaxOps {
		return fault.New(fault.Invalid, "bad_batch", "a batch has too many changes")
	}
	size, changes := 0, false
	for i := range b.Ops {
		op := &b.Ops[i]
		if err := checkOp(b.Table, op); err != nil {
			return err
		}
		changes = changes || op.Do != driver.Check
		size += len(op.Key) + len(op.Value)
	}
	if !changes || size > MaxBatch || repeats(b.Ops) {
		return fault.New(fault.Invalid, "bad_batch", "a batch changes nothing, is too large or names a key twice")
	}
	return nil
}

func checkOp(t Table, op *Op) error {
	if t.Class == driver.Plain && op.If != driver.Always {
		return fault.Newf(fault.Invalid, "bad_condition", "the plain table %s takes no conditions", t.Name)
	}
	if op.Do == driver.DeleteRange {
		if op.If != driver.Always || len(op.Key) > MaxKey+1 || len(op.To) > MaxKey+1 || emptyRange(op.Key, op.To) {
			return fault.New(fault.Invalid, "bad_range", "the range is not valid")
		}
		return nil
	}
	if len(op.Key) == 0 || len(op.Key) > MaxKey || len(op.Value) > MaxValue ||
		op.TTL < 0 || op.TTL%time.Second != 0 || op.TTL > maxTTL || op.TTL != 0 && op.Do != driver.Put {
		return fault.New(fault.Invalid, "bad_row", "a key is empty, a row is too large or a time to live is not one")
	}
	return nil
}

func emptyRange(from, to []byte) bool { return to != nil && bytes.Compare(from, to) >= 0 }

// repeats reports whether two ops touch one key. Ascending keys, which is how logs are written, need no set.
func repeats(ops []Op) bool {
	ascending, ranges := true, false
	for i := range ops {
		ranges = ranges || ops[i].Do == driver.DeleteRange
		ascending = ascending && (i == 0 || bytes.Compare(ops[i-1].Key, ops[i].Key) < 0)
	}
	if ranges {
		return overlaps(ops)
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

// overlaps is repeats for batches with ranges: each range is held against every other op.
func overlaps(ops []Op) bool {
	single := make([]Op, 0, len(ops))
	for i, r := range ops {
		if r.Do != driver.DeleteRange {
			single = append(single, r)
			continue
		}
		for j, op := range ops {
			if i != j && touches(r, op) {
				return true
			}
		}
	}
	return repeats(single)
}

// touches reports whether an op touches a key of the range.
func touches(r, op Op) bool {
	if op.Do != driver.DeleteRange {
		return bytes.Compare(op.Key, r.Key) >= 0 && (r.To == nil || bytes.Compare(op.Key, r.To) < 0)
	}
	return !(r.To != nil && bytes.Compare(r.To, op.Key) <= 0 || op.To != nil && bytes.Compare(op.To, r.Key) <= 0)
}
