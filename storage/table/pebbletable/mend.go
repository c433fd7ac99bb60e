package pebbletable

import (
	"errors"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	// maxMend is the longest pause between two tries to replace a dead engine.
	maxMend = time.Minute
	// probeBytes is what a probe of the disk writes.
	probeBytes = 64 << 10
	// probeName is the file a probe writes.
	probeName = "PROBE"
)

// mend replaces the engine whenever it has died. The pause before a try doubles from death to death, and begins anew when
// an engine has lived for a while: every dead engine costs memory.
func (d *Driver) mend() {
	defer d.wg.Done()
	pause := d.cfg.MendEvery
	for {
		e, err := d.current()
		if err != nil {
			return
		}
		born := time.Now()
		select {
		case <-d.ctx.Done():
			return
		case <-e.guard.dead:
		}
		d.cfg.Log.Error("storage engine died; writes are refused until the disk works again", slog.Any("error", e.guard.why()))
		if time.Since(born) > maxMend {
			pause = d.cfg.MendEvery
		}
		if !d.replace(e, &pause) {
			return
		}
		d.cfg.Log.Info("storage engine replaced")
	}
}

// replace tries to open a new engine until it succeeds, or gives false when the driver closes.
func (d *Driver) replace(old *engine, pause *time.Duration) bool {
	for {
		timer := time.NewTimer(*pause)
		select {
		case <-d.ctx.Done():
			timer.Stop()
			return false
		case <-timer.C:
		}
		*pause = min(2**pause, maxMend)
		fresh, err := d.reopen()
		if err != nil {
			d.cfg.Log.Warn("storage engine not yet replaced", slog.Any("error", err))
			continue
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.mu.engine != old {
			return d.discard(fresh)
		}
		d.mu.engine = fresh
		close(old.stop) // what of it is not parked ends
		d.cfg.Metrics.abandoned.Inc()
		d.cfg.Metrics.down.Set(0)
		return true
	}
}

// discard closes an engine that came too late.
func (d *Driver) discard(e *engine) bool {
	if err := e.close(); err != nil {
		d.cfg.Log.Warn("unused storage engine did not close", slog.Any("error", err))
	}
	return false
}

// reopen opens a new engine if the disk takes a write and a sync.
func (d *Driver) reopen() (*engine, error) {
	if err := probe(d.cfg.FS, d.cfg.FS.PathJoin(d.cfg.Dir, probeName)); err != nil {
		return nil, refusal(err)
	}
	return openEngine(d.cfg, d.cache, d.seal)
}

// probe writes and syncs a small file and removes it.
func probe(fs vfs.FS, name string) error {
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, probeBytes))
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), fs.Remove(name))
}
