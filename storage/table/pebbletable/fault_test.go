package pebbletable_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/pebbletable"
)

// sickDisk is a file system whose writes can be made to fail.
type sickDisk struct {
	vfs.FS
	errno atomic.Int64 // every chosen operation fails with it; zero is health
	only  func(errorfs.Op) bool
	hits  atomic.Int64
}

func newSickDisk(only func(errorfs.Op) bool) *sickDisk {
	d := &sickDisk{only: only}
	d.FS = errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if errno := d.errno.Load(); errno != 0 && d.only(op) {
			d.hits.Add(1)
			return syscall.Errno(errno)
		}
		return nil
	}))
	return d
}

func anyWrite(op errorfs.Op) bool { return op.Kind.ReadOrWrite() == errorfs.OpIsWrite }

func walOnly(kinds ...errorfs.OpKind) func(errorfs.Op) bool {
	return func(op errorfs.Op) bool {
		for _, k := range kinds {
			if op.Kind == k && filepath.Ext(op.Path) == ".log" {
				return true
			}
		}
		return false
	}
}

func openOn(t *testing.T, fs vfs.FS) *table.Store {
	t.Helper()
	d, err := pebbletable.Open(pebbletable.Config{Dir: "/tables", FS: fs, CacheBytes: 1 << 20, MemTableBytes: 16 << 20, MendEvery: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return table.New(d)
}

func plain() table.Table { return table.Plain("t") }

func put(ctx context.Context, s *table.Store, key string) error {
	_, err := s.Write(ctx, table.Batch{Table: plain(), Partition: "p", Ops: []table.Op{table.Put([]byte(key), []byte(key))}})
	return err
}

// TestDiskTrouble breaks the disk under load in many ways and lets it recover. The process must live, writes must be
// refused soon and with the right code, what was acknowledged must stay, and writes must be accepted again by
// themselves.
func TestDiskTrouble(t *testing.T) {
	for _, c := range []struct {
		name  string
		errno syscall.Errno
		only  func(errorfs.Op) bool
		code  string // empty: a new engine opens again and again and dies of its first write
	}{
		{"disk full", syscall.ENOSPC, anyWrite, "storage_full"},
		{"quota used up", syscall.EDQUOT, anyWrite, "storage_full"},
		{"everything fails", syscall.EIO, anyWrite, "storage_failed"},
		{"read-only", syscall.EROFS, anyWrite, "storage_failed"},
		{"log cannot be written", syscall.EIO, walOnly(errorfs.OpFileWrite), ""},
		{"log cannot be synced", syscall.EIO, walOnly(errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo), ""},
		{"log full", syscall.ENOSPC, walOnly(errorfs.OpFileWrite), "storage_full"},
	} {
		t.Run(c.name, func(t *testing.T) {
			disk := newSickDisk(c.only)
			s := openOn(t, disk)
			acked := map[string]bool{}
			for i := range 20 {
				key := fmt.Sprint("before", i)
				if err := put(t.Context(), s, key); err != nil {
					t.Fatal(err)
				}
				acked[key] = true
			}
			disk.errno.Store(int64(c.errno))
			trouble(t, s, c.code, acked)
			reads(t, s)
			disk.errno.Store(0)
			recovers(t, s, acked)
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			if disk.hits.Load() == 0 {
				t.Error("no operation failed; the test shows nothing")
			}
			again := openOn(t, disk.FS)
			have(t, again, acked)
			if err := again.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// patience is how long an answer or a recovery may take here: a bound on hanging, not a measure of speed.
const patience = 30 * time.Second

// trouble writes from many sides until the refusals are settled.
func trouble(t *testing.T, s *table.Store, code string, acked map[string]bool) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 20 {
				key := fmt.Sprintf("during%d.%d", w, i)
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				err := put(ctx, s, key)
				if ctx.Err() != nil {
					t.Errorf("no answer within %v", patience)
				}
				cancel()
				switch {
				case err == nil:
					mu.Lock()
					acked[key] = true
					mu.Unlock()
				case errors.Is(err, table.ErrUnknown):
				case fault.KindOf(err) != fault.Unavailable || code != "" && fault.CodeOf(err) != code:
					t.Errorf("refused with %v, want %s", err, code)
				}
			}
		})
	}
	wg.Wait()
	if code == "" {
		return
	}
	began := time.Now()
	if err := put(t.Context(), s, "refused"); fault.CodeOf(err) != code || fault.From(err).RetryAfter == 0 {
		t.Errorf("a write in the midst of it: %v, want %s with advice", err, code)
	}
	if err := s.Fence(t.Context(), table.Owned("o"), "other", position.Fence{Epoch: 1}); fault.CodeOf(err) != code {
		t.Errorf("a fence in the midst of it: %v, want %s", err, code)
	}
	if took := time.Since(began); took > 5*time.Second { // milliseconds, unless the machine itself stands still
		t.Errorf("the refusals took %v", took)
	}
}

// reads checks that a partition without writes in the air is served while the disk is in trouble.
func reads(t *testing.T, s *table.Store) {
	t.Helper()
	if rows, _, err := s.Scan(t.Context(), table.Range{Table: plain(), Partition: "quiet"}); err != nil || len(rows) != 0 {
		t.Errorf("a read in the midst of it: %d rows, %v", len(rows), err)
	}
}

// recovers waits until a write is accepted, and checks that nothing acknowledged is gone.
func recovers(t *testing.T, s *table.Store, acked map[string]bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		err := put(ctx, s, "after")
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("no write is accepted within %v after the disk works again: %v", patience, err)
		}
	}
	acked["after"] = true
	have(t, s, acked)
}

