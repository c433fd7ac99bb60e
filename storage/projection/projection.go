// Package projection turns events into rows: what a list, a count or an index knows of other actors' facts.
//
// A Projection follows one partition of a topic of the event log and owns, in one partition of an owned
// table, the rows that come of it, the cursor, and the last number of each source. All of them change in
// one write, so each event has its effect exactly once although the log repeats events and any write may
// have an unknown outcome. It is used by the actor that owns the partition, one call at a time; it has no
// goroutine.
//
// Promises:
//
//  1. What a Step has applied is durable together with the cursor, or neither is.
//  2. Of the events of a source, each number is applied once, in ascending order; a repetition is passed
//     over, unless the row is damaged that holds the last number.
//  3. A write that takes effect late, after its outcome was called unknown, changes nothing that came after
//     it: the cursor is moved only from where it was read. One of a former owner is refused by the fence.
//  4. Events that retention has removed before they were read are not passed over: Step refuses with
//     ErrLost until Restart; so it does when the cursor is damaged.
//
// A projection is not the truth, and can be made anew: read the end of the partition, build the rows from
// the truth, then Restart at that end. Events that come from there on may tell again what the truth said
// already, so rows that are not only the latest state of a source hold what they need to notice.
//
// # Storage
//
// Keys that begin with 0x01 are the projection's; the rows of its user begin with anything else. Numbers
// are big-endian, every value begins with the version, 0x01.
//
//	0x01 'c' topic '/' partition in decimal              cursor: 8 bytes, the offset to go on with
//	0x01 's' topic '/' partition in decimal '/' source   8 bytes, the number of the source's last event
//
// Refusals: ErrLost, eventlog.ErrAhead (the log was put back; Restart), fault.Fenced (step down), and those
// of the log and the tables. After fault.Timeout and fault.Unavailable call Step again: it reads the cursor
// first.
package projection

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"strconv"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/eventlog"
	"github.com/barrage-live/barrage/storage/table"
)

const (
	reserved  = 0x01
	formatV1  = 0x01
	valueSize = 9
	// stepOps and stepBytes end a step early: what is left of the page is read again. A batch of the tables
	// takes four times as much, so that the last event of a step fits as well.
	stepOps   = table.MaxOps / 4
	stepBytes = table.MaxBatch / 4
	// maxSources bounds how many sources are remembered; what is forgotten is read again.
	maxSources = 10_000
	// collisions is how often a step begins again because a write of unknown outcome has taken effect after
	// all.
	collisions = 3
)

// ErrLost says that there were events which the log keeps no longer, or that it is not known which were read.
// Rebuild and Restart.
var ErrLost = fault.New(fault.Conflict, "events_lost", "events were removed from the log before they were read")

// Log is what a Projection needs of the event log; *eventlog.Log has it.
type Log interface {
	Read(ctx context.Context, r eventlog.Request) (eventlog.Page, error)
}

// Tables is what a Projection needs of the tables; *table.Store has it.
type Tables interface {
	Get(ctx context.Context, t table.Table, partition string, key []byte) (table.Row, error)
	Write(ctx context.Context, b table.Batch) (table.Version, error)
}

// Config says what is followed and where the rows lie. All fields are required; zero is a partition of the
// topic.
type Config struct {
	Log    Log
	Tables Tables
	// Topic and From name the partition of the log.
	Topic string
	From  int
	// Table and Partition are where the rows lie, Fence what its owner has raised there.
	Table     table.Table
	Partition string
	Fence     position.Fence
}

// Projection is one partition of a topic, made rows. One goroutine uses it at a time.
type Projection struct {
	cfg     Config
	name    string // of the partition of the log
	known   bool   // the fields below are what is stored
	next    uint64
	version table.Version // of the cursor's row; zero: there is none
	sources map[string]uint64
}

// New makes a projection. It reads nothing yet.
func New(cfg Config) *Projection {
	return &Projection{cfg: cfg, name: cfg.Topic + "/" + strconv.Itoa(cfg.From)}
}

