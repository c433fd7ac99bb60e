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
// which the log has lost events, builds its rows anew from the truth before it goes on. It does so in parts,
// each durable together with the place to go on from, so that a build of any length comes to its end, over
// crashes and other owners. After an error it goes on when it is told or asked the next time. What of the
// truth cannot be read is passed over, logged and counted. A damaged row of the follower's own or of the
// projections' stops nothing: it is written anew, and the rows are built anew if it said what was read or
// built.
//
// # Storage
//
// Keys that begin with 0x02 are the follower's, those with 0x01 the projections'; the rows of the kind begin
// with anything else.
//
//	0x02       the rows were once whole
//	0x02 'b'   they are being built: JSON of the ends that the log had at the beginning, and of the place
//
// Refusals: ErrBuilding to those who ask while a build takes longer than a second; those of the log, the
// tables and the kind's own.
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

const (
	// stepsAtOnce is how many steps a worker does before others may have it.
	stepsAtOnce = 100
	// buildPatience is how long a build may go on before those who wait for it are told ErrBuilding.
	buildPatience = time.Second
)

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
	// Build gives the next portion of the rows from the truth: it adds to the portion until that is full,
	// and gives the place to go on from, which comes back in a later call, perhaps in another process; it
	// is "" in the first call and after the last. Rows of before stay where it does not change them, so at
	// the end it removes those that the truth does not give.
	Build   func(ctx context.Context, key, place string, portion *Portion) (next string, err error)
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
	f        *follower
	running  bool
	asked    bool            // for another round, after the one that runs
	askers   []cluster.Reply // who wait for it
	building time.Time       // since when the rows are being built; zero: they are not
}

// Receive implements cluster.Actor.
func (a *actor) Receive(t *cluster.Turn, msg any) {
	switch msg.(type) {
	case News:
	case CatchUp:
		if a.long(t) {
			t.Fail(ErrBuilding)
		} else {
			a.askers = append(a.askers, t.Later())
		}
	default:
		t.Fail(fault.Newf(fault.Internal, "unknown_command", "a follower does not know %T", msg))
		return
	}
	a.asked = true
	a.run(t)
}

// long reports whether a build takes longer than anybody should wait for it.
func (a *actor) long(t *cluster.Turn) bool {
	return !a.building.IsZero() && t.Now().Sub(a.building) >= buildPatience
}

// run begins a round, in which all events are read that are there now, or a portion of the rows is built.
func (a *actor) run(t *cluster.Turn) {
	if a.running || !a.asked {
		return
	}
	askers, begun := a.askers, t.Now()
	a.running, a.asked, a.askers = true, false, nil
	t.Pipe(func(ctx context.Context) (any, error) { return a.f.catchUp(ctx) }, func(t *cluster.Turn, v any, err error) {
		a.running = false
		r, _ := v.(round)
		a.note(t, r, begun, err)
		if r.more && err == nil {
			if a.long(t) {
				answer(askers, ErrBuilding)
				askers = nil
			}
			a.asked, a.askers = true, append(askers, a.askers...)
			a.run(t)
			return
		}
		answer(askers, err)
		if fault.KindOf(err) == fault.Fenced && err != nil {
			t.Stop()
			return
		}
		a.run(t)
	})
}

// note tells operators what came of a round.
func (a *actor) note(t *cluster.Turn, r round, begun time.Time, err error) {
	kind := a.f.kind
	kind.Metrics.read(kind.Name, r, err)
	for _, skipped := range r.skipped {
		t.Log().Error("a list is built without what cannot be read", slog.Any("error", skipped), slog.Int("unreadable", r.missed))
	}
	switch {
	case err != nil:
		t.Log().Warn("events could not be followed", slog.Any("error", err))
	case r.building && a.building.IsZero():
		a.building = begun
		t.Log().Info("a list is being built")
	case !r.building && !a.building.IsZero():
		t.Log().Info("a list was built", slog.Duration("took", t.Now().Sub(a.building)))
		a.building = time.Time{}
	}
}

func answer(askers []cluster.Reply, err error) {
	for _, asker := range askers {
		if err != nil {
			asker.Fail(fault.From(err))
		} else {
			asker.Send(nil)
		}
	}
}

// follower is what a worker uses, one at a time.
type follower struct {
	kind  *Kind
	key   string
	fence position.Fence
	parts []*projection.Projection // nil: the partition is not fenced yet
	ready bool                     // the rows were built
}

// round is what came of a round.
type round struct {
	more     bool // it is not all yet
	building bool // the rows are not built
	behind   uint64
	// skipped are some of the missed things that the rows are built without.
	skipped []error
	missed  int
}

// catchUp reads what there is, or builds a portion of the rows.
func (f *follower) catchUp(ctx context.Context) (r round, err error) {
	if err := f.prepare(ctx, &r); err != nil || r.building {
		return r, err
	}
	steps := 0
	for _, p := range f.parts {
		for {
			progress, err := p.Step(ctx, 0, f.kind.Apply)
			if errors.Is(err, projection.ErrLost) || errors.Is(err, eventlog.ErrAhead) {
				f.ready = false
				return round{more: true, building: true}, f.begin(ctx)
			}
			if err != nil {
				return r, err
			}
			if progress.Behind == 0 {
				break
			}
			if steps++; steps == stepsAtOnce {
				r.behind += progress.Behind
				r.more = true
				return r, nil
			}
		}
	}
	return r, nil
}

// prepare makes the projections, and the next portion of the rows where they were never made or have to be
// made anew.
func (f *follower) prepare(ctx context.Context, r *round) error {
	if f.ready {
		return nil
	}
	if err := f.open(ctx); err != nil {
		return err
	}
	_, version, err := f.building(ctx)
	if err != nil {
		return err
	}
	if version == 0 {
		err = whole(ctx, f.kind.Tables, f.kind.Table, f.key)
		if errors.Is(err, table.ErrCorrupt) {
			err = f.write(ctx, table.Put(builtKey(), nil))
		}
		if err == nil {
			f.ready = true
			return nil
		}
		if !errors.Is(err, ErrBuilding) {
			return err
		}
		err = f.begin(ctx)
	} else {
		err = f.build(ctx, r)
	}
	r.more, r.building = true, true
	return err
}

// open fences the partition, which has no fence if it is new, and makes the projections.
func (f *follower) open(ctx context.Context) error {
	if f.parts != nil {
		return nil
	}
	n, err := f.kind.Log.Partitions(ctx, f.kind.Topic)
	if err == nil {
		err = f.kind.Tables.Fence(ctx, f.kind.Table, f.key, f.fence)
	}
	if err != nil {
		return err
	}
	for i := range n {
		f.parts = append(f.parts, projection.New(projection.Config{
			Log: f.kind.Log, Tables: f.kind.Tables, Topic: f.kind.Topic, From: i, Table: f.kind.Table, Partition: f.key, Fence: f.fence,
		}))
	}
	return nil
}
