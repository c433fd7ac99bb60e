package document

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/outbox"
	"github.com/barrage-live/barrage/storage/table"
)

const (
	// wakers is how many actors are being woken at once.
	wakers = 32
	// maxNamed is how many of those that could not be woken are named.
	maxNamed = 10
)

// Wake has an actor do what a former activation may have left to do. It is answered when what belongs
// beside its document is there; what goes on is ended, and events are told, after that.
type Wake struct{}

// wake is for an actor that is marked: whatever its former activations did, all of it is looked at again.
func (s *Shell[D, S, C]) wake(t *cluster.Turn) {
	kind, key, to := s.kind, s.key, outbox.Place{Fence: t.Fence(), N: s.left.marks}
	if !C(&s.core).Exists() { // it was to be created, and is not
		t.Await(func(ctx context.Context) (any, error) { return nil, kind.forget(ctx, key, to) },
			func(t *cluster.Turn, _ any, err error) { answer(t, err) })
		t.Stop()
		return
	}
	doc := s.stored.doc
	t.Pipe(func(ctx context.Context) (any, error) {
		if kind.Settle == nil {
			return nil, nil
		}
		return nil, kind.Settle(ctx, doc)
	}, func(t *cluster.Turn, _ any, err error) {
		answer(t, err)
		s.left.woken, s.left.untidy = true, true
		if err != nil {
			s.left.half++ // which is made up before anything is tidied
		}
		s.tend(t)
	})
}

// forget takes down the marks of one that was to be created and is not. A partition that nobody has fenced
// yet was not fenced for this activation either, so a former owner may be about to create it: after the
// fence it cannot any more, or it has, and the next who wakes it does what is left.
func (k *Kind[D, S, C]) forget(ctx context.Context, key string, to outbox.Place) error {
	found, err := k.reread(ctx, key, to.Fence)
	if err != nil {
		return err
	}
	if found.version != 0 {
		return errUnsettled
	}
	shard, owner := k.owner(key)
	return k.marks().Remove(ctx, shard, owner, outbox.Place{}, to)
}

func answer(t *cluster.Turn, err error) {
	if err != nil {
		t.Fail(fault.From(err))
		return
	}
	t.Reply(nil)
}

// WakeAll wakes every actor that has something left to do, whichever process left it so: call it when a
// node has started, and every now and then. It says how many were woken; those that could not be are
// counted and some of them named in the error, stay marked, and do it when somebody asks them for
// something. Nobody more is woken when ctx has ended. undone is told how many are marked.
func WakeAll(ctx context.Context, n *cluster.Node, tables *table.Store, undone *outbox.Undone) (woken int, err error) {
	marks := outbox.Marks{Tables: tables}
	free := make(chan error, wakers) // the results of those that are done
	var failed []error
	missed, out, marked := 0, 0, map[string]int{}
	whole := false              // all marks were read
	until := func() time.Time { // nobody waits longer than ctx
		end := time.Now().Add(cluster.MaxAsk)
		if at, ok := ctx.Deadline(); ok && at.Before(end) {
			return at
		}
		return end
	}
	collect := func() {
		if err := <-free; err != nil {
			missed++
			if len(failed) < maxNamed {
				failed = append(failed, err)
			}
		} else {
			woken++
		}
		out--
	}
	at := table.Cursor("")
	for first := true; (first || at != "") && ctx.Err() == nil; first = false {
		owners, next, err := marks.All(ctx, at)
		whole = err == nil && (first || whole)
		if err != nil {
			failed = append(failed, err) // what could be read is woken all the same
		}
		for _, o := range owners {
			marked[o.Kind]++
			if out == wakers {
				collect()
			}
			if ctx.Err() != nil { // may be so after the wait
				continue
			}
			out++
			cluster.AskFunc(n, until(), o.Kind, o.Key, Wake{}, func(_ any, err error) {
				if err != nil {
					err = fmt.Errorf("%s %s: %w", o.Kind, o.Key, err)
				}
				free <- err
			})
		}
		at = next
	}
	if whole && at == "" {
		undone.Marked(marked)
	}
	for out > 0 {
		collect()
	}
	if missed > len(failed) {
		failed = append(failed, fmt.Errorf("and %d more", missed-len(failed)))
	}
	return woken, errors.Join(errors.Join(failed...), ctx.Err())
}
