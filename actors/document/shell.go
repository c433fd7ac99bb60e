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
	// firstLook is how long everybody waits for the table to say what became of a write; usually it does at once.
	firstLook = 250 * time.Millisecond
	// lookAgain is the pause before it is asked again, which doubles up to maxPause.
	lookAgain = 100 * time.Millisecond
	maxPause  = 5 * time.Second
)

var errUnsettled = fault.New(fault.Unavailable, "unsettled", "it is not yet known what became of an earlier change").After(time.Second)

// Shell carries commands to a core and performs its effects. The kind's own shell embeds it, or it is the actor itself.
type Shell[D, S any, C Core[S]] struct {
	// Own performs the effects that are the kind's own. If it waits, it returns true, and calls Perform with the rest when it is done.
	Own func(t *cluster.Turn, e Effect, rest []Effect) (waits bool)

	kind    *Kind[D, S, C]
	key     string
	loaded  Loaded[D] // what Start begins with
	core    S
	before  S             // the command that is being performed
	version table.Version // of the stored document; 0 while there is none
	doubt   bool          // it is not known what is stored
	doubts  uint64        // how often that was so
	hangs   bool          // the table did not answer in time when it was asked last
	pause   time.Duration // before it is asked again
}

// look asks the table again what is stored, in that doubt.
type look struct{ doubt uint64 }

// State is the core's; it must not be changed.
func (s *Shell[D, S, C]) State() *S { return &s.core }

// Start implements cluster.Starter.
func (s *Shell[D, S, C]) Start(t *cluster.Turn) { s.apply(t, s.loaded) }

// Receive implements cluster.Actor.
func (s *Shell[D, S, C]) Receive(t *cluster.Turn, msg any) {
	m, ok := msg.(look)
	switch {
	case !ok:
		s.Do(t, msg)
	case s.doubt && s.doubts == m.doubt:
		s.look(t, t.Pipe, 0, s.lookLater)
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
	if s.doubt && saves[D](effects) {
		s.core = before
		s.insist(t, cmd)
		return
	}
	s.before = before
	s.Perform(t, effects)
}

// insist performs a command that changes a document of which it is not known what is stored, if that can be found out at once.
func (s *Shell[D, S, C]) insist(t *cluster.Turn, cmd any) {
	if s.hangs { // everybody would wait for each of these
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
			t.Pin(e.On)
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

// save writes the document and then performs the rest.
func (s *Shell[D, S, C]) save(t *cluster.Turn, e Save[D], rest []Effect) {
	kind, key, fence, version := s.kind, s.key, t.Fence(), s.version
	// What became of the write itself, which the work sets before done is called.
	var saved table.Version
	var failure error
	write := func(ctx context.Context) error {
		saved, failure = kind.save(ctx, key, fence, e, version)
		return failure
	}
	t.Await(func(ctx context.Context) (any, error) {
		if kind.Around == nil {
			return nil, write(ctx)
		}
		return nil, kind.Around(ctx, Write[D]{Doc: e.Doc, First: version == 0, Note: e.Note}, write)
	}, func(t *cluster.Turn, _ any, err error) {
		switch {
		case saved == 0:
			s.failed(t, err, failure)
			return
		case err != nil:
			t.Log().Error("what belongs to a change could not be written", slog.Any("error", err))
			t.Fail(fault.Wrap(fault.Timeout, "outcome_unknown", "the change is stored, but what belongs to it may not be; try again", err))
		}
		s.version = saved
		s.Perform(t, rest)
	})
}

// failed takes the command back because of why, and finds out what is stored if the document was tried to be written, which failure
// says.
func (s *Shell[D, S, C]) failed(t *cluster.Turn, why, failure error) {
	s.core = s.before
	if errors.Is(failure, table.ErrConflict) { // an earlier write took effect late, which the asker need not understand
		why = errUnsettled
	}
	t.Fail(fault.From(why))
	switch {
	case !C(&s.core).Exists():
		t.Stop() // nothing runs; the next activation reads the table
	case failure == nil, fault.KindOf(failure) == fault.Invalid:
	case fault.KindOf(failure) == fault.Fenced:
		s.superseded(t, failure)
	default:
		s.doubt, s.hangs, s.pause = true, false, lookAgain
		s.doubts++
		s.look(t, t.Await, firstLook, s.lookLater)
	}
}

// lookLater goes on looking.
func (s *Shell[D, S, C]) lookLater(t *cluster.Turn, known bool) {
	if !known {
		t.After(s.pause, look{s.doubts})
		s.pause = min(2*s.pause, maxPause)
	}
}

// look asks the table what is stored, for at most so long if that is not 0, and then goes on unless the activation ends.
func (s *Shell[D, S, C]) look(
	t *cluster.Turn, run func(func(context.Context) (any, error), func(*cluster.Turn, any, error)), limit time.Duration,
	then func(t *cluster.Turn, known bool),
) {
	type found struct {
		loaded  Loaded[D]
		version table.Version
		late    bool
	}
	kind, key, fence, doubt := s.kind, s.key, t.Fence(), s.doubts
	run(func(ctx context.Context) (any, error) {
		if limit > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, limit)
			defer cancel()
		}
		loaded, version, err := kind.settle(ctx, key, fence)
		return found{loaded, version, ctx.Err() != nil}, err
	}, func(t *cluster.Turn, v any, err error) {
		f, _ := v.(found)
		switch {
		case !s.doubt || s.doubts != doubt: // somebody else was told meanwhile, and may be in doubt again, of which this says nothing
			t.Fail(errUnsettled)
		case err == nil:
			s.doubt, s.version = false, f.version
			s.Do(t, f.loaded)
			then(t, true)
		case fault.KindOf(err) == fault.Fenced:
			t.Fail(fault.From(err))
			s.superseded(t, err)
		default:
			s.hangs = f.late
			t.Log().Warn("what is stored is not known", slog.Any("error", err), slog.Duration("pause", s.pause))
			then(t, false)
		}
	})
}

// superseded ends an activation that has a successor.
func (s *Shell[D, S, C]) superseded(t *cluster.Turn, cause error) {
	if s.Own != nil {
		s.Own(t, Superseded{cause}, nil)
	}
	t.Stop()
}
