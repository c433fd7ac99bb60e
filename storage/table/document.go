package table

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
)

// Document is a row that holds a T as JSON, one in each partition, read whole and replaced by its version: the state of an actor.
type Document[T any] struct {
	Store *Store
	Table string
	Key   []byte
	// Name is the word for a T in codes and messages, such as "account".
	Name string
}

// Load reads the document of a partition and its version; version 0 means that there is none. Fails as Get does, or with
// fault.Internal code "NAME_unreadable".
func (d Document[T]) Load(ctx context.Context, partition string) (doc T, version uint64, err error) {
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

// Save writes the document over the version that was read, 0 if there was none, and gives the new one. After ttl, unless it is 0, the
// row is gone. Fails as Write does, or with fault.Internal code "NAME_unwritable".
func (d Document[T]) Save(ctx context.Context, epoch position.Epoch, partition string, doc T, version uint64, ttl time.Duration) (uint64, error) {
	value, err := json.Marshal(doc)
	if err != nil {
		return 0, fault.Wrap(fault.Internal, d.Name+"_unwritable", "a "+d.Name+" cannot be encoded", err)
	}
	op := PutIfVersion(d.Key, value, version)
	if version == 0 {
		op = PutIfAbsent(d.Key, value)
	}
	if ttl != 0 {
		op = Expiring(op, ttl)
	}
	if err := d.Store.Write(ctx, Batch{Table: d.Table, Partition: partition, Epoch: epoch, Ops: []Op{op}}); err != nil {
		return 0, err
	}
	row, err := d.Store.Get(ctx, d.Table, partition, d.Key)
	return row.Version, err
}
