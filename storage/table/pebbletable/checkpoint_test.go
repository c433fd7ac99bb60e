package pebbletable_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/pebbletable"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// TestCheckpointUnderLoad makes checkpoints while writers write: each must hold what was acknowledged
// before it, every batch whole, and fences, and open like any other directory.
func TestCheckpointUnderLoad(t *testing.T) {
	root := t.TempDir()
	d, err := pebbletable.Open(pebbletable.Config{Dir: filepath.Join(root, "tables"), MemTableBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	s := table.New(d)
	f := position.Fence{Epoch: 7, Activation: 2}
	if err := s.Fence(t.Context(), table.Owned("o"), "p", f); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	acked := map[string]bool{}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				tag := fmt.Sprintf("%d.%d", w, i)
				b := table.Batch{Table: plain(), Partition: fmt.Sprint("p", w)}
				for row := range killRows {
					b.Ops = append(b.Ops, table.Put(fmt.Appendf(nil, "%s/%d", tag, row), []byte(tag+strings.Repeat(" ", 1000))))
				}
				if _, err := s.Write(t.Context(), b); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acked[tag] = true
				mu.Unlock()
			}
		})
	}
	for n := range 4 {
		for enough := false; !enough; { // until the writers have got on
			mu.Lock()
			enough = len(acked) >= 300*(n+1)
			mu.Unlock()
			if t.Failed() {
				break
			}
			<-time.After(time.Millisecond)
		}
		mu.Lock()
		before := maps.Clone(acked)
		mu.Unlock()
		dir := filepath.Join(root, fmt.Sprint("backup", n))
		if err := d.Checkpoint(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
		counts, err := pebbletable.Verify(t.Context(), pebbletable.Config{Dir: dir})
		if err != nil || counts["t"].Rows < killRows*len(before) || counts["t"].Rows%killRows != 0 || counts["o"].Fences != 1 {
			t.Errorf("the checkpoint holds %+v, %v; want at least %d rows", counts, err, killRows*len(before))
		}
		restored, err := pebbletable.Open(pebbletable.Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		r := table.New(restored)
		for tag := range before {
			w, _, _ := strings.Cut(tag, ".")
			if _, err := r.Get(t.Context(), plain(), "p"+w, []byte(tag+"/0")); err != nil {
				t.Errorf("acknowledged %s is not in checkpoint %d: %v", tag, n, err)
			}
		}
		if err := r.Fence(t.Context(), table.Owned("o"), "p", position.Fence{Epoch: 7, Activation: 1}); !errors.Is(err, table.ErrFenced) {
			t.Errorf("the old owner gets through in checkpoint %d: %v", n, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	stop()
	wg.Wait()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestCheckpointRefusals makes checkpoints where there can be none, and on a disk that fails: the engine
// must live on, and nothing be left.
func TestCheckpointRefusals(t *testing.T) {
	mem := vfs.NewMem()
	disk := newSickDisk(mem, func(op errorfs.Op) bool {
		return strings.HasPrefix(op.Path, "/backup") && op.Kind.ReadOrWrite() == errorfs.OpIsWrite
	})
	d := openEngine(t, disk)
	s := table.New(d)
	if err := put(t.Context(), s, "k"); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{"": "bad_checkpoint", "/tables": "bad_checkpoint", "/tables/backup": "bad_checkpoint", "/": "checkpoint_exists"} {
		if err := d.Checkpoint(t.Context(), dir); fault.CodeOf(err) != want {
			t.Errorf("checkpoint in %q: %v, want %s", dir, err, want)
		}
	}
	for errno, want := range map[syscall.Errno]string{syscall.EIO: "storage_failed", syscall.ENOSPC: "storage_full"} {
		disk.errno.Store(int64(errno))
		if err := d.Checkpoint(t.Context(), "/backup"); fault.CodeOf(err) != want {
			t.Errorf("checkpoint on a disk that fails with %v: %v, want %s", errno, err, want)
		}
		disk.errno.Store(0)
		if err := put(t.Context(), s, "after"); err != nil {
			t.Errorf("a write after that: %v", err)
		}
		if _, err := mem.Stat("/backup"); err == nil {
			_ = mem.RemoveAll("/backup") // what the failing disk did not let go
		}
	}
	if err := d.Checkpoint(t.Context(), "/backup"); err != nil {
		t.Error(err)
	}
	if err := d.Checkpoint(t.Context(), "/backup"); !errors.Is(err, pebbletable.ErrExists) {
		t.Errorf("a second checkpoint in one place: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := d.Checkpoint(t.Context(), "/late"); !errors.Is(err, pebbletable.ErrClosed) {
		t.Errorf("a checkpoint of a closed engine: %v", err)
	}
}

// TestVerify damages files in many ways: Verify must find what it does not count right, and change nothing.
func TestVerify(t *testing.T) {
	mem := pebbletest.NewMem()
	d, err := mem.Open()
	if err != nil {
		t.Fatal(err)
	}
	s := table.New(d)
	const partitions, rows = 5, 60
	for p := range partitions {
		b := table.Batch{Table: table.Owned("o"), Partition: fmt.Sprint(p), Fence: position.Fence{Epoch: 1}}
		if err := s.Fence(t.Context(), b.Table, b.Partition, b.Fence); err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			b.Ops = append(b.Ops, table.Expiring(table.Put(fmt.Appendf(nil, "%04d", i), make([]byte, 96)), time.Duration(i)*time.Hour))
		}
		if _, err := s.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if err := put(t.Context(), s, "k"); err != nil {
		t.Fatal(err)
	}
	if _, err := pebbletable.Verify(t.Context(), mem.Config()); !errors.Is(err, pebbletable.ErrLocked) {
		t.Errorf("verify while it is open: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want := map[string]pebbletable.Count{
		"o": {Partitions: partitions, Rows: partitions * rows, Fences: partitions, Bytes: partitions * rows * 100},
		"t": {Partitions: 1, Rows: 1, Bytes: 2},
	}
	for range 2 {
		if got, err := pebbletable.Verify(t.Context(), mem.Config()); err != nil || !maps.Equal(got, want) {
			t.Errorf("verified %+v, %v; want %+v", got, err, want)
		}
	}
	found := 0
	for seed := range uint64(100) {
		what, _, err := mem.Damage(rand.New(rand.NewPCG(seed, 5)))
		if err != nil {
			t.Fatal(err)
		}
		switch got, err := pebbletable.Verify(t.Context(), mem.Config()); {
		case errors.Is(err, table.ErrCorrupt):
			found++
		case err != nil:
			t.Errorf("%s: %v, want ErrCorrupt", what, err)
		case !maps.Equal(got, want):
			t.Errorf("%s: verified %+v", what, got)
		}
	}
	if found == 0 {
		t.Error("no damage was found; the test shows nothing")
	}
	t.Logf("%d of 100 damages hit something that is read", found)
	mem.Heal()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := pebbletable.Verify(gone, mem.Config()); !errors.Is(err, context.Canceled) {
		t.Errorf("verify with a context that has ended: %v", err)
	}
	if _, err := pebbletable.Verify(t.Context(), pebbletable.Config{Dir: filepath.Join(t.TempDir(), "none")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("verify of nothing: %v", err)
	}
}
