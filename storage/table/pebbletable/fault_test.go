package pebbletable_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/prometheus/client_golang/prometheus"

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

func newSickDisk(mem *vfs.MemFS, only func(errorfs.Op) bool) *sickDisk {
	d := &sickDisk{only: only}
	d.FS = errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
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
	return table.New(openEngine(t, fs))
}

func openEngine(t *testing.T, fs vfs.FS) *pebbletable.Driver {
	t.Helper()
	d, err := pebbletable.Open(pebbletable.Config{Dir: "/tables", FS: fs, CacheBytes: 1 << 20, MemTableBytes: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func plain() table.Table { return table.Plain("t") }

func put(ctx context.Context, s *table.Store, key string) error {
	_, err := s.Write(ctx, table.Batch{Table: plain(), Partition: "p", Ops: []table.Op{table.Put([]byte(key), []byte(key))}})
	return err
}

// TestDiskTrouble breaks the disk under load in many ways. Writes must be refused soon and with the right
// code, and what was acknowledged must stay. After a full disk has room again writes must be accepted by
// themselves; after any other failure the engine must be dead for good and say so.
func TestDiskTrouble(t *testing.T) {
	for _, c := range []struct {
		name  string
		errno syscall.Errno
		only  func(errorfs.Op) bool
		code  string
	}{
		{"disk full", syscall.ENOSPC, anyWrite, "storage_full"},
		{"quota used up", syscall.EDQUOT, anyWrite, "storage_full"},
		{"log full", syscall.ENOSPC, walOnly(errorfs.OpFileWrite), "storage_full"},
		{"everything fails", syscall.EIO, anyWrite, "storage_failed"},
		{"read-only", syscall.EROFS, anyWrite, "storage_failed"},
		{"log cannot be written", syscall.EIO, walOnly(errorfs.OpFileWrite), "storage_failed"},
		{"log cannot be synced", syscall.EIO, walOnly(errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo), "storage_failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			mem := vfs.NewCrashableMem()
			disk := newSickDisk(mem, c.only)
			d := openEngine(t, disk)
			s := table.New(d)
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
			if c.code == "storage_full" {
				reads(t, s)
				disk.errno.Store(0)
				recovers(t, s, acked)
			} else {
				disk.errno.Store(0)
				isDead(t, d, s)
			}
			if disk.hits.Load() == 0 {
				t.Error("no operation failed; the test shows nothing")
			}
			again := openOn(t, afterPowerFailure(mem))
			have(t, again, acked)
			if err := again.Close(); err != nil {
				t.Error(err)
			}
			if err := s.Close(); (err == nil) != (c.code == "storage_full") {
				t.Errorf("close: %v", err)
			}
		})
	}
}

// afterPowerFailure is what another process would find if the machine lost its power now.
func afterPowerFailure(mem *vfs.MemFS) *vfs.MemFS {
	return mem.CrashClone(vfs.CrashCloneCfg{RNG: rand.New(rand.NewPCG(1, 1))})
}

// isDead checks that an engine is dead and stays so although the disk works again.
func isDead(t *testing.T, d *pebbletable.Driver, s *table.Store) {
	t.Helper()
	select {
	case err := <-d.Failed():
		if fault.CodeOf(err) != "storage_failed" {
			t.Errorf("died of %v", err)
		}
	case <-time.After(patience):
		t.Error("the engine does not say that it is dead")
	}
	if err := put(t.Context(), s, "after"); fault.CodeOf(err) != "storage_failed" {
		t.Errorf("a write to a dead engine: %v", err)
	}
	if _, err := s.Get(t.Context(), plain(), "p", []byte("before0")); fault.CodeOf(err) != "storage_failed" {
		t.Errorf("a read from a dead engine: %v", err)
	}
	if _, _, err := s.Walk(t.Context(), plain(), "", 0); fault.CodeOf(err) != "storage_failed" {
		t.Errorf("a walk over a dead engine: %v", err)
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
				case fault.KindOf(err) != fault.Unavailable || fault.CodeOf(err) != code:
					t.Errorf("refused with %v, want %s", err, code)
				}
			}
		})
	}
	wg.Wait()
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

