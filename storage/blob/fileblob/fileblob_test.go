package fileblob_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
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
	"github.com/barrage-live/barrage/storage/internal/durable"
)

// memory is a harness on a file system that can lose power, flip bits and be full.
type memory struct {
	fs   *vfs.MemFS
	room *atomic.Int64 // bytes that the disk takes; negative: any number
}

func newMemory() *memory {
	m := &memory{vfs.NewCrashableMem(), new(atomic.Int64)}
	m.room.Store(-1)
	return m
}

// Open implements blobtest.Harness.
func (m *memory) Open() (driver.Driver, error) {
	return fileblob.Open(fileblob.Config{Dir: "/srv/blobs", FS: filling{m.fs, m.room}})
}

// Close implements blobtest.Harness.
func (m *memory) Close() error { return nil }

// Crash implements blobtest.Crasher.
func (m *memory) Crash(rng *rand.Rand) {
	m.fs = m.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
}

// Bytes implements blobtest.Damager.
func (m *memory) Bytes(key string) (int, error) {
	stat, err := m.fs.Stat("/srv/blobs/objects/" + key)
	if err != nil {
		return 0, err
	}
	return int(stat.Size()), nil
}

// Flip implements blobtest.Damager.
func (m *memory) Flip(key string, at int, bit uint8) error {
	f, err := m.fs.OpenReadWrite("/srv/blobs/objects/"+key, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	b := make([]byte, 1)
	_, err = f.ReadAt(b, int64(at))
	b[0] ^= 1 << bit
	if err == nil {
		_, err = f.WriteAt(b, int64(at))
	}
	return errors.Join(err, f.Close())
}

// Fill implements blobtest.Filler.
func (m *memory) Fill(n int) { m.room.Store(int64(n)) }

// Leftovers implements blobtest.Filler.
func (m *memory) Leftovers() int {
	names, err := m.fs.List("/srv/blobs/tmp")
	if err != nil {
		return -1
	}
	return len(names)
}

// filling is a file system on a disk with so much room.
type filling struct {
	vfs.FS
	room *atomic.Int64
}

// Create implements vfs.FS.
func (f filling) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, c)
	return fillingFile{file, f.room}, err
}

// OpenReadWrite implements vfs.FS.
func (f filling) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	file, err := f.FS.OpenReadWrite(name, c, o...)
	return fillingFile{file, f.room}, err
}

type fillingFile struct {
	vfs.File
	room *atomic.Int64
}

// Write implements io.Writer: what fits is written.
func (f fillingFile) Write(b []byte) (int, error) { return f.fits(b, f.File.Write) }

// WriteAt implements io.WriterAt.
func (f fillingFile) WriteAt(b []byte, at int64) (int, error) {
	return f.fits(b, func(b []byte) (int, error) { return f.File.WriteAt(b, at) })
}

func (f fillingFile) fits(b []byte, write func([]byte) (int, error)) (int, error) {
	room := f.room.Load()
	if room < 0 || int64(len(b)) <= room {
		if room >= 0 {
			f.room.Add(-int64(len(b)))
		}
		return write(b)
	}
	f.room.Store(0)
	n, err := write(b[:room])
	return n, errors.Join(err, syscall.ENOSPC)
}

// disk is a harness on the real disk.
type disk struct{ dir string }

// Open implements blobtest.Harness.
func (d disk) Open() (driver.Driver, error) { return fileblob.Open(fileblob.Config{Dir: d.dir}) }

// Close implements blobtest.Harness.
func (d disk) Close() error { return nil }

func TestConformanceInMemory(t *testing.T) {
	blobtest.Run(t, func(*testing.T) blobtest.Harness { return newMemory() })
}

func TestConformanceOnDisk(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blobtest.Harness { t.Helper(); return disk{t.TempDir()} })
}

// small is a file system that says how much room it has.
type small struct {
	vfs.FS
	room uint64
}

// GetDiskUsage implements vfs.FS.
func (s *small) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: s.room}, nil
}

