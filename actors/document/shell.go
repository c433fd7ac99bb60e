package document

import (
	"context"
	"log/slog"
	"time"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/outbox"
	"github.com/barrage-live/barrage/storage/table"
)

// Shell carries commands to a core and performs its effects. The kind's own shell embeds it, or it is the
// actor itself.
type Shell[D, S any, C Core[S]] struct {
	// Own performs the effects that are the kind's own. If it waits, it returns true, and calls Perform
	// with the rest when it is done.
	Own func(t *cluster.Turn, e Effect, rest []Effect) (waits bool)

	kind   *Kind[D, S, C]
	key    string
	core   S
	before S // the command that is being performed

	stored stored[D]
	doubt  doubt
	left   left
	pinned bool // by the core
	entry  *outbox.Entry
}

// stored is what the table holds.
type stored[D any] struct {
	doc     D
	version table.Version // 0: there is no document
	box     *outbox.Box
}

func (s stored[D]) loaded(again bool) Loaded[D] {
	return Loaded[D]{Doc: s.doc, Exists: s.version != 0, Again: again}
}

// State is the core's; it must not be changed.
func (s *Shell[D, S, C]) State() *S { return &s.core }

// Start implements cluster.Starter.
func (s *Shell[D, S, C]) Start(t *cluster.Turn) {
	s.apply(t, s.stored.loaded(false))
	s.left.untidy = C(&s.core).Busy() || !s.stored.box.Clean()
	s.tend(t)
}

// Close implements cluster.Closer. An actor of a kind (Kind.Actor) with a Close of its own calls it.
func (s *Shell[D, S, C]) Close(error) { s.entry.Set(time.Time{}, 0, false) }

// Receive implements cluster.Actor.
func (s *Shell[D, S, C]) Receive(t *cluster.Turn, msg any) {
	switch m := msg.(type) {
	case look:
		s.lookNow(t, m)
	case tend:
		s.left.waits = false
		s.tend(t)
	case tidy:
		s.left.tidies = false
		s.tidy(t)
	case Wake:
		s.wake(t)
	default:
		s.Do(t, msg)
	}
}

// Do gives the core a command and performs what it says.
func (s *Shell[D, S, C]) Do(t *cluster.Turn, cmd any) {
	s.apply(t, cmd)
	if !C(&s.core).Exists() {
		t.Stop()
	}
}

func (s *Shell[D, S, C]) apply(t *cluster.Turn, cmd any) {
	before := s.core
	effects := C(&s.core).Apply(t.Now(), cmd, nil)
	if s.doubt.on && saves[D](effects) {
		s.core = before
		s.insist(t, cmd)
		return
	}
	s.before = before
	s.Perform(t, effects)
}

func saves[D any](effects []Effect) bool {
	if len(effects) == 0 {
		return false
	}
	_, ok := effects[0].(Save[D])
	return ok
}

// Perform performs effects. Besides Do, whoever waited in Own calls it.
func (s *Shell[D, S, C]) Perform(t *cluster.Turn, effects []Effect) {
	for i, e := range effects {
		switch e := e.(type) {
		case Reply:
			t.Reply(e.Value)
		case Refuse:
			t.Fail(e.Err)
		case After:
			t.After(e.D, e.Cmd)
		case Pin:
			s.pinned = e.On
			s.pin(t)
		case Save[D]:
			s.save(t, e, effects[i+1:])
			return
		default:
			if s.Own(t, e, effects[i+1:]) {
				return
			}
		}
	}
}

// save writes the document and then performs the rest. Who has something left to do after it is marked
// before.
func (s *Shell[D, S, C]) save(t *cluster.Turn, e Save[D], rest []Effect) {
	if s.kind.Log == nil {
		e.Events = nil
	}
	batch, err := s.stored.box.Stage(e.Events...)
	if err != nil {
		s.core = s.before
		t.Fail(err)
		return
	}
	w := &writing[D, S, C]{
		kind: s.kind, key: s.key, fence: t.Fence(), effect: e, stored: s.stored, batch: batch,
		mark: !s.left.marked && (e.Fragile || len(e.Events) > 0 || C(&s.core).Busy()),
	}
	if w.mark {
		s.left.marks++
		w.place = outbox.Place{Fence: w.fence, N: s.left.marks}
	}
	t.Await(func(ctx context.Context) (any, error) { return nil, w.do(ctx) }, func(t *cluster.Turn, _ any, err error) {
		s.left.marked = s.left.marked || w.marked
		s.left.untidy = s.left.untidy || w.mark
		if w.version == 0 {
			s.failed(t, err, w)
			return
		}
		if err != nil {
			t.Log().Error("what belongs to a change could not be written", slog.Any("error", err))
			t.Fail(fault.Wrap(fault.Timeout, "outcome_unknown", "the change is stored, but what belongs to it may not be; try again", err))
			s.left.half++
		}
		s.stored.doc, s.stored.version = e.Doc, w.version
		s.stored.box.Stored(batch)
		s.Perform(t, rest)
		s.tend(t)
	})
}
