package fileblob

import (
	"context"
	"errors"
	"iter"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/internal/durable"
)

// maxDurable bounds what is remembered of directories.
const maxDurable = 4096

// tree is held while directories are made, filled and removed.
type tree struct {
	sync.Mutex
	durable map[string]struct{} // directories whose names are known to be on the disk
	// removed are directories out of which something was removed and that could not be synced since. Who
	// finds them without it must not take that for lasting, so they are synced before they are listed. The
	// number tells failures apart.
	removed  map[string]uint64
	failures uint64
	growing  map[string]*appender // those that are neither final nor left, by key
}

// path joins names below the directory.
func (d *Driver) path(names ...string) string {
	return d.fs.PathJoin(append([]string{d.dir}, names...)...)
}

// object is where an object lives.
func (d *Driver) object(key string) string { return d.path(objectDir, key) }

// makeDirs makes a directory and sees to it that its name, and those above up to the first that were there,
// are on the disk. A directory that exists may still be lost in a crash, so existence is not enough: each
// is synced once per life. Only Open may call it without holding d.tree.
func (d *Driver) makeDirs(dir string) error {
	var fresh []string
	for at := dir; at != d.dir; at = d.fs.PathDir(at) {
		if _, ok := d.tree.durable[at]; ok {
			break
		}
		fresh = append(fresh, at)
	}
	if len(fresh) == 0 {
		return nil
	}
	if err := d.fs.MkdirAll(dir, dirPerm); err != nil {
		return err
	}
	if len(d.tree.durable) > maxDurable {
		clear(d.tree.durable)
	}
	for _, at := range fresh {
		if err := durable.SyncDir(d.fs, d.fs.PathDir(at)); err != nil {
			return err
		}
		d.tree.durable[at] = struct{}{}
	}
	return nil
}

// move renames a file into a directory that is made, and durable, and not tidied away meanwhile.
func (d *Driver) move(tmp, target, parent string) error {
	d.tree.Lock()
	defer d.tree.Unlock()
	if err := d.makeDirs(parent); err != nil {
		return durable.Refusal(err)
	}
	switch err := d.fs.Rename(tmp, target); {
	case err == nil:
		return nil
	case durable.Full(err):
		return durable.Refusal(err)
	default:
		return unknown(err) // a journal may have it all the same
	}
}

// tidy removes a directory if it is empty, and those above it. Removing one that is not empty fails, which
// is cheaper than to look.
func (d *Driver) tidy(dir string) {
	d.tree.Lock()
	defer d.tree.Unlock()
	for root := d.path(objectDir); dir != root; dir = d.fs.PathDir(dir) {
		if d.fs.Remove(dir) != nil {
			return
		}
		delete(d.tree.durable, dir)
	}
}

// Delete implements driver.Driver.
func (d *Driver) Delete(ctx context.Context, key string) error {
	return d.DeleteMany(ctx, []string{key})
}

// DeleteMany implements driver.BulkDeleter. Directories are synced once, and removed where they became empty.
func (d *Driver) DeleteMany(ctx context.Context, keys []string) error {
	var parents []string
	var failed error
	for _, key := range keys {
		if err := ctx.Err(); err != nil {
			failed = fault.From(err)
			break
		}
		name := d.object(key)
		if parent := d.fs.PathDir(name); !slices.Contains(parents, parent) {
			parents = append(parents, parent)
		}
		if failed = d.remove(key, name); failed != nil {
			break
		}
	}
	for _, parent := range parents {
		// Also where nothing was removed: it may be the second try of one whose sync has failed.
		if err := d.settle(parent); err != nil {
			failed = err
			continue
		}
		d.tidy(parent)
	}
	return failed
}

func (d *Driver) remove(key, name string) error {
	lock := d.key(key)
	lock.Lock()
	defer lock.Unlock()
	if a := d.grower(key); a != nil {
		a.remove()
	}
	for _, name := range []string{name + growing, name} { // the final one last: it hides the other
		if err := d.fs.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return unknown(err)
		}
	}
	return nil
}