// TestReserve puts objects on a disk that is almost full: they must leave to the tables what those need to
// go on.
func TestReserve(t *testing.T) {
	fs := &small{vfs.NewMem(), 129 << 20}
	d, err := fileblob.Open(fileblob.Config{Dir: "/b", FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	s := blob.New(d)
	put := func(key, code string) {
		t.Helper()
		if _, err := s.Put(t.Context(), key, strings.NewReader("x"), blob.PutOptions{Size: 1}); fault.CodeOf(err) != code {
			t.Errorf("put with %d MiB left: %v, want %q", fs.room>>20, err, code)
		}
	}
	put("x/a.x", "")
	fs.room = 127 << 20
	put("x/b.x", "storage_full")
	if _, err := s.ReadRange(t.Context(), "x/a.x", 0, 10); err != nil {
		t.Errorf("a read on an almost full disk: %v", err)
	}
	fs.room = 129 << 20
	put("x/b.x", "")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestDirectoryIsLocked(t *testing.T) {
	for name, cfg := range map[string]fileblob.Config{
		"disk": {Dir: t.TempDir()}, "memory": {Dir: "/b", FS: vfs.NewMem()},
	} {
		d, err := fileblob.Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fileblob.Open(cfg); !errors.Is(err, durable.ErrLocked) {
			t.Errorf("%s: second open: %v, want ErrLocked", name, err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

// faulty is a store on a disk of which one write operation, counted from arming, fails.
type faulty struct {
	*blob.Store
	fs        *vfs.MemFS
	countdown atomic.Int64
	failed    errorfs.OpKind
}

func openFaulty(t *testing.T, errno error) *faulty {
	t.Helper()
	f := &faulty{fs: vfs.NewCrashableMem()}
	fs := errorfs.Wrap(f.fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && f.countdown.Add(-1) == 0 {
			f.failed = op.Kind
			return errno
		}
		return nil
	}))
	d, err := fileblob.Open(fileblob.Config{Dir: "/b", FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	f.Store = blob.New(d)
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// put puts an object while the n-th write operation fails; zero is none.
func (f *faulty) put(t *testing.T, n int64, key, content string) error {
	t.Helper()
	f.countdown.Store(n)
	defer f.countdown.Store(0)
	_, err := f.Put(t.Context(), key, strings.NewReader(content), blob.PutOptions{Size: int64(len(content))})
	return err
}

// crashed is what a machine finds that loses power now.
func (f *faulty) crashed(t *testing.T) *blob.Store {
	t.Helper()
	d, err := fileblob.Open(fileblob.Config{Dir: "/b", FS: f.fs.CrashClone(vfs.CrashCloneCfg{})})
	if err != nil {
		t.Fatal(err)
	}
	s := blob.New(d)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestPutOnAFailingDisk fails every operation of a Put once, in turn. What is answered must be true: a
// refusal has done nothing, an unknown outcome may have, and the same Put afterwards succeeds and lasts.
func TestPutOnAFailingDisk(t *testing.T) {
	for _, c := range []struct {
		errno syscall.Errno
		code  string
	}{{syscall.ENOSPC, "storage_full"}, {syscall.EDQUOT, "storage_full"}, {syscall.EIO, "storage_failed"}, {syscall.EROFS, "storage_failed"}} {
		f := openFaulty(t, c.errno)
		refused, unknown := 0, 0
		for n := int64(1); n < 40; n++ {
			key := fmt.Sprintf("dir-%d/x.x", n)
			err := f.put(t, n, key, "content")
			if err == nil {
				break
			}
			what := fmt.Sprintf("%v at operation %d, %v", c.errno, n, f.failed)
			got, readErr := f.ReadRange(t.Context(), key, 0, 100)
			switch {
			case !errors.Is(err, c.errno):
				t.Errorf("%s: %v hides the cause", what, err)
			case errors.Is(err, blob.ErrUnknown):
				if unknown++; readErr == nil && string(got) != "content" {
					t.Errorf("%s left %q", what, got)
				}
			case fault.KindOf(err) != fault.Unavailable || fault.CodeOf(err) != c.code:
				t.Errorf("%s: %v, want %s", what, err, c.code)
			default:
				if refused++; !errors.Is(readErr, blob.ErrNoObject) {
					t.Errorf("%s was refused with %v, and there is %q, %v", what, err, got, readErr)
				}
			}
			if err := f.put(t, 0, key, "content"); err != nil {
				t.Errorf("%s, the same again: %v", what, err)
			}
			if got, err := f.crashed(t).ReadRange(t.Context(), key, 0, 100); err != nil || string(got) != "content" {
				t.Errorf("%s, the same again, power lost: %q, %v", what, got, err)
			}
			if err := f.put(t, 0, key, "other"); !errors.Is(err, blob.ErrExists) {
				t.Errorf("%s, another content: %v", what, err)
			}
		}
		if refused < 5 || unknown < 1 {
			t.Errorf("%v: %d operations were refused, of %d the outcome was unknown", c.errno, refused, unknown)
		}
		if names, err := f.fs.List("/b/tmp"); err != nil || len(names) != 0 {
			t.Errorf("%v: failed puts left %q, %v", c.errno, names, err)
		}
	}
}

// TestDeleteOnAFailingDisk fails every operation of a Delete and of a DeletePrefix once, in turn, and
// repeats them.
func TestDeleteOnAFailingDisk(t *testing.T) {
	for what, remove := range map[string]func(f *faulty, dir string) error{
		"delete": func(f *faulty, dir string) error {
			return errors.Join(f.Delete(t.Context(), dir+"a.x"), f.Delete(t.Context(), dir+"b.x"))
		},
		"prefix": func(f *faulty, dir string) error { _, err := f.DeletePrefix(t.Context(), dir); return err },
	} {
		t.Run(what, func(t *testing.T) {
			f := openFaulty(t, syscall.EIO)
			failures := 0
			for n := int64(1); n < 40; n++ {
				dir := fmt.Sprintf("dir-%d/", n)
				for _, name := range []string{"a.x", "b.x"} {
					if err := f.put(t, 0, dir+name, "content"); err != nil {
						t.Fatal(err)
					}
				}
				f.countdown.Store(n)
				err := remove(f, dir)
				f.countdown.Store(0)
				if err != nil {
					failures++
					if !errors.Is(err, blob.ErrUnknown) || !errors.Is(err, syscall.EIO) {
						t.Errorf("EIO at operation %d, %v: %v, want ErrUnknown", n, f.failed, err)
					}
				}
				if err := remove(f, dir); err != nil {
					t.Errorf("again: %v", err)
				}
				for info, err := range f.crashed(t).List(t.Context(), dir, "") {
					t.Errorf("EIO at operation %d, %v, the same again, power lost: %q is back, %v", n, f.failed, info.Key, err)
				}
			}
			if failures < 3 {
				t.Errorf("only %d operations failed", failures)
			}
		})
	}
}

// TestListReadsADirectoryOnce counts what the file system is asked, of which reading and sorting a
// directory is dear.
func TestListReadsADirectoryOnce(t *testing.T) {
	var lists, syncs atomic.Int64
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpList {
			lists.Add(1)
		} else if op.Kind == errorfs.OpFileSync {
			syncs.Add(1)
		}
		return nil
	}))
	d, err := fileblob.Open(fileblob.Config{Dir: "/b", FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	s := blob.New(d)
	const objects = 3000
	for i := range objects {
		if _, err := s.Put(t.Context(), fmt.Sprintf("live/%d/%d.m4s", i%2, i), bytes.NewReader(nil), blob.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for _, err := range s.List(t.Context(), "live/", "") {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != objects || lists.Load() != 4 {
		t.Errorf("listing %d objects read directories %d times, want 4: the root, live and two in it", n, lists.Load())
	}
	lists.Store(0)
	syncs.Store(0)
	if n, err := s.DeletePrefix(t.Context(), "live/"); err != nil || n != objects {
		t.Errorf("removed %d, %v", n, err)
	}
	if lists.Load() != 4 || syncs.Load() > 2+objects/1000 {
		t.Errorf("removing %d objects read directories %d times and synced %d times", n, lists.Load(), syncs.Load())
	}
	if names, err := fs.List("/b/objects"); err != nil || len(names) != 0 {
		t.Errorf("left over: %q, %v", names, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestForeignFilesAreLeftAlone puts into the directory what is no object.
func TestForeignFilesAreLeftAlone(t *testing.T) {
	fs := vfs.NewMem()
	for _, dir := range []string{"/b/objects/lost+found", "/b/objects/a/with.dot/c", "/b/objects/UPPER"} {
		if err := fs.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"/b/objects/no-dot", "/b/objects/.hidden", "/b/objects/a/README.md", "/b/objects/UPPER/x.x", "/b/objects/a/x.x~"} {
		f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	d, err := fileblob.Open(fileblob.Config{Dir: "/b", FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	s := blob.New(d)
	if _, err := s.Put(t.Context(), "a/x.x", strings.NewReader("x"), blob.PutOptions{Size: 1}); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for info, err := range s.List(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, info.Key)
	}
	if fmt.Sprint(keys) != "[a/x.x]" {
		t.Errorf("listed %q", keys)
	}
	if n, err := s.DeletePrefix(t.Context(), "a/"); err != nil || n != 1 {
		t.Errorf("removed %d, %v", n, err)
	}
	if names, err := fs.List("/b/objects/a"); err != nil || len(names) != 3 {
		t.Errorf("what is not ours was touched: %q, %v", names, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestFolderInTheWay puts an object where a folder with something in it lies.
func TestFolderInTheWay(t *testing.T) {
	dir := t.TempDir()
	inTheWay := filepath.Join(dir, "objects", "a", "x.x", "something")
	if err := os.MkdirAll(inTheWay, 0o755); err != nil {
		t.Fatal(err)
	}
	d, err := fileblob.Open(fileblob.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	s := blob.New(d)
	put := func() error {
		_, err := s.Put(t.Context(), "a/x.x", strings.NewReader("x"), blob.PutOptions{Size: 1})
		return err
	}
	if err := put(); fault.CodeOf(err) != "storage_failed" {
		t.Errorf("put: %v, want storage_failed", err)
	}
	if _, err := s.Open(t.Context(), "a/x.x"); fault.CodeOf(err) != "storage_failed" {
		t.Errorf("open: %v, want storage_failed", err)
	}
	if err := os.RemoveAll(filepath.Dir(inTheWay)); err != nil {
		t.Fatal(err)
	}
	if err := put(); err != nil {
		t.Errorf("when the way is free: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
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

func BenchmarkPut(b *testing.B) {
	d, err := fileblob.Open(fileblob.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	segment := make([]byte, 640<<10)
	b.SetBytes(int64(len(segment)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Put(b.Context(), "a.x", bytes.NewReader(segment), blob.PutOptions{Size: int64(len(segment))}); err != nil {
			b.Fatal(err)
		}
		if err := d.Delete(b.Context(), "a.x"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	d, err := fileblob.Open(fileblob.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	segment := make([]byte, 640<<10)
	if _, err := d.Put(b.Context(), "a.x", bytes.NewReader(segment), blob.PutOptions{Size: int64(len(segment))}); err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 32<<10)
	b.SetBytes(int64(len(segment)))
	b.ReportAllocs()
	for b.Loop() {
		o, _, err := d.Open(b.Context(), "a.x")
		if err != nil {
			b.Fatal(err)
		}
		for n := 0; n < len(segment); {
			m, err := o.Read(buf)
			if err != nil {
				b.Fatal(err)
			}
			n += m
		}
		if err := o.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
