package fileblob_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/blob/blobtest"
	"github.com/barrage-live/barrage/storage/blob/driver"
	"github.com/barrage-live/barrage/storage/blob/fileblob"
)

// memory is a harness on a file system that can lose power.
type memory struct{ fs *vfs.MemFS }

// Open implements blobtest.Harness.
func (m *memory) Open() (driver.Driver, error) {
	return fileblob.Open(fileblob.Config{Dir: "/srv/blobs", FS: m.fs})
}

// Close implements blobtest.Harness.
func (m *memory) Close() error { return nil }

// Crash implements blobtest.Crasher.
func (m *memory) Crash(rng *rand.Rand) {
	m.fs = m.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
}

// disk is a harness on the real disk.
type disk struct{ dir string }

// Open implements blobtest.Harness.
func (d disk) Open() (driver.Driver, error) { return fileblob.Open(fileblob.Config{Dir: d.dir}) }

// Close implements blobtest.Harness.
func (d disk) Close() error { return nil }

func TestConformanceInMemory(t *testing.T) {
	blobtest.Run(t, func(*testing.T) blobtest.Harness { return &memory{vfs.NewCrashableMem()} })
}

func TestConformanceOnDisk(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blobtest.Harness { return disk{t.TempDir()} })
}

func TestDirectoryIsLocked(t *testing.T) {
	for name, cfg := range map[string]fileblob.Config{
		"disk": {Dir: t.TempDir()}, "memory": {Dir: "/b", FS: vfs.NewMem()},
	} {
		d, err := fileblob.Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fileblob.Open(cfg); !errors.Is(err, fileblob.ErrLocked) {
			t.Errorf("%s: second open: %v, want ErrLocked", name, err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestDiskFaults fails every file operation of a Put and of a Delete once, in turn.
func TestDiskFaults(t *testing.T) {
	for _, c := range []struct {
		errno syscall.Errno
		code  string
	}{{syscall.ENOSPC, "storage_full"}, {syscall.EIO, "storage_failed"}, {syscall.EROFS, "storage_failed"}} {
		mem := vfs.NewMem()
		var countdown atomic.Int64
		fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && countdown.Add(-1) == 0 {
				return c.errno
			}
			return nil
		}))
		d, err := fileblob.Open(fileblob.Config{Dir: "/b", FS: fs})
		if err != nil {
			t.Fatal(err)
		}
		s := blob.New(d)
		failures := 0
		for n := int64(1); n < 40; n++ {
			key := "dir/" + strings.Repeat("x", int(n))
			countdown.Store(n)
			_, err := s.Put(t.Context(), key, strings.NewReader("content"))
			countdown.Store(0)
			if err == nil {
				break
			}
			failures++
			if fault.KindOf(err) != fault.Unavailable || fault.CodeOf(err) != c.code || !errors.Is(err, c.errno) {
				t.Errorf("%v at operation %d: %v, want %s", c.errno, n, err, c.code)
			}
			if o, err := s.ReadRange(t.Context(), key, 0, 100); err == nil && string(o) != "content" {
				t.Errorf("%v at operation %d left %q", c.errno, n, o)
			}
			if _, err := s.Put(t.Context(), key, strings.NewReader("content")); err != nil {
				t.Errorf("after the fault: %v", err)
			}
		}
		if failures < 4 {
			t.Errorf("%v: only %d operations of a put failed", c.errno, failures)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if names, err := mem.List("/b/tmp"); err != nil || len(names) != 0 {
			t.Errorf("%v: failed puts left %q, %v", c.errno, names, err)
		}
	}
}

func TestOpenSweepsLeftovers(t *testing.T) {
	fs := vfs.NewMem()
	d, err := fileblob.Open(fileblob.Config{Dir: "/b", FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	f, err := fs.Create("/b/tmp/half", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Close(), d.Close()); err != nil {
		t.Fatal(err)
	}
	d, err = fileblob.Open(fileblob.Config{Dir: "/b", FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	if names, err := fs.List("/b/tmp"); err != nil || len(names) != 0 {
		t.Errorf("after open: %q, %v", names, err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}
