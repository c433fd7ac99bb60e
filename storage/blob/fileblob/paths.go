package fileblob

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/internal/durable"
)

// maxDurable bounds what is remembered of directories.
const maxDurable = 4096

// path joins names below the directory.
func (d *Driver) path(names ...string) string {
	return d.fs.PathJoin(append([]string{d.dir}, names...)...)
}

// object is where an object lives.
func (d *Driver) object(key string) string {
	return d.path(objectDir, strings.ReplaceAll(key, "/", dirMark+"/"))
}

// makeDirs makes a directory and sees to it that its name, and those above up to the first that were there, are on the
// disk. A directory that exists may still be lost in a crash, so existence is not enough: each is synced once per life.
// Only Open may call it without holding d.tree.
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

// tidy removes a directory that became empty, and those above it.
func (d *Driver) tidy(dir string) {
	d.tree.Lock()
	defer d.tree.Unlock()
	for root := d.path(objectDir); dir != root; dir = d.fs.PathDir(dir) {
		if names, err := d.fs.List(dir); err != nil || len(names) > 0 || d.fs.Remove(dir) != nil {
			return
		}
		delete(d.tree.durable, dir)
	}
}

// List implements driver.Driver.
func (d *Driver) List(ctx context.Context, prefix, after string, limit int) ([]blob.Info, error) {
	w := &walk{d: d, ctx: ctx, prefix: prefix, after: after, limit: limit}
	if err := w.dir(""); err != nil {
		return nil, failed(err)
	}
	return w.found, nil
}

// walk lists the tree in the order of keys, passing by what cannot hold any of the wanted.
type walk struct {
	d             *Driver
	ctx           context.Context //nolint:containedctx // lives as long as one List
	prefix, after string
	limit         int
	found         []blob.Info
}

// dir walks one directory; base is the part of the key before it, empty or ending in a slash.
func (w *walk) dir(base string) error {
	if err := w.ctx.Err(); err != nil {
		return fault.From(err)
	}
	names, err := w.d.fs.List(w.d.path(objectDir, strings.ReplaceAll(base, "/", dirMark+"/")))
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil // tidied away meanwhile
		}
		return err
	}
	// The mark sorts where the slash of a key does not, so put the slash in its place before sorting.
	for i, name := range names {
		if cut, ok := strings.CutSuffix(name, dirMark); ok {
			names[i] = cut + "/"
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if len(w.found) >= w.limit {
			return nil
		}
		if err := w.entry(base + name); err != nil {
			return err
		}
	}
	return nil
}

// entry walks a directory, if key ends in a slash, or takes an object.
func (w *walk) entry(key string) error {
	if strings.HasSuffix(key, "/") {
		related := strings.HasPrefix(key, w.prefix) || strings.HasPrefix(w.prefix, key)
		ahead := key > w.after || strings.HasPrefix(w.after, key)
		if !related || !ahead {
			return nil
		}
		return w.dir(key)
	}
	if !strings.HasPrefix(key, w.prefix) || key <= w.after {
		return nil
	}
	info, err := w.d.Stat(w.ctx, key)
	if errors.Is(err, blob.ErrNoObject) {
		return nil // deleted meanwhile
	}
	if err == nil {
		w.found = append(w.found, info)
	}
	return err
}
