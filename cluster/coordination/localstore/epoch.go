package localstore

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
)

// growTries is how many writes of unknown outcome in a row are followed by another one.
const growTries = 3

// epochs gives epochs from the row that guards them.
type epochs struct {
	tables  *table.Store
	last    position.Epoch
	version table.Version // of the row; 0 while there is none
}

// TableName is the table that holds the epoch.
const TableName = "coordination"

func tableOf() table.Table { return table.Shared(TableName) }

const partition = "local"

func rowKey() []byte { return []byte("epoch") }

// load reads the row. One that is missing is a fault unless the tables are fresh.
func (e *epochs) load(ctx context.Context, fresh bool) error {
	row, err := e.tables.Get(ctx, tableOf(), partition, rowKey())
	switch {
	case errors.Is(err, table.ErrNoRow) && fresh:
		e.last, e.version = 0, 0
		return nil
	case errors.Is(err, table.ErrNoRow):
		return fault.New(fault.Internal, "epoch_missing",
			"the tables hold data but no epoch; they are not whole, and a backup of all of them must be restored")
	case err != nil:
		return err
	case len(row.Value) != 8:
		return fault.New(fault.Internal, "epoch_damaged", "the stored epoch is damaged; a backup of the tables must be restored")
	}
	e.last, e.version = position.Epoch(binary.BigEndian.Uint64(row.Value)), row.Version
	return nil
}

// grow writes the next epoch and gives it. After a write of unknown outcome it reads what came of it and
// goes on above that: an epoch may be left out but is never given twice.
func (e *epochs) grow(ctx context.Context) (position.Epoch, error) {
	unsure := false
	for try := 1; ; try++ {
		next := e.last + 1
		value := binary.BigEndian.AppendUint64(nil, uint64(next))
		op := table.PutIfVersion(rowKey(), value, e.version)
		if e.version == 0 {
			op = table.PutIfAbsent(rowKey(), value)
		}
		version, err := e.tables.Write(ctx, table.Batch{Table: tableOf(), Partition: partition, Ops: []table.Op{op}})
		switch {
		case err == nil:
			e.last, e.version = next, version
			return next, nil
		case fault.KindOf(err) == fault.Timeout && try < growTries, unsure && errors.Is(err, table.ErrConflict) && try < growTries:
			unsure = true
		case errors.Is(err, table.ErrConflict) && !unsure:
			return 0, fault.New(fault.Conflict, "epoch_moved", "somebody else gives epochs for the same tables")
		default:
			return 0, err
		}
		if err := e.load(ctx, e.version == 0); err != nil {
			return 0, err
		}
	}
}
