package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/barrage-live/barrage/internal/fault"
)

// TestADataFolderThatCannotBeUsed opens folders that are none, or belong to somebody else.
func TestADataFolderThatCannotBeUsed(t *testing.T) {
	open := func(folder string) (*platform, error) {
		return openPlatform(t.Context(), Config{Data: folder, Storage: Storage{Cache: 1 << 20}}, slog.New(slog.DiscardHandler))
	}
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open(plain); err == nil || !strings.Contains(err.Error(), plain) {
		t.Errorf("a file: %v", err)
	}
	folder := t.TempDir()
	first, err := open(folder)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open(folder); fault.CodeOf(err) != "storage_locked" || !strings.Contains(err.Error(), folder) {
		t.Errorf("a folder in use: %v", err)
	}
	if err := first.steps.undo(t.Context(), first.log); err != nil {
		t.Fatal(err)
	}
	again, err := open(folder)
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	if err := again.steps.undo(t.Context(), again.log); err != nil {
		t.Error(err)
	}
}
