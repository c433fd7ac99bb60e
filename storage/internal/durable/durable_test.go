package durable_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/barrage-live/barrage/storage/internal/durable"
)

func TestRefusal(t *testing.T) {
	for errno, want := range map[syscall.Errno]error{
		syscall.ENOSPC: durable.ErrFull, syscall.EDQUOT: durable.ErrFull, syscall.EIO: durable.ErrFailed, syscall.EROFS: durable.ErrFailed,
	} {
		err := durable.Refusal(fmt.Errorf("write: %w", errno))
		if !errors.Is(err, want) || !errors.Is(err, errno) {
			t.Errorf("%v became %v, want %v", errno, err, want)
		}
	}
}

func TestLock(t *testing.T) {
	for name, c := range map[string]struct {
		fs   vfs.FS
		path string
	}{"disk": {vfs.Default, filepath.Join(t.TempDir(), "LOCK")}, "memory": {vfs.NewMem(), "/LOCK"}} {
		lock, err := durable.Lock(c.fs, c.path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := durable.Lock(c.fs, c.path); !errors.Is(err, durable.ErrLocked) {
			t.Errorf("%s: the second lock: %v, want ErrLocked", name, err)
		}
		if err := lock.Close(); err != nil {
			t.Error(err)
		}
		again, err := durable.Lock(c.fs, c.path)
		if err != nil {
			t.Errorf("%s: after the first was closed: %v", name, err)
			continue
		}
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := durable.Lock(vfs.Default, filepath.Join(t.TempDir(), "missing", "LOCK")); !errors.Is(err, durable.ErrFailed) {
		t.Errorf("a lock where there is no directory: %v, want ErrFailed", err)
	}
}
