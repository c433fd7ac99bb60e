// Package fileblob is the embedded object engine: package blob on files.
//
// It owns one directory, locked against other processes, and no goroutine. It is used through blob.New; nothing else
// calls it.
//
//	LOCK             held while open
//	tmp/             objects being written; emptied by Open, so a crash leaves nothing behind
//	objects/a+/b+/c  the object "a/b/c": directories end in '+', which no key contains, so "a" and "a/b" can both exist
//
// Put writes to tmp, syncs the file, renames it to its place and syncs the directory: an object is visible whole or not
// at all, before and after a crash. Delete syncs the directory too.
//
// It fails with fault.Unavailable: "storage_full", "storage_failed", and ErrLocked. The file system is reached through
// Pebble's vfs, because that is the seam by which tests take away the power and the space.
package fileblob

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/blob/driver"
	"github.com/barrage-live/barrage/storage/internal/durable"
)

const (
	tmpDir    = "tmp"
	objectDir = "objects"
	dirMark   = "+"
	dirPerm   = 0o755
	copyBytes = 256 << 10
)

// ErrLocked says that another process, or another driver of this process, holds the directory.
var ErrLocked = fault.New(fault.Unavailable, "storage_locked", "the blob directory is in use by another process")

// Config says where the objects live. Only Dir is required.
type Config struct {
	// Dir is the directory; it is made if it does not exist.
	Dir string
	// FS is where Dir lives; nil is the operating system's.
	FS vfs.FS
}

// Driver is the engine behind a blob.Store.
type Driver struct {
	fs   vfs.FS
	dir  string
	lock io.Closer
	next atomic.Uint64 // names in tmp
	tree struct {
		sync.Mutex                     // held while directories are made, filled and removed
		durable    map[string]struct{} // directories whose names are known to be on the disk
	}
}

var (
	_ driver.Driver = (*Driver)(nil)
	_ io.Closer     = (*Driver)(nil)
)

// Open opens a directory of objects and removes what a crash left half written.
func Open(cfg Config) (*Driver, error) {
	if cfg.Dir == "" {
		return nil, fault.New(fault.Invalid, "bad_config", "a directory is required")
	}
	if cfg.FS == nil {
		cfg.FS = vfs.Default
	}
	d := &Driver{fs: cfg.FS, dir: cfg.Dir}
	d.tree.durable = make(map[string]struct{})
	if err := durable.MakeDir(d.fs, d.dir); err != nil {
		return nil, failed(err)
	}
	lock, err := d.fs.Lock(d.path("LOCK"))
	if err != nil {
		if errors.Is(err, syscall.EAGAIN) || strings.Contains(err.Error(), "lock held by current process") {
			return nil, ErrLocked
		}
		return nil, failed(err)
	}
	d.lock = lock
	if err := errors.Join(d.fs.RemoveAll(d.path(tmpDir)), d.makeDirs(d.path(tmpDir)), d.makeDirs(d.path(objectDir))); err != nil {
		return nil, errors.Join(failed(err), lock.Close())
	}
	return d, nil
}

// Close frees the directory.
func (d *Driver) Close() error { return d.lock.Close() }

// Put implements driver.Driver.
func (d *Driver) Put(ctx context.Context, key string, r io.Reader) (blob.Info, error) {
	if err := ctx.Err(); err != nil {
		return blob.Info{}, fault.From(err)
	}
	tmp := d.path(tmpDir, strconv.FormatUint(d.next.Add(1), 36))
	info, err := d.fill(tmp, r)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = d.place(tmp, key)
	}
	if err != nil {
		_ = d.fs.Remove(tmp) // if this fails too, the next Open removes it
		return blob.Info{}, failed(err)
	}
	info.Key = key
	return info, nil
}

