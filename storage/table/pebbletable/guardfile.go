package pebbletable

import (
	"bytes"
	"hash/crc32"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// guardedFile is a writable file or a directory. Pebble writes manifests from front to back and uses none
// of them from two goroutines at once.
type guardedFile struct {
	vfs.File
	g    *guard
	name string
	all  sealed // what was written
}

// Write implements io.Writer; after a short write it goes on where the disk ran full.
func (f *guardedFile) Write(p []byte) (n int, err error) {
	if !strings.HasPrefix(f.name, manifestPrefix) {
		return f.write(p)
	}
	written := bytes.Clone(p) // a vfs.File may scribble on what it is given
	n, err = f.write(p)
	f.all.size += int64(n)
	f.all.sum = crc32.Update(f.all.sum, castagnoli, written[:n])
	return n, err
}

func (f *guardedFile) write(p []byte) (n int, err error) {
	err = f.g.change(func() error {
		m, err := f.File.Write(p[n:])
		n += m
		return err
	})
	return n, err
}

// WriteAt implements io.WriterAt.
func (f *guardedFile) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.g.change(func() error {
		m, err := f.File.WriteAt(p[n:], off+int64(n))
		n += m
		return err
	})
	return n, err
}

// Sync implements vfs.File. A manifest is sealed up to here before anyone relies on it.
func (f *guardedFile) Sync() error {
	if err := f.g.settle(f.File.Sync); err != nil || !strings.HasPrefix(f.name, manifestPrefix) {
		return err
	}
	return f.g.change(func() error { return f.g.seal.record(f.name, f.all) })
}

// SyncData implements vfs.File.
func (f *guardedFile) SyncData() error { return f.g.settle(f.File.SyncData) }

// SyncTo implements vfs.File.
func (f *guardedFile) SyncTo(length int64) (full bool, err error) {
	err = f.g.settle(func() (err error) {
		full, err = f.File.SyncTo(length)
		return err
	})
	return full, err
}

// Stat implements vfs.File.
func (f *guardedFile) Stat() (info vfs.FileInfo, err error) {
	err = f.g.settle(func() (err error) {
		info, err = f.File.Stat()
		return err
	})
	return info, err
}

// Close implements io.Closer.
func (f *guardedFile) Close() error { return f.g.settle(f.File.Close) }