// TestLogRotationInTrouble fills the memtable while the disk takes no new files, which is where Pebble
// would panic while it holds its locks.
func TestLogRotationInTrouble(t *testing.T) {
	for name, errno := range map[string]syscall.Errno{"full": syscall.ENOSPC, "failed": syscall.EIO} {
		t.Run(name, func(t *testing.T) {
			mem := vfs.NewCrashableMem()
			disk := newSickDisk(mem, func(op errorfs.Op) bool {
				return op.Kind == errorfs.OpCreate || op.Kind == errorfs.OpReuseForWrite
			})
			d := openEngine(t, disk)
			s := table.New(d)
			disk.errno.Store(int64(errno))
			big := make([]byte, table.MaxValue/2)
			acked := map[string]bool{}
			var err error
			for i := 0; err == nil && i < 200; i++ {
				_, err = s.Write(t.Context(), table.Batch{Table: plain(), Partition: "big", Ops: []table.Op{table.Put(fmt.Append(nil, i), big)}})
			}
			if err == nil {
				t.Fatal("the log was never rotated")
			}
			if !errors.Is(err, table.ErrUnknown) && fault.KindOf(err) != fault.Unavailable {
				t.Errorf("the write that rotates: %v", err)
			}
			disk.errno.Store(0)
			if errno == syscall.EIO {
				isDead(t, d, s)
				_ = s.Close()
				return
			}
			recovers(t, s, acked)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestCloseInTrouble closes while the disk is full or has failed: it must return, say why, leave what was
// acknowledged, and let nobody else of this process into the directory.
func TestCloseInTrouble(t *testing.T) {
	for name, errno := range map[string]syscall.Errno{"full": syscall.ENOSPC, "failed": syscall.EIO} {
		t.Run(name, func(t *testing.T) {
			mem := vfs.NewCrashableMem()
			disk := newSickDisk(mem, anyWrite)
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
			if _, err := pebbletable.Open(pebbletable.Config{Dir: "/tables", FS: disk}); !errors.Is(err, pebbletable.ErrLocked) {
				t.Errorf("open after a close that gave up: %v, want ErrLocked", err)
			}
			again := openOn(t, afterPowerFailure(mem))
			have(t, again, acked)
			if err := again.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// hangingDisk is a file system whose log syncs can be held up.
func hangingDisk(mem *vfs.MemFS) (fs vfs.FS, hang, free func()) {
	var held atomic.Pointer[chan struct{}]
	fs = errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if c := held.Load(); c != nil && walOnly(errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo)(op) {
			<-*c
		}
		return nil
	}))
	return fs, func() { c := make(chan struct{}); held.Store(&c) }, func() { close(*held.Swap(nil)) }
}

// gauge reads a gauge.
func gauge(t *testing.T, g prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("there is no %s", name)
	return 0
}

// TestDiskThatHangs holds a sync up: whoever writes after that is refused at once, the gauge tells, other
// rows are read, and all of it passes by itself.
func TestDiskThatHangs(t *testing.T) {
	fs, hang, free := hangingDisk(vfs.NewMem())
	reg := prometheus.NewRegistry()
	d, err := pebbletable.Open(pebbletable.Config{Dir: "/tables", FS: fs, CacheBytes: 1 << 20, MemTableBytes: 16 << 20, Metrics: pebbletable.NewMetrics(reg)})
	if err != nil {
		t.Fatal(err)
	}
	s := table.New(d)
	elsewhere := table.Batch{Table: plain(), Partition: "elsewhere", Ops: []table.Op{table.Put([]byte("k"), nil)}}
	if _, err := s.Write(t.Context(), elsewhere); err != nil {
		t.Fatal(err)
	}
	hang()
	flying := make(chan error, 1)
	go func() { flying <- put(t.Context(), s, "flying") }()
	oldest := func() float64 { return gauge(t, reg, "barrage_pebbletable_oldest_write_seconds") }
	for end := time.Now().Add(patience); oldest() <= 1; {
		if time.Now().After(end) {
			t.Fatal("the gauge does not tell of the write that hangs")
		}
		<-time.After(10 * time.Millisecond)
	}
	if down := gauge(t, reg, "barrage_pebbletable_down"); down != 1 {
		t.Errorf("the gauge of trouble is %v", down)
	}
	began := time.Now()
	for range 20 {
		if err := put(t.Context(), s, "refused"); fault.CodeOf(err) != "storage_stalled" || fault.KindOf(err) != fault.Unavailable || fault.From(err).RetryAfter == 0 {
			t.Errorf("a write while the disk hangs: %v", err)
		}
		if err := s.Fence(t.Context(), table.Owned("o"), "p", position.Fence{Epoch: 1}); fault.CodeOf(err) != "storage_stalled" {
			t.Errorf("a fence while the disk hangs: %v", err)
		}
		if _, err := s.Get(t.Context(), plain(), "elsewhere", []byte("k")); err != nil {
			t.Errorf("a read while the disk hangs: %v", err)
		}
		if _, err := s.Get(t.Context(), plain(), "p", []byte("flying")); fault.CodeOf(err) != "storage_stalled" {
			t.Errorf("a read of what is not yet on the disk: %v", err)
		}
	}
	if took := time.Since(began); took > 5*time.Second { // well under a millisecond each, unless the machine itself stands still
		t.Errorf("the refusals took %v", took)
	}
	free()
	if err := <-flying; err != nil {
		t.Errorf("the write that hung: %v", err)
	}
	have(t, s, map[string]bool{"flying": true})
	recovers(t, s, map[string]bool{})
	for end := time.Now().Add(patience); oldest() != 0; { // a write is answered a moment before it is forgotten
		if time.Now().After(end) {
			t.Fatal("the gauge tells of a write that was answered")
		}
		<-time.After(10 * time.Millisecond)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// smallDisk is a file system that says how much room it has.
type smallDisk struct {
	vfs.FS
	room atomic.Uint64
}

// GetDiskUsage implements vfs.FS.
func (d *smallDisk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: d.room.Load()}, nil
}

// TestAlmostFullDisk starts on a disk whose room is below the reserve: what is stored is served and can be
// taken over.
func TestAlmostFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &smallDisk{FS: vfs.NewMem()}
		disk.room.Store(65 << 20)
		f := position.Fence{Epoch: 1}
		owned := table.Batch{Table: table.Owned("o"), Partition: "p", Fence: f, Ops: []table.Op{table.Put([]byte("k"), []byte("v"))}}
		shared := table.Batch{Table: table.Shared("s"), Partition: "p", Ops: []table.Op{table.Put([]byte("k"), []byte("v"))}}
		s := openOn(t, disk)
		if err := s.Fence(t.Context(), owned.Table, "p", f); err != nil {
			t.Fatal(err)
		}
		try := func(when string, b table.Batch, code string) {
			t.Helper()
			if _, err := s.Write(t.Context(), b); fault.CodeOf(err) != code {
				t.Errorf("%s: a write to %s: %v, want %q", when, b.Table.Name, err, code)
			}
		}
		try("with room", owned, "")
		disk.room.Store(63 << 20)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openOn(t, disk)
		synctest.Wait()
		owned.Fence = position.Fence{Epoch: 2}
		if exists, err := s.FenceExisting(t.Context(), owned.Table, "p", owned.Fence); err != nil || !exists {
			t.Errorf("a fence on an almost full disk: %v, %v", exists, err)
		}
		if row, err := s.Get(t.Context(), owned.Table, "p", []byte("k")); err != nil || string(row.Value) != "v" {
			t.Errorf("a read on an almost full disk: %q, %v", row.Value, err)
		}
		try("without room", owned, "storage_full")
		try("without room", table.Batch{Table: plain(), Partition: "p", Ops: owned.Ops}, "storage_full")
		try("without room", shared, "")
		disk.room.Store(65 << 20)
		time.Sleep(2 * time.Second)
		try("with room again", owned, "")
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestOpenOnAFullDisk opens what a crash has left, which is to be written out first: it is refused soon,
// without trying for ever.
func TestOpenOnAFullDisk(t *testing.T) {
	mem := vfs.NewCrashableMem()
	s := openOn(t, mem)
	if err := put(t.Context(), s, "k"); err != nil {
		t.Fatal(err)
	}
	crashed := afterPowerFailure(mem)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for errno, want := range map[syscall.Errno]string{syscall.ENOSPC: "storage_full", syscall.EIO: "storage_failed"} {
		disk := newSickDisk(afterPowerFailure(crashed), func(op errorfs.Op) bool {
			return strings.HasSuffix(op.Path, ".sst") && anyWrite(op)
		})
		disk.errno.Store(int64(errno))
		if _, err := pebbletable.Open(pebbletable.Config{Dir: "/tables", FS: disk}); fault.CodeOf(err) != want {
			t.Errorf("open: %v, want %s", err, want)
		}
		if n := disk.hits.Load(); n == 0 || n > 1000 {
			t.Errorf("the disk was asked %d times in vain", n)
		}
		if _, err := pebbletable.Open(pebbletable.Config{Dir: "/tables", FS: disk}); !errors.Is(err, pebbletable.ErrLocked) {
			t.Errorf("open after one that was given up: %v, want ErrLocked", err)
		}
	}
	again := openOn(t, crashed)
	have(t, again, map[string]bool{"k": true})
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// TestOpenRefusals opens what cannot be opened.
func TestOpenRefusals(t *testing.T) {
	full := newSickDisk(vfs.NewMem(), anyWrite)
	full.errno.Store(int64(syscall.ENOSPC))
	broken := newSickDisk(vfs.NewMem(), anyWrite)
	broken.errno.Store(int64(syscall.EIO))
	fullLog := newSickDisk(vfs.NewMem(), walOnly(errorfs.OpFileWrite, errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo))
	fullLog.errno.Store(int64(syscall.ENOSPC))
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
		{"full log", pebbletable.Config{Dir: "/tables", FS: fullLog}, "storage_full"},
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
	disk := newSickDisk(vfs.NewMem(), func(op errorfs.Op) bool {
		return strings.HasSuffix(op.Path, ".sst") && op.Kind.ReadOrWrite() == errorfs.OpIsRead
	})
	s := openOn(t, disk)
	const rows = 100 // more than the cache holds
	acked := map[string]bool{}
	noise := rand.NewChaCha8([32]byte{})
	for i := range rows {
		acked[fmt.Sprint(i)] = true
		value := make([]byte, 40<<10)
		_, _ = noise.Read(value)
		_, err := s.Write(t.Context(), table.Batch{Table: plain(), Partition: "big", Ops: []table.Op{table.Put(fmt.Append(nil, i), value)}})
		if err := errors.Join(err, put(t.Context(), s, fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openOn(t, disk) // the rows are in table files
	disk.errno.Store(int64(syscall.EIO))
	failed := 0
	for i := range rows {
		switch _, err := s.Get(t.Context(), plain(), "big", fmt.Append(nil, i)); {
		case fault.CodeOf(err) == "storage_failed":
			failed++
		case err != nil:
			t.Errorf("get: %v, want storage_failed", err)
		}
	}
	if failed == 0 {
		t.Error("no read failed; the test shows nothing")
	}
	disk.errno.Store(0)
	have(t, s, acked)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
