package pebbletable

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// sweepRows is how many expired rows are removed in one go, so that writers wait little for the sweeper.
const sweepRows = 256

// reminder says that a row should be looked at, because it may have expired.
type reminder struct{ key, row []byte }

// due lists the oldest reminders that are due.
func (e *engine) due(now time.Time) (list []reminder, err error) {
	it, err := e.db.NewIter(&pebble.IterOptions{
		LowerBound: []byte{spaceExpiry},
		UpperBound: binary.BigEndian.AppendUint64([]byte{spaceExpiry}, uint64(max(0, now.UnixMilli()))+1),
	})
	if err != nil {
		return nil, e.readFault(err)
	}
	for ok := it.First(); ok && len(list) < sweepRows; ok = it.Next() {
		key := append([]byte(nil), it.Key()...)
		_, row, _ := parseExpiry(key)
		list = append(list, reminder{key, row})
	}
	if err := it.Close(); err != nil {
		return nil, e.readFault(err)
	}
	return list, nil
}

// remove deletes those of the reminded rows that have expired, and the reminders. Only the committer calls it, so no
// row can come back to life in between. A damaged row stays, to be found by whoever reads it.
func (e *engine) remove(f *flight, list []reminder, now time.Time) (swept int, err error) {
	pb := e.db.NewBatch()
	for _, r := range list {
		if err := pb.Delete(r.key, nil); err != nil {
			return 0, unknown(err)
		}
		h, _, found, err := e.load(r.row)
		if err != nil || !found || h.live(now.UnixMilli()) {
			continue
		}
		if err := pb.Delete(r.row, nil); err != nil {
			return 0, unknown(err)
		}
		swept++
	}
	return swept, e.log(f, pb)
}

// sweep removes expired rows until none is due.
func (e *engine) sweep(ctx context.Context) error {
	for {
		list, err := e.due(e.cfg.Now())
		if err != nil || len(list) == 0 {
			return err
		}
		r := &request{ctx: ctx, sweep: list, errs: make([]error, 1), done: make(chan struct{})}
		if err := e.submit(r); err != nil {
			return err
		}
		if r.errs[0] != nil {
			return r.errs[0]
		}
		e.cfg.Metrics.swept.Add(float64(r.swept))
		if len(list) < sweepRows {
			return nil
		}
	}
}
