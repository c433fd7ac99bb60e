package pebbletable

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/barrage-live/barrage/storage/internal/durable"
)

var (
	// errGone answers operations that a dead engine may safely see fail.
	errGone = errors.New("pebbletable: the engine is dead")
	// errAbandoned says that operations of an engine were left behind.
	errAbandoned = errors.New("pebbletable: the engine was given up")
)

// spaceRetry is the pause between two tries of an operation that found the disk full.
const spaceRetry = 50 * time.Millisecond

// guard stands between the engine and the directory, because Pebble answers a failed write by ending the
// process, and not always in a goroutine where that could be caught. While the disk is full, operations
// wait here and are tried again. After any other failure they never return: the engine is dead, can change
// nothing any more, and the process has the time to say why before it ends.
type guard struct {
	vfs.FS
	dir  string
	seal *seal
	lock io.Closer // on the directory: as long as an operation waits here, it is not freed
	mu   struct {
		sync.Mutex
		waiting int           // operations that found the disk full
		cause   error         // why writes are refused; nil while all is well
		killed  error         // why the engine is dead
		trouble chan struct{} // closed while cause is set
	}
	failed  chan error    // brings why the engine is dead, once
	dead    chan struct{} // closed when it is
	ended   chan struct{} // closed once nothing may pass any more: it is dead, or was given up
	onceEnd sync.Once
}

func newGuard(cfg Config, s *seal) *guard {
	g := &guard{FS: cfg.FS, dir: cfg.Dir, lock: cfg.lock, seal: s, failed: make(chan error, 1), dead: make(chan struct{}), ended: make(chan struct{})}
	g.mu.trouble = make(chan struct{})
	return g
}

// trouble is closed while writes cannot succeed; why is the reason.
func (g *guard) trouble() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mu.trouble
}

// why is the cause of the trouble, or nil.
func (g *guard) why() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mu.cause
}

// death is why the engine is dead, or nil.
func (g *guard) death() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mu.killed
}

// kill ends the engine because of a failure.
func (g *guard) kill(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mu.killed != nil {
		return
	}
	g.raise(err)
	g.mu.killed = err
	g.failed <- durable.Refusal(err)
	close(g.dead)
	g.end()
}

// end stops everything that would change the directory.
func (g *guard) end() { g.onceEnd.Do(func() { close(g.ended) }) }

// raise sets the cause; g.mu is held.
func (g *guard) raise(err error) {
	if g.mu.cause == nil {
		close(g.mu.trouble)
	}
	g.mu.cause = err
}

// full counts an operation that waits for space.
func (g *guard) full(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mu.waiting++
	if g.mu.killed == nil {
		g.raise(err)
	}
}

// spaced counts an operation that got its space; the last one ends the trouble.
func (g *guard) spaced() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mu.waiting--
	select {
	case <-g.ended:
		return
	default:
	}
	if g.mu.waiting == 0 {
		g.mu.cause = nil
		g.mu.trouble = make(chan struct{})
	}
}

// change runs an operation that may be tried again when the disk is full.
func (g *guard) change(op func() error) error {
	waits := false
	for {
		g.parkIfEnded()
		err := op()
		switch {
		case err == nil:
			if waits {
				g.spaced()
			}
			return nil
		case !durable.Full(err):
			g.kill(err)
			continue
		case !waits:
			waits = true
			g.full(err)
		}
		select {
		case <-g.ended:
		case <-time.After(spaceRetry):
		}
	}
}

// settle runs an operation that must not be tried again: after a failed sync nobody knows what the disk
// holds. Even a full disk is death here.
func (g *guard) settle(op func() error) error {
	g.parkIfEnded()
	err := op()
	if err == nil {
		return nil
	}
	g.kill(err)
	g.parkIfEnded()
	return err
}

// parkIfEnded never returns once the guard has ended.
func (g *guard) parkIfEnded() {
	select {
	case <-g.ended:
		select {}
	default:
	}
}

// outside reports whether a path lies outside of the directory, as those of a checkpoint do. What happens
// there is no matter of life and death.
func (g *guard) outside(name string) bool {
	for at := name; ; at = g.PathDir(at) {
		if at == g.dir {
			return false
		}
		if at == g.PathDir(at) {
			return true
		}
	}
}

// make runs an operation that gives a writable file.
func (g *guard) make(name string, op func() (vfs.File, error)) (vfs.File, error) {
	if g.outside(name) {
		return op()
	}
	var f vfs.File
	err := g.change(func() (err error) {
		f, err = op()
		return err
	})
	if err != nil {
		return nil, err
	}
	return &guardedFile{File: f, g: g, name: g.PathBase(name)}, nil
}

// Create implements vfs.FS.
func (g *guard) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return g.make(name, func() (vfs.File, error) { return g.FS.Create(name, c) })
}

// OpenReadWrite implements vfs.FS.
func (g *guard) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return g.make(name, func() (vfs.File, error) { return g.FS.OpenReadWrite(name, c, opts...) })
}

// ReuseForWrite implements vfs.FS.
func (g *guard) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return g.make(newname, func() (vfs.File, error) { return g.FS.ReuseForWrite(oldname, newname, c) })
}

// OpenDir implements vfs.FS; directories are opened to be synced.
func (g *guard) OpenDir(name string) (vfs.File, error) {
	return g.make(name, func() (vfs.File, error) { return g.FS.OpenDir(name) })
}

// Link implements vfs.FS.
func (g *guard) Link(oldname, newname string) error {
	if g.outside(newname) {
		return g.FS.Link(oldname, newname)
	}
	return g.change(func() error { return g.FS.Link(oldname, newname) })
}

// Rename implements vfs.FS.
func (g *guard) Rename(oldname, newname string) error {
	if g.outside(newname) {
		return g.FS.Rename(oldname, newname)
	}
	return g.change(func() error { return g.FS.Rename(oldname, newname) })
}

// MkdirAll implements vfs.FS.
func (g *guard) MkdirAll(dir string, perm os.FileMode) error {
	if g.outside(dir) {
		return g.FS.MkdirAll(dir, perm)
	}
	return g.change(func() error { return g.FS.MkdirAll(dir, perm) })
}

// Remove implements vfs.FS. Pebble tolerates its failure.
func (g *guard) Remove(name string) error {
	select {
	case <-g.ended:
		return errGone
	default:
		return g.FS.Remove(name)
	}
}

// RemoveAll implements vfs.FS.
func (g *guard) RemoveAll(name string) error {
	select {
	case <-g.ended:
		return errGone
	default:
		return g.FS.RemoveAll(name)
	}
}

// Lock implements vfs.FS. The driver holds the lock, so there is nothing to take.
func (g *guard) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

// Unwrap implements vfs.FS.
func (g *guard) Unwrap() vfs.FS { return g.FS }
