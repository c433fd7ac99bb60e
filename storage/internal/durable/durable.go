// Package durable is what storage engines that keep files share: directories whose changes survive a crash,
// the lock on a directory, and the words with which the disk refuses.
//
// A file that was synced can still be lost with its name: names live in the directory, and the directory is
// synced by itself. The package owns nothing and is called by the engines that keep files. MakeDir and
// SyncDir fail with the errors of the file system, which Refusal turns into what leaves an engine; Lock
// fails with refusals.
package durable

import (
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/barrage-live/barrage/internal/fault"
)

// The refusals of a disk. Compare with errors.Is; what an engine returns carries the cause.
var (
	// ErrLocked: another process, or another engine of this process, holds the directory.
	ErrLocked = fault.New(fault.Unavailable, "storage_locked", "the directory is in use by another process")
	// ErrFull: the disk, or the quota on it, is full; nothing was done.
	ErrFull = fault.New(fault.Unavailable, "storage_full", "the disk is full").After(time.Second)
	// ErrFailed: the disk failed; nothing was done.
	ErrFailed = fault.New(fault.Unavailable, "storage_failed", "the disk failed").After(time.Second)
	// ErrNewer: the data are sound, and of a format that this version does not know.
	ErrNewer = fault.New(fault.Unavailable, "storage_newer", "the data were written by a newer version")
)

// Refusal is ErrFull or ErrFailed with its cause, by what the file system said.
func Refusal(cause error) error {
	of := ErrFailed
	if Full(cause) {
		of = ErrFull
	}
	return fault.Wrap(of.Kind, of.Code, of.Message, cause).After(of.RetryAfter)
}

// Full reports whether the file system refused for want of space.
func Full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// Scarce reports whether the disk of a directory has less room than so many bytes. A file system that does
// not tell has enough.
func Scarce(fs vfs.FS, dir string, reserve int64) bool {
	usage, err := fs.GetDiskUsage(dir)
	return err == nil && reserve > 0 && usage.AvailBytes < uint64(reserve)
}

// Lock takes the lock file of a directory, until it is closed or the process ends. It fails with ErrLocked,
// ErrFull or ErrFailed.
func Lock(fs vfs.FS, name string) (io.Closer, error) {
	lock, err := fs.Lock(name)
	switch {
	case err == nil:
		return lock, nil
	// The second is what vfs says of a lock that this process holds itself; it has no value to compare with.
	case errors.Is(err, syscall.EAGAIN), strings.Contains(err.Error(), "lock held by current process"):
		return nil, fault.Wrap(ErrLocked.Kind, ErrLocked.Code, ErrLocked.Message, err)
	}
	return nil, Refusal(err)
}

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
