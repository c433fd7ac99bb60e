package follower

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/eventlog"
	"github.com/barrage-live/barrage/storage/table"
)

const (
	// portionOps and portionBytes end a portion. A batch of the tables takes four times as much, so that
	// what a Build adds after it has looked fits as well.
	portionOps   = table.MaxOps / 4
	portionBytes = table.MaxBatch / 4
	// portionTime ends a portion, far before its work is given up, and soon enough for those who wait.
	portionTime = time.Second
	// collisions is how often a portion is made again because an earlier write has taken effect late.
	collisions = 3
	// maxNamed is how many of those that were passed over in a portion are named in the log.
	maxNamed = 10
)

// The rows of a follower. Their keys begin with 0x02: projections have 0x01.
func builtKey() []byte { return []byte{0x02} }      // the rows were once whole
func buildKey() []byte { return []byte{0x02, 'b'} } // they are being built: JSON of building

// ErrBuilding says that the rows are being built from the truth, which takes long.
var ErrBuilding = fault.New(fault.Unavailable, "list_being_built", "the list is being built; it is there in a while").After(5 * time.Second)

// Built refuses with ErrBuilding where the rows of a follower were never whole yet. While they are built
// anew those of before are there, and are replaced one by one.
func Built(ctx context.Context, s *table.Store, t table.Table, key string) error {
	err := whole(ctx, s, t, key)
	if errors.Is(err, table.ErrCorrupt) { // that there is a row is all that it says
		return nil
	}
	return err
}

func whole(ctx context.Context, s *table.Store, t table.Table, key string) error {
	_, err := s.Get(ctx, t, key, builtKey())
	if errors.Is(err, table.ErrNoRow) {
		return ErrBuilding
	}
	return err
}

// building is how far a build is.
type building struct {
	// Ends are where the partitions of the topic ended when it began: what was told later is read after it.
	Ends []uint64 `json:"ends"`
	// Place is that of the kind's Build.
	Place []byte `json:"place,omitempty"`
}

// Portion is what a Build gives at once: it is written as one batch, together with the place to go on from.
type Portion struct {
	changes map[string]table.Op
	bytes   int
	until   time.Time
	skipped []error
	missed  int
}

func newPortion() *Portion {
	return &Portion{changes: map[string]table.Op{}, until: time.Now().Add(portionTime)}
}

// Put sets a row.
func (p *Portion) Put(key, value []byte) { p.change(table.Put(key, value)) }

// Delete removes a row.
func (p *Portion) Delete(key []byte) { p.change(table.Delete(key)) }

// change keeps the last change of each row, because a batch may have only one.
func (p *Portion) change(op table.Op) {
	old := p.changes[string(op.Key)]
	p.bytes += len(op.Key) + len(op.Value) - len(old.Key) - len(old.Value)
	p.changes[string(op.Key)] = op
}

// Skip says that something of the truth cannot be read, and that the list is made without it.
func (p *Portion) Skip(err error) {
	p.missed++
	if len(p.skipped) < maxNamed {
		p.skipped = append(p.skipped, err)
	}
}

// Full says that the portion should end here. Between two looks a Build adds at most 1024 rows or 1 MiB.
func (p *Portion) Full() bool {
	return len(p.changes) >= portionOps || p.bytes >= portionBytes || !time.Now().Before(p.until)
}

// begin has the rows built anew, also by a successor, from the ends that the log has now: what is told
// meanwhile comes again.
func (f *follower) begin(ctx context.Context) error {
	_, version, err := f.building(ctx)
	if err != nil {
		return err
	}
	b := building{Ends: make([]uint64, len(f.parts))}
	for i := range f.parts {
		page, err := f.kind.Log.Read(ctx, eventlog.Request{Topic: f.kind.Topic, Partition: i, Max: 1})
		if err != nil {
			return err
		}
		b.Ends[i] = page.End
	}
	return f.moveTo(ctx, b, version)
}

// building reads how far a build is; version 0: there is none. One of which that is damaged begins anew.
func (f *follower) building(ctx context.Context) (b building, version table.Version, err error) {
	row, err := f.kind.Tables.Get(ctx, f.kind.Table, f.key, buildKey())
	if errors.Is(err, table.ErrCorrupt) {
		if err = f.write(ctx, table.Put(buildKey(), []byte("{}"))); err == nil { // without ends, which no log has
			row, err = f.kind.Tables.Get(ctx, f.kind.Table, f.key, buildKey())
		}
	}
	if errors.Is(err, table.ErrNoRow) {
		return b, 0, nil
	}
	if err == nil && json.Unmarshal(row.Value, &b) != nil {
		b = building{}
	}
	return b, row.Version, err
}

// build makes the next portion of the rows.
func (f *follower) build(ctx context.Context, r *round) error {
	for try := 0; ; try++ {
		err := f.buildPart(ctx, r)
		if !errors.Is(err, table.ErrConflict) || try == collisions {
			return err
		}
	}
}

func (f *follower) buildPart(ctx context.Context, r *round) error {
	b, version, err := f.building(ctx)
	if err != nil || version == 0 { // a write that was given up has ended it after all
		return err
	}
	if len(b.Ends) != len(f.parts) { // of a log with other partitions
		return f.begin(ctx)
	}
	portion := newPortion()
	next, err := f.kind.Build(ctx, f.key, string(b.Place), portion)
	if err != nil {
		return err
	}
	r.skipped, r.missed = portion.skipped, portion.missed
	ops := make([]table.Op, 0, len(portion.changes)+2)
	for _, op := range portion.changes {
		ops = append(ops, op)
	}
	if next != "" {
		b.Place = []byte(next)
		return f.moveTo(ctx, b, version, ops...)
	}
	for i, p := range f.parts {
		if err := p.Restart(ctx, b.Ends[i]); err != nil {
			return err
		}
	}
	return f.write(ctx, append(ops, table.Put(builtKey(), nil), table.DeleteIfVersion(buildKey(), version))...)
}

// moveTo writes how far the build is, from the version that was read: one that takes effect late, after its
// outcome was called unknown, changes nothing that came after it.
func (f *follower) moveTo(ctx context.Context, b building, version table.Version, ops ...table.Op) error {
	value, err := json.Marshal(b)
	if err != nil {
		return fault.Wrap(fault.Internal, "build_unwritable", "how far a list is built cannot be encoded", err)
	}
	op := table.PutIfAbsent(buildKey(), value)
	if version != 0 {
		op = table.PutIfVersion(buildKey(), value, version)
	}
	return f.write(ctx, append(ops, op)...)
}

func (f *follower) write(ctx context.Context, ops ...table.Op) error {
	_, err := f.kind.Tables.Write(ctx, table.Batch{Table: f.kind.Table, Partition: f.key, Fence: f.fence, Ops: ops})
	return err
}
