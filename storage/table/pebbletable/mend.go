package pebbletable

import (
	"errors"
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

// mend replaces the engine whenever it has died.
func (d *Driver) mend() {
	defer d.wg.Done()
	for {
		e, err := d.current()
		if err != nil {
			return
		}
		select {
		case <-d.ctx.Done():
			return
		case <-e.guard.dead:
		}
		d.cfg.Log.Error("storage engine died; writes are refused until the disk works again", "error", e.guard.why())
		if !d.replace(e) {
			return
		}
		d.cfg.Log.Info("storage engine replaced")
	}
}

// replace tries to open a new engine until it succeeds, or gives false when the driver closes.
func (d *Driver) replace(old *engine) bool {
	for pause := d.cfg.MendEvery; ; pause = min(2*pause, maxMend) {
		timer := time.NewTimer(pause)
		select {
		case <-d.ctx.Done():
			timer.Stop()
			return false
		case <-timer.C:
		}
		fresh, err := d.reopen()
		if err != nil {
			d.cfg.Log.Warn("storage engine not yet replaced", "error", err)
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
		d.cfg.Log.Warn("unused storage engine did not close", "error", err)
	}
	return false
}

// reopen opens a new engine if the disk takes a write and a sync.
func (d *Driver) reopen() (*engine, error) {
	if err := probe(d.cfg.FS, d.cfg.FS.PathJoin(d.cfg.Dir, probeName)); err != nil {
		return nil, refusal(err)
	}
	return openEngine(d.cfg, d.cache)
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
