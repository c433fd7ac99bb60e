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
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/driver"
)

// Driver is the engine behind a table.Store.
type Driver struct {
	*engine
	lock  io.Closer
	cache *pebble.Cache
	gate  *gate
	ctx   context.Context //nolint:containedctx // the life of the goroutines below
	end   context.CancelFunc
	wg    sync.WaitGroup
}

var _ driver.Driver = (*Driver)(nil)

// Open opens the tables in a directory. It refuses with ErrLocked, table.ErrCorrupt, ErrNewer, ErrFull,
// ErrFailed or fault.Invalid.
func Open(cfg Config) (*Driver, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := durable.MakeDir(cfg.FS, cfg.Dir); err != nil {
		return nil, durable.Refusal(err)
	}
	lock, err := durable.Lock(cfg.FS, cfg.FS.PathJoin(cfg.Dir, "LOCK"))
	if err != nil {
		return nil, err
	}
	cfg.lock = lock
	d := &Driver{lock: lock, cache: pebble.NewCache(cfg.CacheBytes), gate: newGate()}
	if d.engine, err = openFirst(cfg, d.cache); err != nil {
		d.cache.Unref()
		if errors.Is(err, errAbandoned) { // what was left behind may still change files, so no other may open them
			return nil, err
		}
		return nil, errors.Join(err, lock.Close())
	}
	d.ctx, d.end = context.WithCancel(context.Background())
	cfg.Metrics.watch(d.engine)
	d.wg.Go(d.sweepNowAndThen)
	d.wg.Go(d.watchSpace)
	return d, nil
}

// openFirst opens an engine on what the last process left behind.
func openFirst(cfg Config, cache *pebble.Cache) (*engine, error) {
	s, err := inspect(cfg)
	if err != nil {
		return nil, err
	}
	if err := create(cfg, cache, s); err != nil {
		return nil, err
	}
	return openEngine(cfg, cache, s)
}

// inspect looks at the files before Pebble does, for what it would not see or not tell.
func inspect(cfg Config) (*seal, error) {
	if err := checkPebbleFormat(cfg.FS, cfg.Dir); err != nil {
		return nil, err
	}
	s, err := openSeal(cfg.FS, cfg.Dir)
	if err != nil {
		return nil, openFault(err)
	}
	if err := checkLogs(cfg.FS, cfg.Dir); err != nil {
		return nil, openFault(err)
	}
	return s, nil
}

// create makes a new database where there is none. The log that Pebble begins with a database lacks the
// marks by which damage is told from an interrupted write, so the database is closed once before anything
// is written to it.
func create(cfg Config, cache *pebble.Cache, s *seal) error {
	names, err := cfg.FS.List(cfg.Dir)
	if err != nil {
		return openFault(err)
	}
	if slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, manifestPrefix) }) {
		return nil
	}
	e, err := openEngine(cfg, cache, s)
	if err != nil {
		return err
	}
	return e.close()
}

// Failed gives the reason when the engine has died: the disk refused something, for another reason than
// want of space. Nothing can be read or written then, and only another process may open the directory
// again, because nobody knows what the calls that the system has not answered yet will still do to it.
func (d *Driver) Failed() <-chan error { return d.guard.failed }

// use runs f on the database, which stays open meanwhile.
func (d *Driver) use(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return notDone(err)
	}
	if err := d.guard.death(); err != nil {
		return durable.Refusal(err)
	}
	if !d.gate.enter() {
		return ErrClosed
	}
	defer d.gate.leave()
	return f()
}

// Get implements driver.Driver.
func (d *Driver) Get(ctx context.Context, t driver.Table, partition string, key []byte) (row driver.Row, ok bool, err error) {
	err = d.use(ctx, func() (err error) {
		row, ok, err = d.get(t.Name, partition, key)
		return err
	})
	if err == nil {
		err = d.durable(ctx, d.stripe(t.Name, partition).Load())
	}
	if err != nil {
		return driver.Row{}, false, err
	}
	return row, ok, nil
}

// Scan implements driver.Driver.
func (d *Driver) Scan(ctx context.Context, r driver.Range) (rows []driver.Row, next []byte, err error) {
	err = d.use(ctx, func() (err error) {
		rows, next, err = d.scan(ctx, r)
		return err
	})
	if err == nil {
		err = d.durable(ctx, d.stripe(r.Table.Name, r.Partition).Load())
	}
	if err != nil {
		return nil, nil, err
	}
	return rows, next, nil
}

// Walk implements driver.Driver. The cursor is the name of the last partition.
func (d *Driver) Walk(ctx context.Context, t driver.Table, cursor string, limit int) (names []string, next string, err error) {
	err = d.use(ctx, func() (err error) {
		names, next, err = d.walk(ctx, t.Name, cursor, limit)
		return err
	})
	if err == nil {
		err = d.durable(ctx, d.latest.Load())
	}
	if err != nil {
		return nil, "", err
	}
	return names, next, nil
}

// Empty reports whether nothing is stored: no row and no fence.
func (d *Driver) Empty(ctx context.Context) (empty bool, err error) {
	err = d.use(ctx, func() (err error) {
		empty, err = d.nothing()
		return err
	})
	return empty, err
}

// perform sends a call through the committer and gives its outcome.
func (d *Driver) perform(r *request) error {
	err := d.use(r.ctx, func() error {
		if r.write != nil {
			r.write.prepared = d.prepare(r.write.prefix, r.write.ops)
			r.write.ops = nil
			d.warm(r.write)
		} else {
			d.touch(r.raise.key)
		}
		return nil
	})
	if err == nil {
		err = d.submit(r)
	}
	outcome := "ok"
	if err != nil {
		outcome = fault.CodeOf(err)
	}
	d.cfg.Metrics.batches.WithLabelValues(outcome).Inc()
	return err
}

// Close writes what was accepted, ends all goroutines and frees the directory. Where the disk does not let
// it, it gives up and says why, and the directory stays locked until the process ends.
func (d *Driver) Close() error {
	if !d.gate.close() {
		return nil
	}
	d.end()
	left := make(chan struct{})
	go func() {
		d.wg.Wait()
		<-d.gate.idle
		close(left)
	}()
	select {
	case <-left:
	case <-d.guard.dead: // who is inside may never come back
	}
	if err := d.close(); err != nil {
		return err
	}
	d.cache.Unref()
	return d.lock.Close()
}

// sweepNowAndThen removes expired rows.
func (d *Driver) sweepNowAndThen() {
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

// Sweep removes the rows that have expired by now, and fences that nothing is left behind. The driver does
// it by itself every Config.SweepEvery.
func (d *Driver) Sweep(ctx context.Context) error {
	from := []byte{spaceExpiry}
	for {
		s := &sweeping{}
		err := d.use(ctx, func() (err error) {
			s.due, err = d.due(d.clock.now(), from)
			return err
		})
		if err != nil || len(s.due) == 0 {
			return err
		}
		if err := d.submit(&request{ctx: ctx, sweep: s, done: make(chan struct{})}); err != nil {
			return err
		}
		d.cfg.Metrics.swept.Add(float64(s.swept))
		if len(s.due) < sweepRows {
			return nil
		}
		// Behind the last one: from the beginning it would walk over all the tombstones it has just written.
		from = table.After(s.due[len(s.due)-1].key)
	}
}

// watchSpace looks now and then how much room the disk has left.
func (d *Driver) watchSpace() {
	tick := time.NewTicker(spaceEvery)
	defer tick.Stop()
	for {
		d.lookForSpace()
		select {
		case <-d.ctx.Done():
			return
		case <-tick.C:
		}
	}
}
