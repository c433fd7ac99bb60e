package localstore

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/cluster/coordination"
	"github.com/barrage-live/barrage/cluster/coordination/coordinationtest"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
)

func open(t *testing.T, cfg Config) *Store {
	t.Helper()
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestConformance(t *testing.T) {
	for _, ttl := range []time.Duration{0, 10 * time.Second} {
		t.Run("ttl="+ttl.String(), func(t *testing.T) {
			coordinationtest.Run(t, func(t *testing.T) coordinationtest.Harness {
				t.Helper()
				cfg := Config{Folder: t.TempDir(), TTL: ttl}
				s := open(t, cfg)
				return coordinationtest.Harness{
					Store: s, TTL: ttl,
					Pass: func(d time.Duration) { s.pass(d) },
					Reopen: func() coordination.Store {
						_ = s.Close()
						s = open(t, cfg)
						return s
					},
				}
			})
		})
	}
}

// pass ages every lease, as if d had gone by.
func (s *Store) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.mu.leases {
		l.ends = l.ends.Add(-d)
	}
}

func TestLeaseEndsByTheClock(t *testing.T) {
	folder := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, Config{Folder: folder, TTL: 10 * time.Second})
		l, err := s.Join(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10*time.Second - 1)
		if err := s.Renew(t.Context(), l); err != nil {
			t.Errorf("just before its end: %v", err)
		}
		time.Sleep(10 * time.Second)
		if err := s.Renew(t.Context(), l); fault.CodeOf(err) != "lease_lost" {
			t.Errorf("at its end: %v, want lease_lost", err)
		}
	})
}

func TestEpochFileGolden(t *testing.T) {
	const golden = "42524745504f43310000000000000102"
	got := encode(258)
	if h := hex.EncodeToString(got[:16]); h != golden || len(got) != fileSize {
		t.Errorf("encode(258) = %x", got)
	}
	if e, err := decode(got); err != nil || e != 258 {
		t.Errorf("decode = %d, %v", e, err)
	}
}

func TestDamagedFileIsRefusedAndKept(t *testing.T) {
	sound := encode(41)
	damages := map[string][]byte{
		"empty":          {},
		"short":          sound[:23],
		"long":           append(bytes.Clone(sound), 0),
		"zeroes":         make([]byte, fileSize),
		"other version":  append([]byte("BRGEPOC2"), sound[8:]...),
		"text":           []byte("41\n"),
		"wrong checksum": append(bytes.Clone(sound[:23]), sound[23]^1),
	}
	for bit := range 8 * fileSize {
		b := bytes.Clone(sound)
		b[bit/8] ^= 1 << (bit % 8)
		if e, err := decode(b); err == nil {
			t.Errorf("bit %d turned: read as %d", bit, e)
		}
	}
	for name, b := range damages {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			path := filepath.Join(folder, epochFile)
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(Config{Folder: folder}); fault.CodeOf(err) != "epoch_damaged" {
				t.Fatalf("Open: %v, want epoch_damaged", err)
			}
			if kept, _ := os.ReadFile(path); !bytes.Equal(kept, b) {
				t.Error("the file was changed")
			}
			if err := WriteEpoch(folder, 99); err != nil {
				t.Fatalf("repair: %v", err)
			}
			s := open(t, Config{Folder: folder})
			if l, err := s.Join(t.Context(), "a"); err != nil || l.Epoch != 100 {
				t.Errorf("after the repair: %+v, %v", l, err)
			}
		})
	}
}

func TestCrashWhileWritingKeepsTheOldEpoch(t *testing.T) {
	folder := t.TempDir()
	if err := WriteEpoch(folder, 7); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, tempFile), []byte("BRGE"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, Config{Folder: folder})
	if l, err := s.Join(t.Context(), "a"); err != nil || l.Epoch != 8 {
		t.Errorf("Join = %+v, %v; want epoch 8", l, err)
	}
}

func TestEpochIsDurableBeforeItIsGiven(t *testing.T) {
	folder := t.TempDir()
	s := open(t, Config{Folder: folder})
	l, err := s.Join(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	onDisk := func() position.Epoch {
		e, err := readEpoch(folder)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	if onDisk() < l.Epoch {
		t.Errorf("lease %d given, %d on disk", l.Epoch, onDisk())
	}
	for range 3 {
		g, err := s.Claim(t.Context(), l, 1)
		if err != nil || onDisk() < g.Epoch {
			t.Errorf("grant %d given (%v), %d on disk", g.Epoch, err, onDisk())
		}
		if err := s.Release(t.Context(), l, 1); err != nil {
			t.Error(err)
		}
	}
}

func TestUnwritableFolderGivesNoEpoch(t *testing.T) {
	folder := t.TempDir()
	s := open(t, Config{Folder: folder})
	if err := os.Mkdir(filepath.Join(folder, tempFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Join(t.Context(), "a"); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("Join: %v, want unavailable", err)
	}
	if err := os.Remove(filepath.Join(folder, tempFile)); err != nil {
		t.Fatal(err)
	}
	if l, err := s.Join(t.Context(), "a"); err != nil || l.Epoch != 1 {
		t.Errorf("after the repair: %+v, %v", l, err)
	}
}

func TestClosedStoreRefuses(t *testing.T) {
	s := open(t, Config{Folder: t.TempDir()})
	_ = s.Close()
	if _, err := s.Join(t.Context(), "a"); fault.CodeOf(err) != "closed" {
		t.Errorf("Join: %v, want closed", err)
	}
}

const holderFolder = "BARRAGE_TEST_HOLD_FOLDER"

// TestTwoProcessesOnOneFolder starts this test binary again as the second process.
func TestTwoProcessesOnOneFolder(t *testing.T) {
	if folder := os.Getenv(holderFolder); folder != "" {
		_, err := Open(Config{Folder: folder})
		_, _ = fmt.Fprintf(os.Stdout, "code=%s message=%v\n", fault.CodeOf(err), err)
		return
	}
	folder := t.TempDir()
	s := open(t, Config{Folder: folder})
	second := func() string {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTwoProcessesOnOneFolder$")
		cmd.Env = append(os.Environ(), holderFolder+"="+folder)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	if out := second(); !strings.Contains(out, "code=folder_in_use") || !strings.Contains(out, folder) {
		t.Errorf("the second process: %s, want folder_in_use with the folder's name", out)
	}
	if _, err := Open(Config{Folder: folder}); fault.CodeOf(err) != "folder_in_use" {
		t.Errorf("a second store of one process: %v, want folder_in_use", err)
	}
	_ = s.Close()
	if out := second(); !strings.Contains(out, "code= ") {
		t.Errorf("after Close: %s, want no refusal", out)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(1))
	f.Add(encode(1<<64 - 1))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := decode(b)
		if err == nil && !bytes.Equal(encode(e), b) {
			t.Errorf("decode(%x) = %d, which encodes to %x", b, e, encode(e))
		}
	})
}

// What does a change of ownership cost? One synced write; the first claim of a shard in a run costs none.
func BenchmarkClaim(b *testing.B) {
	ctx := context.Background()
	s, err := Open(Config{Folder: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	l, err := s.Join(ctx, "a")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Claim(ctx, l, 1); err != nil {
			b.Fatal(err)
		}
		if err := s.Release(ctx, l, 1); err != nil {
			b.Fatal(err)
		}
	}
}
