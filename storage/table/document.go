package table

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
)

// Document is a row that holds a T as JSON, one in each partition of an owned table, read whole and
// replaced by its version: the state of an actor.
type Document[T any] struct {
	Store *Store
	Table Table
	Key   []byte
	// Name is the word for a T in codes and messages, such as "account".
	Name string
}

// Load reads the document of a partition and its version; version 0 means that there is none. Whoever acts
// on it has fenced the partition before. Fails as Get does, or with fault.Internal code "NAME_unreadable".
func (d Document[T]) Load(ctx context.Context, partition string) (doc T, version Version, err error) {
	row, err := d.Store.Get(ctx, d.Table, partition, d.Key)
	if errors.Is(err, ErrNoRow) {
		return doc, 0, nil
	}
	if err != nil {
		return doc, 0, err
	}
	if err := json.Unmarshal(row.Value, &doc); err != nil {
		var none T
		return none, 0, fault.Wrap(fault.Internal, d.Name+"_unreadable", "a stored "+d.Name+" cannot be read", err)
	}
	return doc, row.Version, nil
}

// Save writes the document over the version that was read, 0 if there was none, and gives the new one, in
// one batch with changes of other rows. After ttl, unless it is 0, the row is gone. Fails as Write does, or
// with fault.Internal code "NAME_unwritable".
func (d Document[T]) Save(
	ctx context.Context, fence position.Fence, partition string, doc T, version Version, ttl time.Duration, others ...Op,
) (Version, error) {
	value, err := json.Marshal(doc)
	if err != nil {
		return 0, fault.Wrap(fault.Internal, d.Name+"_unwritable", "a "+d.Name+" cannot be encoded", err)
	}
	op := PutIfVersion(d.Key, value, version)
	if version == 0 {
		op = PutIfAbsent(d.Key, value)
	}
	ops := append(slices.Clip(others), Expiring(op, ttl))
	return d.Store.Write(ctx, Batch{Table: d.Table, Partition: partition, Fence: fence, Ops: ops})
}