// Progress is what a Step came to.
type Progress struct {
	// Events were applied, Repeated were passed over.
	Events, Repeated int
	// Behind is how many offsets the log had beyond the cursor.
	Behind uint64
}

// Apply puts the effect of an event into rows. When it fails the whole step fails and will meet the event
// again, so what it cannot understand it has to pass over by itself.
type Apply func(ctx context.Context, r eventlog.Record, rows *Rows) error

// Step reads the events that come next, waiting for the first at most so long, applies those that are new
// and writes what comes of them. It may end before the last that is there: Progress says how far it is
// behind.
func (p *Projection) Step(ctx context.Context, wait time.Duration, apply Apply) (Progress, error) {
	for try := 0; ; try++ {
		progress, err := p.step(ctx, wait, apply)
		if err != nil {
			p.known = false
		}
		if !errors.Is(err, table.ErrConflict) || try == collisions {
			return progress, err
		}
	}
}

func (p *Projection) step(ctx context.Context, wait time.Duration, apply Apply) (Progress, error) {
	if err := p.load(ctx); errors.Is(err, table.ErrCorrupt) {
		return Progress{}, ErrLost
	} else if err != nil {
		return Progress{}, err
	}
	page, err := p.cfg.Log.Read(ctx, eventlog.Request{Topic: p.cfg.Topic, Partition: p.cfg.From, From: p.next, MaxWait: wait})
	if err != nil {
		return Progress{}, err
	}
	if page.Lost {
		return Progress{}, ErrLost
	}
	rows := &Rows{p: p, changes: map[string]table.Op{}}
	progress, next, seen := Progress{}, page.Next, map[string]uint64{}
	for _, r := range page.Records {
		if rows.full() {
			next = r.Offset
			break
		}
		last, err := p.last(ctx, r.ID.Source, seen)
		if err != nil {
			return Progress{}, err
		}
		if r.ID.Seq <= last {
			progress.Repeated++
			continue
		}
		if err := apply(ctx, r, rows); err != nil {
			return Progress{}, err
		}
		seen[r.ID.Source] = r.ID.Seq
		rows.set(p.sourceKey(r.ID.Source), number(r.ID.Seq))
		progress.Events++
	}
	progress.Behind = page.End - min(next, page.End)
	if next == p.next || rows.err != nil {
		return progress, rows.err
	}
	return progress, p.write(ctx, rows.changes, next, seen)
}

// last is the number of the last event of a source, in this step or before it.
func (p *Projection) last(ctx context.Context, source string, seen map[string]uint64) (uint64, error) {
	if n, ok := seen[source]; ok {
		return n, nil
	}
	if n, ok := p.sources[source]; ok {
		return n, nil
	}
	n, _, err := p.get(ctx, p.sourceKey(source))
	if errors.Is(err, table.ErrCorrupt) { // its events are applied again, which holds up no other source
		n, err = 0, nil
	}
	if err == nil {
		p.remember(source, n)
	}
	return n, err
}

func (p *Projection) remember(source string, n uint64) {
	if len(p.sources) >= maxSources {
		clear(p.sources)
	}
	p.sources[source] = n
}

// load reads the cursor, if what is remembered may not be what is stored.
func (p *Projection) load(ctx context.Context) error {
	if p.known {
		return nil
	}
	next, version, err := p.get(ctx, p.cursorKey())
	if err == nil {
		p.known, p.next, p.version, p.sources = true, next, version, map[string]uint64{}
	}
	return err
}

