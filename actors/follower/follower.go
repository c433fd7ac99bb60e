// Package follower is the shell of actors that keep rows of what other actors tell: lists, counts, indexes.
//
// A follower is one actor, whose key names a partition of an owned table. There lie the rows and, for every
// partition of the topic that it follows, the cursor (package storage/projection): each event has its
// effect once. It does not wait for events. Whoever appends some tells it so (Appender), whoever reads its
// rows may ask it to catch up first, and what was missed is made up the next time.
//
//	event -> Appender.Append -> log
//	                 |
//	                 +-- News -> follower: Step, Step, ... until nothing is left
//
// Promises: the rows hold every event up to the answer of a CatchUp; a follower that has never read, or for
// which the log has lost events, builds its rows anew from the truth before it goes on. After an error it
// goes on when it is told or asked the next time.
//
// Refusals: those of the log, the tables and the kind's own.
package follower

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/eventlog"
	"github.com/barrage-live/barrage/storage/projection"
	"github.com/barrage-live/barrage/storage/table"
)

// stepsAtOnce is how many steps a worker does before others may have it.
const stepsAtOnce = 100

type (
	// News tells a follower that there are events.
	News struct{}
	// CatchUp asks it to read all there are.
	CatchUp struct{}
)

// Log is what a follower needs of the event log; *eventlog.Log has it.
type Log interface {
	Partitions(ctx context.Context, topic string) (int, error)
	Read(ctx context.Context, r eventlog.Request) (eventlog.Page, error)
}

// Kind describes a kind of follower. All fields but Idle and Metrics are required.
type Kind struct {
	Name  string
	Idle  time.Duration
	Topic string
	Log   Log
	// Tables hold the rows, in the partition of Table that is named as the key.
	Tables *table.Store
	Table  table.Table
	// Apply puts the effect of an event into rows; what it does not understand it passes over.
	Apply projection.Apply
	// Build makes all rows from the truth, through write, which takes what fits into one batch. Rows that
	// the truth does not give are to be gone after it.
	Build   func(ctx context.Context, key string, write func(ctx context.Context, ops ...table.Op) error) error
	Metrics *Metrics
}

// Cluster is the kind as the cluster wants it.
func (k Kind) Cluster() cluster.Kind {
	return cluster.Kind{
		Name:     k.Name,
		Idle:     k.Idle,
		Messages: messages(),
		State:    func(key string) (table.Table, string) { return k.Table, key },
		Activate: func(_ context.Context, a cluster.Activation) (cluster.Actor, error) {
			return &actor{f: &follower{kind: &k, key: a.Key, fence: a.Fence}}, nil
		},
	}
}

// actor runs one round after the other, and keeps who asked for the next one.
type actor struct {
	f       *follower
	running bool
	asked   bool            // for another round, after the one that runs
	askers  []cluster.Reply // who wait for it
}

// Receive implements cluster.Actor.
func (a *actor) Receive(t *cluster.Turn, msg any) {
	switch msg.(type) {
	case News:
	case CatchUp:
		a.askers = append(a.askers, t.Later())
	default:
		t.Fail(fault.Newf(fault.Internal, "unknown_command", "a follower does not know %T", msg))
		return
	}
	a.asked = true
	a.run(t)
}

// run begins a round, in which all events are read that are there now.
func (a *actor) run(t *cluster.Turn) {
	if a.running || !a.asked {
		return
	}
	askers := a.askers
	a.running, a.asked, a.askers = true, false, nil
	t.Pipe(func(ctx context.Context) (any, error) { return a.f.catchUp(ctx) }, func(t *cluster.Turn, v any, err error) {
		a.running = false
		a.f.kind.Metrics.read(a.f.kind.Name, a.f.behind, err)
		if more, _ := v.(bool); more && err == nil {
			a.asked, a.askers = true, append(askers, a.askers...)
			a.run(t)
			return
		}
		if err != nil {
			t.Log().Warn("events could not be followed", slog.Any("error", err))
		}
		for _, asker := range askers {
			if err != nil {
				asker.Fail(fault.From(err))
			} else {
				asker.Send(nil)
			}
		}
		if fault.KindOf(err) == fault.Fenced && err != nil {
			t.Stop()
			return
		}
		a.run(t)
	})
}

// follower is what a worker uses, one at a time.
type follower struct {
	kind  *Kind
	key   string
	fence position.Fence
	parts []*projection.Projection
	ready bool // the rows were built
	// behind is how many events the last round left. It is the worker's while one is out.
	behind uint64
}

// builtKey is the row that says so. It is not the projections' (0x01).
func builtKey() []byte { return []byte{0x02} }

// catchUp reads what there is; more says that it is not all yet.
func (f *follower) catchUp(ctx context.Context) (more bool, err error) {
	if err := f.prepare(ctx); err != nil {
		return false, err
	}
	steps := 0
	f.behind = 0
	for _, p := range f.parts {
		for {
			progress, err := p.Step(ctx, 0, f.kind.Apply)
			if errors.Is(err, projection.ErrLost) || errors.Is(err, eventlog.ErrAhead) {
				f.ready = false
				return true, f.remove(ctx) // built anew in the next round
			}
			if err != nil {
				return false, err
			}
			if progress.Behind == 0 {
				break
			}
			if steps++; steps == stepsAtOnce {
				f.behind += progress.Behind
				return true, nil
			}
		}
	}
	return false, nil
}

// prepare makes the projections, and the rows where they were never made or have to be made anew.
func (f *follower) prepare(ctx context.Context) error {
	if f.ready {
		return nil
	}
	n, err := f.kind.Log.Partitions(ctx, f.kind.Topic)
	if err != nil {
		return err
	}
	f.parts = make([]*projection.Projection, 0, n)
	for i := range n {
		f.parts = append(f.parts, projection.New(projection.Config{
			Log: f.kind.Log, Tables: f.kind.Tables, Topic: f.kind.Topic, From: i, Table: f.kind.Table, Partition: f.key, Fence: f.fence,
		}))
	}
	if err := f.kind.Tables.Fence(ctx, f.kind.Table, f.key, f.fence); err != nil { // a partition that is new has none yet
		return err
	}
	_, err = f.kind.Tables.Get(ctx, f.kind.Table, f.key, builtKey())
	if errors.Is(err, table.ErrNoRow) {
		err = f.build(ctx)
	}
	f.ready = err == nil
	return err
}

// build makes the rows from the truth, and goes on from the ends that the log had before: what is told
// meanwhile comes again.
func (f *follower) build(ctx context.Context) error {
	ends := make([]uint64, len(f.parts))
	for i := range f.parts {
		page, err := f.kind.Log.Read(ctx, eventlog.Request{Topic: f.kind.Topic, Partition: i, Max: 1})
		if err != nil {
			return err
		}
		ends[i] = page.End
	}
	if err := f.kind.Build(ctx, f.key, f.write); err != nil {
		return err
	}
	for i, p := range f.parts {
		if err := p.Restart(ctx, ends[i]); err != nil {
			return err
		}
	}
	return f.write(ctx, table.Put(builtKey(), nil))
}

// remove has the rows made anew, also by a successor.
func (f *follower) remove(ctx context.Context) error { return f.write(ctx, table.Delete(builtKey())) }

func (f *follower) write(ctx context.Context, ops ...table.Op) error {
	_, err := f.kind.Tables.Write(ctx, table.Batch{Table: f.kind.Table, Partition: f.key, Fence: f.fence, Ops: ops})
	return err
}
