// Package pebbletest gives tests the embedded table engine: in memory for whoever needs tables, and as a
// harness of tabletest.
//
// It owns nothing but what it opens for a test and fails the test it is given.
package pebbletest

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/driver"
	"github.com/barrage-live/barrage/storage/table/faulttable"
	"github.com/barrage-live/barrage/storage/table/pebbletable"
	"github.com/barrage-live/barrage/storage/table/tabletest"
)

// Open gives a test a store in memory: the engine on a file system that is forgotten with the test.
func Open(tb testing.TB) *table.Store {
	tb.Helper()
	d, err := NewMem().Open()
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

// Clock is the real one, put forward by hand. It is safe for concurrent use. The zero value is the real one.
type Clock struct{ ahead atomic.Int64 }

// Now is the time on the clock.
func (c *Clock) Now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) { c.ahead.Add(int64(d)) }

// engine is one life of the engine, shared by several clients; it ends with the last of them.
type engine struct {
	*pebbletable.Driver
	clients int
}

// client gives one more client of the engine, which a call of the last one's Close ends.
func (e *engine) client() driver.Driver {
	e.clients++
	c := &client{engine: e}
	c.Driver = faulttable.Wrap(e.Driver, func(faulttable.Call) faulttable.Fault {
		if c.closed.Load() {
			return faulttable.Refused(pebbletable.ErrClosed)
		}
		return faulttable.Fault{}
	})
	return c
}

// client is a driver that refuses everything once it is closed, though the engine may go on.
type client struct {
	driver.Driver
	engine *engine
	closed atomic.Bool
}

// Close implements driver.Driver.
func (c *client) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	if c.engine.clients--; c.engine.clients > 0 {
		return nil
	}
	return c.engine.Close()
}

// storage opens engines over one directory, one at a time.
type storage struct {
	Clock
	config  func() pebbletable.Config
	running *engine
}

// Open implements tabletest.Harness.
func (s *storage) Open() (driver.Driver, error) {
	if s.running == nil || s.running.clients == 0 {
		cfg := s.config()
		cfg.Now = s.Now
		d, err := pebbletable.Open(cfg)
		if err != nil {
			return nil, err
		}
		s.running = &engine{Driver: d}
	}
	return s.running.client(), nil
}

// Wait implements tabletest.Harness.
func (s *storage) Wait(d time.Duration) { s.Advance(d) }

// Close implements tabletest.Harness.
func (s *storage) Close() error { return nil }

// Disk is a harness on the real disk.
type Disk struct{ storage }

// NewDisk gives a storage in a directory, empty or not.
func NewDisk(dir string) *Disk {
	d := &Disk{}
	d.config = func() pebbletable.Config { return pebbletable.Config{Dir: dir, SweepEvery: 50 * time.Millisecond} }
	return d
}

// Mem is a harness in memory that can crash and be damaged.
type Mem struct {
	storage
	fs   *vfs.MemFS
	good *vfs.MemFS // before the damage; nil if there is none
}

var (
	_ tabletest.Harness = (*Disk)(nil)
	_ tabletest.Harness = (*Mem)(nil)
	_ tabletest.Crasher = (*Mem)(nil)
	_ tabletest.Damager = (*Mem)(nil)
)

const memDir = "/srv/tables"

// NewMem gives an empty storage. The engine gets a small memtable, so that flushes and compactions happen.
func NewMem() *Mem {
	m := &Mem{fs: vfs.NewCrashableMem()}
	m.config = func() pebbletable.Config {
		return pebbletable.Config{
			Dir: memDir, FS: m.fs, CacheBytes: 1 << 20, MemTableBytes: 16 << 20, SweepEvery: 20 * time.Millisecond,
		}
	}
	return m
}

// Config is what the engine is opened with.
func (m *Mem) Config() pebbletable.Config { return m.config() }

// Crash implements tabletest.Crasher.
func (m *Mem) Crash(rng *rand.Rand) {
	m.fs = m.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
	m.running = nil
}

// Heal implements tabletest.Damager.
func (m *Mem) Heal() {
	if m.good != nil {
		m.fs, m.good = m.good, nil
	}
}

// Damage implements tabletest.Damager.
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