// fill writes and syncs a new file.
func (d *Driver) fill(name string, r io.Reader) (blob.Info, error) {
	f, err := d.fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return blob.Info{}, err
	}
	size, err := copyTo(f, r)
	if err == nil {
		err = f.Sync()
	}
	var stat vfs.FileInfo
	if err == nil {
		stat, err = f.Stat()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return blob.Info{}, err
	}
	return blob.Info{Size: size, ModTime: stat.ModTime()}, nil
}

// copyTo copies in pieces of our own, because a vfs.File may scribble on what it is given to write.
func copyTo(f vfs.File, r io.Reader) (size int64, err error) {
	buf := make([]byte, copyBytes)
	for {
		n, err := io.ReadFull(r, buf)
		if n > 0 {
			if _, werr := f.Write(buf[:n]); werr != nil {
				return size, werr
			}
			size += int64(n)
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return size, nil
		case err != nil:
			return size, sourceError{err}
		}
	}
}

// sourceError is a failure of the reader given to Put, not of the disk.
type sourceError struct{ error }

// Unwrap gives the reader's error.
func (s sourceError) Unwrap() error { return s.error }

// place gives a finished file its key.
func (d *Driver) place(tmp, key string) error {
	target := d.object(key)
	parent := d.fs.PathDir(target)
	if err := d.move(tmp, target, parent); err != nil {
		return err
	}
	if err := durable.SyncDir(d.fs, parent); err != nil && !errors.Is(err, os.ErrNotExist) { // it may be deleted again by now
		return err
	}
	return nil
}

// move renames into a directory that is made, and durable, and not tidied away meanwhile.
func (d *Driver) move(tmp, target, parent string) error {
	d.tree.Lock()
	defer d.tree.Unlock()
	if err := d.makeDirs(parent); err != nil {
		return err
	}
	return d.fs.Rename(tmp, target)
}

// Open implements driver.Driver.
func (d *Driver) Open(ctx context.Context, key string) (io.ReadSeekCloser, blob.Info, error) {
	if err := ctx.Err(); err != nil {
		return nil, blob.Info{}, fault.From(err)
	}
	f, err := d.fs.Open(d.object(key))
	if err != nil {
		return nil, blob.Info{}, failed(err)
	}
	stat, err := f.Stat()
	if err != nil {
		return nil, blob.Info{}, failed(errors.Join(err, f.Close()))
	}
	info := blob.Info{Key: key, Size: stat.Size(), ModTime: stat.ModTime()}
	return &object{io.NewSectionReader(f, 0, info.Size), f}, info, nil
}

// object reads an open file.
type object struct {
	*io.SectionReader
	io.Closer
}

// Stat implements driver.Driver.
func (d *Driver) Stat(ctx context.Context, key string) (blob.Info, error) {
	if err := ctx.Err(); err != nil {
		return blob.Info{}, fault.From(err)
	}
	stat, err := d.fs.Stat(d.object(key))
	if err != nil {
		return blob.Info{}, failed(err)
	}
	return blob.Info{Key: key, Size: stat.Size(), ModTime: stat.ModTime()}, nil
}

// Delete implements driver.Driver. It tidies directories that became empty.
func (d *Driver) Delete(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	name := d.object(key)
	if err := d.fs.Remove(name); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return failed(err)
	}
	parent := d.fs.PathDir(name)
	if err := durable.SyncDir(d.fs, parent); err != nil && !errors.Is(err, os.ErrNotExist) {
		return failed(err)
	}
	d.tidy(parent)
	return nil
}

// failed classifies an error of the file system.
func failed(err error) error {
	var source sourceError
	switch {
	case errors.As(err, &source):
		if _, known := errors.AsType[*fault.Error](err); known {
			return err
		}
		return fault.Wrap(fault.Invalid, "source_failed", "what was to be stored could not be read", source.error)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fault.From(err)
	case errors.Is(err, os.ErrNotExist):
		return blob.ErrNoObject
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.Wrap(fault.Unavailable, "storage_full", "the disk is full", err).After(time.Second)
	}
	return fault.Wrap(fault.Unavailable, "storage_failed", "the disk failed", err).After(time.Second)
}
