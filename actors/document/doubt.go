package document

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/table"
)

const (
	// firstLook is how long everybody waits for the table to say what became of a write; usually it does at
	// once.
	firstLook = 250 * time.Millisecond
	// firstPause is the pause before something that failed is tried again, which doubles up to maxPause.
	firstPause = 100 * time.Millisecond
	maxPause   = 5 * time.Second
)

var errUnsettled = fault.New(fault.Unavailable, "unsettled", "it is not yet known what became of an earlier change").After(time.Second)

// doubt is that it is not known what is stored.
type doubt struct {
	on      bool
	n       uint64        // how often that was so
	hangs   bool          // the table did not answer in time when it was asked last
	pause   time.Duration // before it is asked again
	fragile bool          // the write of which it is not known whether it took effect
}

// look asks the table again what is stored, in that doubt.
type look struct{ doubt uint64 }

// failed takes the command back because of why, and finds out what is stored if the document was tried to
// be written.
func (s *Shell[D, S, C]) failed(t *cluster.Turn, why error, w *writing[D, S, C]) {
	s.core = s.before
	switch {
	case errors.Is(w.failure, table.ErrConflict): // an earlier write took effect late, which the asker need not understand
		why = errUnsettled
	case why == nil:
		why = fault.New(fault.Internal, "not_saved", "what belongs to a change did not let it be stored")
	}
	t.Fail(fault.From(why))
	switch {
	case !C(&s.core).Exists():
		t.Stop() // nothing runs; the next activation reads the table
	case w.failure == nil, fault.KindOf(w.failure) == fault.Invalid:
		s.tend(t)
	case fault.KindOf(w.failure) == fault.Fenced:
		s.lose(t, w.failure)
	case Damaged(s.kind.Name, w.failure):
		s.damaged(t, w.failure)
	default:
		s.doubt = doubt{on: true, n: s.doubt.n + 1, pause: firstPause, fragile: w.effect.Fragile}
		s.look(t, t.Await, firstLook, s.lookLater)
	}
}

// insist performs a command that changes a document of which it is not known what is stored, if that can be
// found out at once.
func (s *Shell[D, S, C]) insist(t *cluster.Turn, cmd any) {
	if s.doubt.hangs { // everybody would wait for each of these
		t.Fail(errUnsettled)
		return
	}
	s.look(t, t.Await, firstLook, func(t *cluster.Turn, known bool) {
		if !known {
			t.Fail(errUnsettled)
			return
		}
		s.Do(t, cmd)
	})
}

func (s *Shell[D, S, C]) lookNow(t *cluster.Turn, m look) {
	if s.doubt.on && s.doubt.n == m.doubt {
		s.look(t, t.Pipe, 0, s.lookLater)
	}
}

// lookLater goes on looking.
func (s *Shell[D, S, C]) lookLater(t *cluster.Turn, known bool) {
	if !known {
		t.After(s.doubt.pause, look{s.doubt.n})
		s.doubt.pause = min(2*s.doubt.pause, maxPause)
	}
}

// look asks the table what is stored, for at most so long if that is not 0, and then goes on unless the
// activation ends.
func (s *Shell[D, S, C]) look(
	t *cluster.Turn, run func(func(context.Context) (any, error), func(*cluster.Turn, any, error)), limit time.Duration,
	then func(t *cluster.Turn, known bool),
) {
	kind, key, fence, n, late := s.kind, s.key, t.Fence(), s.doubt.n, false
	run(func(ctx context.Context) (any, error) {
		if limit > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, limit)
			defer cancel()
		}
		found, err := kind.reread(ctx, key, fence)
		late = ctx.Err() != nil
		return found, err
	}, func(t *cluster.Turn, v any, err error) {
		switch {
		case !s.doubt.on || s.doubt.n != n: // somebody else was told meanwhile, and may be in doubt again, of which this says nothing
			t.Fail(errUnsettled)
		case err == nil:
			s.doubt.on, s.stored = false, v.(stored[D])
			if s.doubt.fragile { // it may have taken effect, and what belongs to it not
				s.left.half++
			}
			s.Do(t, s.stored.loaded(true))
			s.tend(t)
			then(t, true)
		case fault.KindOf(err) == fault.Fenced:
			t.Fail(fault.From(err))
			s.lose(t, err)
		case Damaged(kind.Name, err):
			t.Fail(fault.From(err))
			s.damaged(t, err)
		default:
			s.doubt.hangs = late
			t.Log().Warn("what is stored is not known", slog.Any("error", err), slog.Duration("pause", s.doubt.pause))
			then(t, false)
		}
	})
}

// damaged ends an activation over a document that nobody can read any more. What it has in memory would be
// gone with it at the next restart, and until then it could not be changed: a channel's keys not be ended.
func (s *Shell[D, S, C]) damaged(t *cluster.Turn, cause error) {
	t.Log().Error("what is stored is damaged", slog.Any("error", cause))
	s.lose(t, cause)
}

// lose ends an activation that cannot write any more.
func (s *Shell[D, S, C]) lose(t *cluster.Turn, cause error) {
	if s.Own != nil {
		s.Own(t, Lost{cause}, nil)
	}
	t.Stop()
}
