package tabletest

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/driver"
	"github.com/barrage-live/barrage/storage/table/pebbletable"
)

// OpenMem gives a test a store in memory: the embedded engine on a file system that is forgotten with the test.
func OpenMem(tb testing.TB) *table.Store {
	tb.Helper()
	d, err := pebbletable.Open(pebbletable.Config{Dir: "/tables", FS: vfs.NewMem(), CacheBytes: 8 << 20, MemTableBytes: 16 << 20})
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	s := table.New(d)
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return s
}

// Mem is a Harness of the embedded engine in memory that can crash and be damaged.
type Mem struct {
	fs   *vfs.MemFS
	good *vfs.MemFS // before the damage; nil if there is none
}

var (
	_ Harness = (*Mem)(nil)
	_ Crasher = (*Mem)(nil)
	_ Damager = (*Mem)(nil)
)

const memDir = "/srv/tables"

// NewMem gives an empty storage.
func NewMem() *Mem { return &Mem{fs: vfs.NewCrashableMem()} }

// Open implements Harness. The engine gets a small memtable, so that flushes and compactions happen.
func (m *Mem) Open(now func() time.Time) (driver.Driver, error) {
	return pebbletable.Open(pebbletable.Config{
		Dir: memDir, FS: m.fs, CacheBytes: 1 << 20, MemTableBytes: 16 << 20, SweepEvery: 20 * time.Millisecond, Now: now,
	})
}

// Close implements Harness.
func (m *Mem) Close() error { return nil }

// Crash implements Crasher.
func (m *Mem) Crash(rng *rand.Rand) {
	m.fs = m.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
}

// Heal implements Damager.
func (m *Mem) Heal() {
	if m.good != nil {
		m.fs, m.good = m.good, nil
	}
}

// Damage implements Damager.
func (m *Mem) Damage(rng *rand.Rand) (what string, cut bool, err error) {
	if m.good == nil {
		m.good = m.fs
	}
	m.fs = m.good.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rng})
	names, err := m.fs.List(memDir)
	if err != nil {
		return "", false, err
	}
	names = slices.DeleteFunc(names, func(n string) bool {
		return !strings.HasSuffix(n, ".log") && !strings.HasSuffix(n, ".sst") && !strings.HasPrefix(n, "MANIFEST")
	})
	slices.Sort(names)
	name := m.fs.PathJoin(memDir, names[rng.IntN(len(names))])
	content, err := readAll(m.fs, name)
	if err != nil || len(content) == 0 {
		return "hit the empty file " + name, false, err
	}
	used := max(1, len(bytes.TrimRight(content, "\x00")))
	at := rng.IntN(used)
	switch rng.IntN(3) {
	case 0:
		content[at] ^= 1 << rng.IntN(8)
		what = "flipped a bit"
	case 1:
		clear(content[at:min(len(content), at+64)])
		what = "zeroed 64 bytes"
	case 2:
		content, cut = content[:at], true
		what = "cut the file"
	}
	return fmt.Sprintf("%s at %d of %s (%d bytes used)", what, at, name, used), cut, rewrite(m.fs, name, content)
}

func readAll(fs vfs.FS, name string) ([]byte, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(f)
}

func rewrite(fs vfs.FS, name string, content []byte) error {
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}
