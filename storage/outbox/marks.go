package outbox

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"strconv"
	"strings"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
)

func marks() table.Table { return table.Plain("outbox") }

// endSize is the length of the place of a mark at the end of its key.
const endSize = 24

var errMark = fault.New(fault.Invalid, "bad_mark", "the kind or the key of an owner is empty or has a zero byte")

// Owner names who has something left to do: an actor.
type Owner struct{ Kind, Key string }

// Place orders the marks of an owner: by the fence of its activation, then by number.
type Place struct {
	Fence position.Fence
	N     uint64
}

// Marks are where owners hang out that they have something left to do. It is safe for concurrent use.
type Marks struct {
	Tables *table.Store
}

// Put marks an owner. It may be repeated.
func (m Marks) Put(ctx context.Context, shard uint16, o Owner, p Place) error {
	if !o.valid() {
		return errMark
	}
	return m.write(ctx, shard, table.Put(o.row(p), nil))
}

// Remove takes down the marks of an owner from one place to another, both included: those that are put up
// meanwhile, by this activation or by a later one, stay, and so do those of earlier activations whose work
// was not looked at.
func (m Marks) Remove(ctx context.Context, shard uint16, o Owner, from, to Place) error {
	if !o.valid() {
		return errMark
	}
	return m.write(ctx, shard, table.DeleteRange(o.row(from), table.After(o.row(to))))
}

func (m Marks) write(ctx context.Context, shard uint16, op table.Op) error {
	_, err := m.Tables.Write(ctx, table.Batch{Table: marks(), Partition: strconv.Itoa(int(shard)), Ops: []table.Op{op}})
	return err
}

// All names all who are marked anywhere, page by page: next is the cursor to go on with, empty at the end.
// Where marks of a shard cannot be read it names the others and gives the error besides.
func (m Marks) All(ctx context.Context, from table.Cursor) (owners []Owner, next table.Cursor, err error) {
	names, next, err := m.Tables.Walk(ctx, marks(), from, 0)
	if err != nil {
		return nil, "", err
	}
	for _, name := range names {
		some, failed := m.partition(ctx, name)
		owners, err = append(owners, some...), errors.Join(err, failed)
	}
	return owners, next, err
}

func (m Marks) partition(ctx context.Context, name string) (owners []Owner, err error) {
	add := func(key []byte) {
		o, ok := parse(key)
		if last := len(owners) - 1; ok && (last < 0 || owners[last] != o) {
			owners = append(owners, o)
		}
	}
	r := table.Range{Table: marks(), Partition: name, Limit: table.MaxLimit, Damaged: add} // a damaged mark names its owner, too
	for page, err := range m.Tables.Pages(ctx, r) {
		if err != nil {
			return nil, err
		}
		for _, row := range page {
			add(row.Key)
		}
	}
	return owners, nil
}

func (o Owner) valid() bool {
	return o.Kind != "" && o.Key != "" && !strings.Contains(o.Kind, "\x00") && !strings.Contains(o.Key, "\x00")
}

func (o Owner) row(p Place) []byte {
	k := append(append(append([]byte(o.Kind), 0), o.Key...), 0)
	for _, n := range []uint64{uint64(p.Fence.Epoch), p.Fence.Activation, p.N} {
		k = binary.BigEndian.AppendUint64(k, n)
	}
	return k
}

func parse(row []byte) (o Owner, ok bool) {
	if len(row) < endSize {
		return o, false
	}
	kind, rest, _ := bytes.Cut(row[:len(row)-endSize], []byte{0})
	key, end, _ := bytes.Cut(rest, []byte{0})
	o = Owner{string(kind), string(key)}
	return o, o.valid() && len(end) == 0
}
