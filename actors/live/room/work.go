package room

import (
	"context"
	"log/slog"
	"time"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/fault"
)

// What the shell does outside its turns. Each ends with a command to the core.

func (s *shell) append(t *cluster.Turn, rows []entry, write func(context.Context, []entry) error) {
	began := t.Now()
	s.metrics.appendRows.Observe(float64(len(rows)))
	t.Pipe(func(ctx context.Context) (any, error) {
		ctx, cancel := context.WithTimeout(ctx, s.timeout)
		defer cancel()
		return nil, write(ctx, rows)
	}, func(t *cluster.Turn, _ any, err error) {
		s.metrics.append.Observe(t.Now().Sub(began).Seconds())
		s.written(t, err)
		s.apply(t, 0, appended{err})
	})
}

func (s *shell) save(t *cluster.Turn, c *change, write func(context.Context, time.Time, *change) error) {
	now := t.Now()
	t.Pipe(func(ctx context.Context) (any, error) {
		ctx, cancel := context.WithTimeout(ctx, s.timeout)
		defer cancel()
		return nil, write(ctx, now, c)
	}, func(t *cluster.Turn, _ any, err error) {
		s.written(t, err)
		s.apply(t, 0, saved{err})
	})
}

func (s *shell) written(t *cluster.Turn, err error) {
	if err != nil {
		s.metrics.failures.WithLabelValues(fault.CodeOf(err)).Inc()
		t.Log().Warn("write of a room failed", slog.Any("error", err))
	}
}

func (s *shell) read(t *cluster.Turn, w waiter, q query) {
	t.Pipe(func(ctx context.Context) (any, error) {
		ctx, cancel := context.WithTimeout(ctx, s.timeout)
		defer cancel()
		return s.rows.read(ctx, q)
	}, func(t *cluster.Turn, v any, err error) {
		s.metrics.read(err)
		p, _ := v.(page)
		s.apply(t, w, rowsRead{Query: q, Rows: p.Danmaku, More: p.More, Err: err})
	})
}

func (s *shell) index(t *cluster.Turn, step *indexStep) {
	began := t.Now()
	t.Pipe(func(ctx context.Context) (any, error) {
		ctx, cancel := context.WithTimeout(ctx, s.timeout)
		defer cancel()
		return s.indexer.do(ctx, began, step)
	}, func(t *cluster.Turn, v any, err error) {
		s.metrics.index.Observe(t.Now().Sub(began).Seconds())
		s.written(t, err)
		done, _ := v.(stepped)
		done.Err = err
		s.apply(t, 0, done)
	})
}