// settle makes removals from a directory durable, or remembers that they are not.
func (d *Driver) settle(dir string) error {
	_, before := d.unsettled(dir)
	err := durable.SyncDir(d.fs, dir)
	d.tree.Lock()
	defer d.tree.Unlock()
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		d.tree.failures++
		d.tree.removed[dir] = d.tree.failures
		return unknown(err)
	}
	if d.tree.removed[dir] == before { // else another has failed meanwhile, whose removals this sync may not have covered
		delete(d.tree.removed, dir)
	}
	return nil
}

// unsettled reports whether removals from a directory are not known to be durable, and the failure that
// left it so.
func (d *Driver) unsettled(dir string) (bool, uint64) {
	d.tree.Lock()
	defer d.tree.Unlock()
	failure, ok := d.tree.removed[dir]
	return ok, failure
}

// List implements driver.Driver. It reads each directory once, when it comes to it.
func (d *Driver) List(ctx context.Context, prefix, after string) iter.Seq2[blob.Info, error] {
	return func(yield func(blob.Info, error) bool) {
		w := &walk{d: d, ctx: ctx, prefix: prefix, after: after, yield: yield}
		w.dir("")
	}
}

// walk lists the tree in the order of keys, passing by what cannot hold any of the wanted. Its methods tell
// whether to go on.
type walk struct {
	d             *Driver
	ctx           context.Context //nolint:containedctx // lives as long as one List
	prefix, after string
	yield         func(blob.Info, error) bool
}

// fail gives an error, which is the last thing to be given.
func (w *walk) fail(err error) bool {
	w.yield(blob.Info{}, err)
	return false
}

// dir walks one directory; base is the part of the key before it, empty or ending in a slash.
func (w *walk) dir(base string) bool {
	if err := w.ctx.Err(); err != nil {
		return w.fail(fault.From(err))
	}
	dir := strings.TrimSuffix(w.d.object(base), "/")
	if found, _ := w.d.unsettled(dir); found {
		if err := w.d.settle(dir); err != nil {
			return w.fail(err)
		}
	}
	names, err := w.d.fs.List(dir)
	if err != nil {
		if stat, serr := w.d.fs.Stat(dir); errors.Is(serr, os.ErrNotExist) || serr == nil && !stat.IsDir() {
			return true // tidied away meanwhile, or nothing of ours
		}
		return w.fail(durable.Refusal(err))
	}
	// The name of a file has a dot and that of a directory has none. A slash belongs to the latter before
	// they are sorted.
	for i, name := range names {
		if !strings.Contains(name, ".") {
			names[i] = name + "/"
		}
		names[i] = strings.TrimSuffix(names[i], growing)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		key := base + name
		if strings.HasSuffix(name, "/") && !w.folder(key) || !strings.HasSuffix(name, "/") && !w.file(key) {
			return false
		}
	}
	return true
}

// folder walks a directory if it may hold what is wanted; key ends in a slash.
func (w *walk) folder(key string) bool {
	related := strings.HasPrefix(key, w.prefix) || strings.HasPrefix(w.prefix, key)
	ahead := key > w.after || strings.HasPrefix(w.after, key)
	if !related || !ahead || blob.CheckKey(key+"x.x") != nil {
		return true
	}
	return w.dir(key)
}

// file gives an object if it is wanted.
func (w *walk) file(key string) bool {
	if !strings.HasPrefix(key, w.prefix) || key <= w.after || blob.CheckKey(key) != nil {
		return true
	}
	if err := w.ctx.Err(); err != nil {
		return w.fail(fault.From(err))
	}
	stat, err := w.d.fs.Stat(w.d.object(key))
	switch {
	case errors.Is(err, os.ErrNotExist):
		info, err := w.d.stat(key)
		if errors.Is(err, blob.ErrNoObject) {
			return true // deleted meanwhile
		}
		info.ContentType = ""
		return w.yield(info, err) && err == nil
	case err != nil:
		return w.fail(durable.Refusal(err))
	case stat.IsDir():
		return true // nothing of ours
	}
	return w.yield(blob.Info{Key: key, Size: max(0, contentSize(stat.Size())), ModTime: stat.ModTime()}, nil)
}