// write changes rows and moves the cursor from where it was read.
func (p *Projection) write(ctx context.Context, changes map[string]table.Op, next uint64, seen map[string]uint64) error {
	cursor := table.PutIfAbsent(p.cursorKey(), number(next))
	if p.version != 0 {
		cursor = table.PutIfVersion(p.cursorKey(), number(next), p.version)
	}
	ops := make([]table.Op, 0, len(changes)+1)
	for _, op := range changes {
		ops = append(ops, op)
	}
	version, err := p.cfg.Tables.Write(ctx, table.Batch{
		Table: p.cfg.Table, Partition: p.cfg.Partition, Fence: p.cfg.Fence, Ops: append(ops, cursor),
	})
	if err != nil {
		return err
	}
	p.next, p.version = next, version
	for source, n := range seen {
		p.remember(source, n)
	}
	return nil
}

// Restart puts the cursor to an offset: after a rebuild, to the end that the partition had before it. The
// numbers of the sources stay.
func (p *Projection) Restart(ctx context.Context, next uint64) error {
	err := p.load(ctx)
	switch {
	case err == nil:
		err = p.write(ctx, nil, next, nil)
	case errors.Is(err, table.ErrCorrupt): // should this take effect late, events are read twice and passed over
		_, err = p.cfg.Tables.Write(ctx, table.Batch{
			Table: p.cfg.Table, Partition: p.cfg.Partition, Fence: p.cfg.Fence, Ops: []table.Op{table.Put(p.cursorKey(), number(next))},
		})
	}
	p.known = p.known && err == nil
	return err
}

// get reads a number; version zero is none.
func (p *Projection) get(ctx context.Context, key []byte) (uint64, table.Version, error) {
	row, err := p.cfg.Tables.Get(ctx, p.cfg.Table, p.cfg.Partition, key)
	switch {
	case errors.Is(err, table.ErrNoRow):
		return 0, 0, nil
	case err != nil:
		return 0, 0, err
	case len(row.Value) != valueSize || row.Value[0] != formatV1:
		return 0, 0, table.ErrCorrupt
	}
	return binary.BigEndian.Uint64(row.Value[1:]), row.Version, nil
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte{formatV1}, n) }

func (p *Projection) cursorKey() []byte { return append([]byte{reserved, 'c'}, p.name...) }

func (p *Projection) sourceKey(source string) []byte {
	return append(append([]byte{reserved, 's'}, p.name...), "/"+source...)
}

// Rows is what an Apply sees of the partition, with what it and those before it in the step have changed.
type Rows struct {
	p       *Projection
	changes map[string]table.Op
	bytes   int
	err     error
}

// Get reads a row.
func (r *Rows) Get(ctx context.Context, key []byte) (value []byte, ok bool, err error) {
	if op, changed := r.changes[string(key)]; changed {
		return op.Value, op.Value != nil, nil
	}
	row, err := r.p.cfg.Tables.Get(ctx, r.p.cfg.Table, r.p.cfg.Partition, key)
	if errors.Is(err, table.ErrNoRow) {
		return nil, false, nil
	}
	return row.Value, err == nil, err
}

// Put sets a row; key and value are copied.
func (r *Rows) Put(key, value []byte) {
	r.check(key)
	r.set(bytes.Clone(key), append([]byte{}, value...))
}

// Delete removes a row.
func (r *Rows) Delete(key []byte) {
	r.check(key)
	r.change(table.Delete(bytes.Clone(key)))
}

// check keeps users off the keys of the projection. The step fails, as it would again: it is a bug.
func (r *Rows) check(key []byte) {
	if len(key) == 0 || key[0] == reserved {
		r.err = fault.New(fault.Internal, "bad_projected_row", "a projected row has no key or one of the projection's own")
	}
}

func (r *Rows) set(key, value []byte) { r.change(table.Put(key, value)) }

// change keeps the last change of each row, because a batch may have only one.
func (r *Rows) change(op table.Op) {
	old := r.changes[string(op.Key)]
	r.bytes += len(op.Key) + len(op.Value) - len(old.Key) - len(old.Value)
	r.changes[string(op.Key)] = op
}

// full says that the step should end here.
func (r *Rows) full() bool { return len(r.changes) >= stepOps || r.bytes >= stepBytes }