func have(t *testing.T, s *table.Store, acked map[string]bool) {
	t.Helper()
	for key := range acked {
		if row, err := s.Get(t.Context(), plain(), "p", []byte(key)); err != nil || string(row.Value) != key {
			t.Errorf("acknowledged %q: %q, %v", key, row.Value, err)
		}
	}
}

// TestFullDiskAtLogRotation fills the memtable while the disk takes no new files, which is where Pebble would panic
// while it holds its locks.
func TestFullDiskAtLogRotation(t *testing.T) {
	for name, errno := range map[string]syscall.Errno{"full": syscall.ENOSPC, "failed": syscall.EIO} {
		t.Run(name, func(t *testing.T) {
			disk := newSickDisk(func(op errorfs.Op) bool {
				return op.Kind == errorfs.OpCreate || op.Kind == errorfs.OpReuseForWrite
			})
			s := openOn(t, disk)
			disk.errno.Store(int64(errno))
			big := make([]byte, table.MaxValue/2)
			acked := map[string]bool{}
			var err error
			for i := 0; err == nil && i < 200; i++ {
				key := fmt.Sprint(i)
				_, err = s.Write(t.Context(), table.Batch{Table: plain(), Partition: "big", Ops: []table.Op{table.Put([]byte(key), big)}})
			}
			if err == nil {
				t.Fatal("the log was never rotated")
			}
			if !errors.Is(err, table.ErrUnknown) && fault.KindOf(err) != fault.Unavailable {
				t.Errorf("the write that rotates: %v", err)
			}
			disk.errno.Store(0)
			recovers(t, s, acked)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestCloseInTrouble closes while the disk is full: it must return, say why, and leave what was acknowledged.
func TestCloseInTrouble(t *testing.T) {
	for name, errno := range map[string]syscall.Errno{"full": syscall.ENOSPC, "failed": syscall.EIO} {
		t.Run(name, func(t *testing.T) {
			disk := newSickDisk(anyWrite)
			s := openOn(t, disk)
			acked := map[string]bool{"k": true}
			if err := put(t.Context(), s, "k"); err != nil {
				t.Fatal(err)
			}
			disk.errno.Store(int64(errno))
			if err := put(t.Context(), s, "lost"); err == nil {
				t.Fatal("a write to a broken disk succeeds")
			}
			if err := s.Close(); err == nil || fault.KindOf(err) != fault.Unavailable {
				t.Errorf("close: %v, want fault.Unavailable", err)
			}
			disk.errno.Store(0)
			again := openOn(t, disk)
			have(t, again, acked)
			if err := again.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestOpenRefusals opens what cannot be opened.
func TestOpenRefusals(t *testing.T) {
	full := newSickDisk(anyWrite)
	full.errno.Store(int64(syscall.ENOSPC))
	broken := newSickDisk(anyWrite)
	broken.errno.Store(int64(syscall.EIO))
	mem := vfs.NewMem()
	held := openOn(t, mem)
	dir := t.TempDir()
	heldOnDisk, err := pebbletable.Open(pebbletable.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		cfg  pebbletable.Config
		want string
	}{
		{"no directory", pebbletable.Config{}, "bad_config"},
		{"negative size", pebbletable.Config{Dir: "d", CacheBytes: -1}, "bad_config"},
		{"full disk", pebbletable.Config{Dir: "/tables", FS: full}, "storage_full"},
		{"broken disk", pebbletable.Config{Dir: "/tables", FS: broken}, "storage_failed"},
		{"held in memory", pebbletable.Config{Dir: "/tables", FS: mem}, "storage_locked"},
		{"held on disk", pebbletable.Config{Dir: dir}, "storage_locked"},
		{"a file in the way", pebbletable.Config{Dir: "/dev/null/tables"}, "storage_failed"},
	} {
		if _, err := pebbletable.Open(c.cfg); fault.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	if err := errors.Join(held.Close(), heldOnDisk.Close()); err != nil {
		t.Error(err)
	}
}

// TestReadFault fails reads of files.
func TestReadFault(t *testing.T) {
	disk := newSickDisk(func(op errorfs.Op) bool {
		return strings.HasSuffix(op.Path, ".sst") && op.Kind.ReadOrWrite() == errorfs.OpIsRead
	})
	s := openOn(t, disk)
	if err := put(t.Context(), s, "k"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openOn(t, disk) // recovery has written the row to a table file
	disk.errno.Store(int64(syscall.EIO))
	if _, err := s.Get(t.Context(), plain(), "p", []byte("k")); fault.CodeOf(err) != "storage_failed" {
		t.Errorf("get: %v, want storage_failed", err)
	}
	disk.errno.Store(0)
	have(t, s, map[string]bool{"k": true})
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
