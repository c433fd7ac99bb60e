package pebbletable

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/internal/durable"
	"github.com/barrage-live/barrage/storage/table/driver"
)

// Driver is the engine behind a table.Store. It lives as long as the directory is open, over any number of engines.
type Driver struct {
	cfg   Config
	lock  io.Closer
	cache *pebble.Cache
	seal  *seal
	ctx   context.Context //nolint:containedctx // the life of the two goroutines below
	end   context.CancelFunc
	wg    sync.WaitGroup
	mu    struct {
		sync.RWMutex         // held for reading while the engine is read, so that it is not closed meanwhile
		engine       *engine // nil after Close
	}
}

var _ driver.Driver = (*Driver)(nil)

// Open opens the tables in a directory. It refuses with ErrLocked, table.ErrCorrupt, ErrFull, ErrFailed or fault.Invalid.
func Open(cfg Config) (*Driver, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := durable.MakeDir(cfg.FS, cfg.Dir); err != nil {
		return nil, refusal(err)
	}
	lock, err := cfg.FS.Lock(cfg.FS.PathJoin(cfg.Dir, "LOCK"))
	if err != nil {
		return nil, lockFault(err)
	}
	d := &Driver{cfg: cfg, lock: lock, cache: pebble.NewCache(cfg.CacheBytes)}
	e, err := d.openFirst()
	if err != nil {
		d.cache.Unref()
		return nil, errors.Join(err, lock.Close())
	}
	d.mu.engine = e
	d.ctx, d.end = context.WithCancel(context.Background())
	cfg.Metrics.queueMax.Set(float64(cfg.Queue))
	d.wg.Add(2)
	go d.sweep()
	go d.mend()
	return d, nil
}

// openFirst opens an engine on what the last process left behind.
func (d *Driver) openFirst() (*engine, error) {
	s, err := openSeal(d.cfg.FS, d.cfg.Dir)
	if err != nil {
		return nil, openFault(err)
	}
	d.seal = s
	if err := checkLogs(d.cfg.FS, d.cfg.Dir); err != nil {
		return nil, openFault(err)
	}
	if err := d.create(); err != nil {
		return nil, err
	}
	return openEngine(d.cfg, d.cache, d.seal)
}

// create makes a new database where there is none. The log that Pebble begins with a database lacks the marks by which
// damage is told from an interrupted write, so the database is closed once before anything is written to it.
func (d *Driver) create() error {
	names, err := d.cfg.FS.List(d.cfg.Dir)
	if err != nil {
		return openFault(err)
	}
	if slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, manifestPrefix) }) {
		return nil
	}
	e, err := openEngine(d.cfg, d.cache, d.seal)
	if err != nil {
		return err
	}
	return e.close()
}

// use runs f on the current engine, which stays open meanwhile.
func (d *Driver) use(ctx context.Context, f func(e *engine) error) (*engine, error) {
	if err := ctx.Err(); err != nil {
		return nil, notDone(err)
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.mu.engine == nil {
		return nil, ErrClosed
	}
	return d.mu.engine, f(d.mu.engine)
}

// current is the engine writes go to. It may be closed while they wait, and then refuses them itself.
func (d *Driver) current() (*engine, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.mu.engine == nil {
		return nil, ErrClosed
	}
	return d.mu.engine, nil
}

// Get implements driver.Driver.
func (d *Driver) Get(ctx context.Context, t driver.Table, partition string, key []byte) (row driver.Row, ok bool, err error) {
	e, err := d.use(ctx, func(e *engine) (err error) {
		row, ok, err = e.get(t.Name, partition, key)
		return err
	})
	if err == nil {
		err = e.durable(ctx, e.stripe(t.Name, partition).Load())
	}
	if err != nil {
		return driver.Row{}, false, err
	}
	return row, ok, nil
}

// Scan implements driver.Driver.
func (d *Driver) Scan(ctx context.Context, r driver.Range) (rows []driver.Row, next []byte, err error) {
	e, err := d.use(ctx, func(e *engine) (err error) {
		rows, next, err = e.scan(ctx, r)
		return err
	})
	if err == nil {
		err = e.durable(ctx, e.stripe(r.Table.Name, r.Partition).Load())
	}
	if err != nil {
		return nil, nil, err
	}
	return rows, next, nil
}

// Walk implements driver.Driver. The cursor is the name of the last partition.
func (d *Driver) Walk(ctx context.Context, t driver.Table, cursor string, limit int) (names []string, next string, err error) {
	e, err := d.use(ctx, func(e *engine) (err error) {
		names, next, err = e.walk(ctx, t.Name, cursor, limit)
		return err
	})
	if err == nil {
		err = e.durable(ctx, e.latest.Load())
	}
	if err != nil {
		return nil, "", err
	}
	return names, next, nil
}

// Empty reports whether nothing is stored: no row and no fence.
func (d *Driver) Empty(ctx context.Context) (empty bool, err error) {
	_, err = d.use(ctx, func(e *engine) (err error) {
		empty, err = e.nothing()
		return err
	})
	return empty, err
}

// submit sends a request through the committer and gives its outcome.
func (d *Driver) submit(ctx context.Context, r *request) error {
	r.ctx, r.done = ctx, make(chan struct{})
	e, err := d.use(ctx, func(e *engine) error {
		if r.write != nil {
			r.write.prepared = e.prepare(r.write.table, r.write.partition, r.write.ops)
			r.write.ops = nil
			e.warm(r.write)
		} else if r.raise != nil {
			e.touch(r.raise.key)
		}
		return nil
	})
	if err == nil {
		if err = e.submit(r); err == nil {
			err = r.err
		}
	}
	outcome := "ok"
	if err != nil {
		outcome = fault.CodeOf(err)
	}
	d.cfg.Metrics.batches.WithLabelValues(outcome).Inc()
	return err
}

// Close writes what was accepted, ends all goroutines and frees the directory.
func (d *Driver) Close() error {
	d.mu.Lock()
	e := d.mu.engine
	d.mu.engine = nil
	d.mu.Unlock()
	if e == nil {
		return nil
	}
	d.end()
	d.wg.Wait()
	err := e.close()
	d.cache.Unref()
	if err == nil {
		if err = d.seal.close(); err != nil {
			err = refusal(err)
		}
	}
	return errors.Join(err, d.lock.Close())
}

// sweep removes expired rows now and then.
func (d *Driver) sweep() {
	defer d.wg.Done()
	tick := time.NewTicker(d.cfg.SweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-d.ctx.Done():
			return
		case <-tick.C:
		}
		if err := d.Sweep(d.ctx); err != nil && d.ctx.Err() == nil {
			d.cfg.Log.Warn("sweep of expired rows failed", slog.Any("error", err))
		}
	}
}

// Sweep removes the rows that have expired by now. The driver does it by itself every Config.SweepEvery.
func (d *Driver) Sweep(ctx context.Context) error {
	e, err := d.current()
	if err != nil {
		return err
	}
	return e.sweep(ctx)
}
