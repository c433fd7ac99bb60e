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

// tidyAfter is how long a document rests before its marks and the rows of what was told are removed: more
// may come.
const tidyAfter = 5 * time.Second

// left is what is left to do beside the document.
type left struct {
	marked bool   // a mark that this activation put up is there
	marks  uint64 // the number of the last one of those
	untidy bool   // marks of this activation or rows may be there that are not needed any more
	woken  bool   // what earlier activations left was done, so that their marks are not needed any more either
	half   int    // so many changes are stored, and what belongs to them may not be
	stuck  bool   // that has failed, so that events have their turn before it is tried again
	works  bool   // something of it is under way
	waits  bool   // until it is tried again
	pause  time.Duration
	tidies bool // a tidy is on its way
}

type (
	// tend tries again what has failed.
	tend struct{}
	// tidy removes what is not needed any more.
	tidy struct{}
)

// pin keeps the activation in memory as long as the core wants it to be, or something is left that must be
// done.
func (s *Shell[D, S, C]) pin(t *cluster.Turn) {
	t.Pin(s.pinned || s.left.half > 0 || len(s.stored.box.Pending()) > 0)
}

// tend does what is left to do, one thing after the other.
func (s *Shell[D, S, C]) tend(t *cluster.Turn) {
	s.pin(t)
	s.entry.Set(t.Now(), len(s.stored.box.Pending()), s.left.half > 0)
	switch l := &s.left; {
	case l.works || l.waits || !C(&s.core).Exists():
	case l.half > 0 && !s.doubt.on && !(l.stuck && len(s.stored.box.Pending()) > 0):
		s.settle(t)
	case len(s.stored.box.Pending()) > 0:
		l.stuck = false
		s.tell(t)
	case l.untidy && !l.tidies:
		l.tidies = true
		t.After(tidyAfter, tidy{})
	}
}

// settle writes what belongs to the stored document.
func (s *Shell[D, S, C]) settle(t *cluster.Turn) {
	doc, half := s.stored.doc, s.left.half
	s.work(t, func(ctx context.Context) (any, error) {
		if s.kind.Settle == nil {
			return nil, nil
		}
		return nil, s.kind.Settle(ctx, doc)
	}, func(_ any, err error) {
		if s.left.stuck = err != nil; err == nil {
			s.left.half -= half
		}
	})
}

// tell appends events to the log.
func (s *Shell[D, S, C]) tell(t *cluster.Turn) {
	box, events, source := s.stored.box, s.stored.box.Pending(), s.kind.Name+"/"+s.key
	s.work(t, func(ctx context.Context) (any, error) {
		return outbox.Append(ctx, s.kind.Log, source, events)
	}, func(v any, _ error) {
		if told, _ := v.(uint64); told > 0 {
			box.Told(told) // one that was made anew meanwhile tells them again
		}
	})
}

// tidy removes the rows of events that were told, and the marks of one who has nothing left to do.
func (s *Shell[D, S, C]) tidy(t *cluster.Turn) {
	l := &s.left
	if l.works || l.waits || l.half > 0 || s.doubt.on || len(s.stored.box.Pending()) > 0 || C(&s.core).Busy() {
		return // tend begins anew when that is over
	}
	box, kind, key, fence := s.stored.box, s.kind, s.key, t.Fence()
	from, to := outbox.Place{Fence: fence}, outbox.Place{Fence: fence, N: l.marks}
	if l.woken {
		from = outbox.Place{}
	}
	batch, err := box.Stage()
	if err != nil {
		t.Log().Error("an outbox cannot be emptied", slog.Any("error", err))
		return
	}
	l.marked = false // whatever becomes of this, whoever saves from now on puts up another one
	s.work(t, func(ctx context.Context) (any, error) {
		if len(batch.Ops) > 0 {
			_, err := kind.Tables.Write(ctx, table.Batch{Table: kind.Table, Partition: key, Fence: fence, Ops: batch.Ops})
			if err != nil {
				return nil, err
			}
		}
		shard, owner := kind.owner(key)
		return nil, kind.marks().Remove(ctx, shard, owner, from, to)
	}, func(_ any, err error) {
		if err == nil {
			box.Stored(batch)
			l.untidy = l.marked // by a save meanwhile
		}
	})
}

// work runs one of these things beside everything else, and tries again later what fails.
func (s *Shell[D, S, C]) work(t *cluster.Turn, do func(context.Context) (any, error), then func(v any, err error)) {
	s.left.works = true
	t.Pipe(do, func(t *cluster.Turn, v any, err error) {
		l := &s.left
		l.works = false
		then(v, err)
		switch {
		case err == nil:
			l.pause = 0
		case fault.KindOf(err) == fault.Fenced:
			s.lose(t, err)
			return
		default:
			l.pause = min(max(2*l.pause, firstPause), maxPause)
			l.waits = true
			t.Log().Warn("something is left to do, and tried again", slog.Any("error", err), slog.Duration("pause", l.pause))
			t.After(l.pause, tend{})
		}
		s.tend(t)
	})
}
