package pebbletable

import (
	"encoding/binary"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// sweepRows is how many reminders are followed in one go, so that writers wait little for the sweeper.
const sweepRows = 256

// reminder says that a row should be looked at, because it may have expired, or a fence, because its
// partition may be empty.
type reminder struct{ key, of []byte }

// sweeping is one go of the sweeper.
type sweeping struct {
	due   []reminder
	swept int // the answer: rows removed
}

// due lists the oldest reminders that are due, beginning with key from.
func (e *engine) due(now time.Time, from []byte) (list []reminder, err error) {
	it, err := e.db.NewIter(&pebble.IterOptions{
		LowerBound: from,
		UpperBound: binary.BigEndian.AppendUint64([]byte{spaceExpiry}, uint64(max(0, now.UnixMilli()))+1),
	})
	if err != nil {
		return nil, e.readFault(err)
	}
	for ok := it.First(); ok && len(list) < sweepRows; ok = it.Next() {
		key := append([]byte(nil), it.Key()...)
		_, of, _ := parseExpiry(key)
		list = append(list, reminder{key, of})
	}
	e.cfg.Metrics.walked.Add(float64(it.Stats().ForwardStepCount[pebble.InternalIterCall]))
	if err := it.Close(); err != nil {
		return nil, e.readFault(err)
	}
	for _, r := range list { // so that the committer finds them in memory
		e.touch(r.of)
		if len(r.of) > 0 && r.of[0] == spaceFence {
			_, _ = e.empty(r.of)
		}
	}
	return list, nil
}

// remove follows reminders: it deletes the rows that have expired, and looks at fences. Only the committer
// calls it, so no row can come back to life in between. A damaged row or fence stays, to be found by
// whoever reads it.
func (e *engine) remove(f *flight, s *sweeping, now time.Time) error {
	pb := e.db.NewBatch()
	var staged []func()
	for _, r := range s.due {
		if len(r.of) > 0 && r.of[0] == spaceFence {
			if done, err := e.review(pb, r, now); err == nil {
				staged = append(staged, done)
			}
			continue
		}
		if err := pb.Delete(r.key, nil); err != nil {
			return unknown(err)
		}
		h, _, found, err := e.load(r.of)
		if err != nil || !found || h.live(now.UnixMilli()) {
			continue
		}
		if err := pb.Delete(r.of, nil); err != nil {
			return unknown(err)
		}
		s.swept++
	}
	if err := e.log(f, pb, now); err != nil {
		return err
	}
	for _, done := range staged {
		done()
	}
	return nil
}
