package fileblob_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/blob/fileblob"
)

// TestSendable: what the kernel sends by itself was checked before, once.
func TestSendable(t *testing.T) {
	dir := t.TempDir()
	d, err := fileblob.Open(fileblob.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	s := blob.New(d)
	defer func() { _ = s.Close() }()
	content := bytes.Repeat([]byte("0123456789abcdef"), 20_000)
	if _, err := s.Put(t.Context(), "a/b.mp4", bytes.NewReader(content), blob.PutOptions{Size: -1}); err != nil {
		t.Fatal(err)
	}
	send := func(from, n int64) ([]byte, error) {
		t.Helper()
		o, err := s.Open(t.Context(), "a/b.mp4")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = o.Close() }()
		r, ok, err := o.Sendable(from, n)
		if err != nil {
			return nil, err
		}
		if _, kernel := r.(syscall.Conn); !ok || !kernel {
			t.Fatalf("the kernel cannot send a file on the disk: %T", r)
		}
		return io.ReadAll(io.LimitReader(r, n))
	}
	file := filepath.Join(dir, "objects", "a", "b.mp4")
	flip := func(at int64) {
		t.Helper()
		f, err := os.OpenFile(file, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte{'!'}, at); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, at := range [][2]int64{{0, 320_000}, {5, 100}, {32 << 10, 32 << 10}, {319_999, 1}} {
		if got, err := send(at[0], at[1]); err != nil || !bytes.Equal(got, content[at[0]:at[0]+at[1]]) {
			t.Errorf("%d bytes from %d on: %d, %v", at[1], at[0], len(got), err)
		}
	}
	if _, err := send(1, 320_000); fault.CodeOf(err) != "bad_object_range" {
		t.Errorf("more than there is: %v", err)
	}
	flip(100_000)
	if _, err := send(0, 98_000); err != nil {
		t.Errorf("beside the damage: %v", err)
	}
	if _, err := send(98_000, 10_000); !errors.Is(err, blob.ErrCorrupt) {
		t.Errorf("damaged: %v, want ErrCorrupt", err)
	}
}
