// Package durable makes changes of directories survive a crash.
//
// A file that was synced can still be lost with its name: names live in the directory, and the directory is synced by
// itself. The package owns nothing, is called by the storage engines that keep files, and fails with the errors of the
// file system.
package durable

import (
	"errors"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// MakeDir makes a directory and the missing ones above it, and returns when their names are on the disk.
func MakeDir(fs vfs.FS, dir string) error {
	var made []string
	for at := dir; at != fs.PathDir(at); at = fs.PathDir(at) {
		_, err := fs.Stat(at)
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrNotExist) {
			return err
		}
		made = append(made, at)
	}
	if err := fs.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, at := range made {
		if err := SyncDir(fs, fs.PathDir(at)); err != nil {
			return err
		}
	}
	return nil
}

// SyncDir returns when all changes of names in the directory are on the disk.
func SyncDir(fs vfs.FS, dir string) error {
	f, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
