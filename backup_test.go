package main

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/barrage-live/barrage/internal/fault"
)

// TestBackupRefusals asks for backups where there can be none: nothing may be left of them.
func TestBackupRefusals(t *testing.T) {
	root := t.TempDir()
	data := filepath.Join(root, "data")
	p, err := openPlatform(t.Context(), Config{Data: data, Storage: Storage{Cache: 1 << 20}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	taken, plain := filepath.Join(root, "taken"), filepath.Join(root, "plain")
	if err := os.Mkdir(taken, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		"": "bad_backup", "backup": "bad_backup", data: "bad_backup", filepath.Join(data, "backup"): "bad_backup",
		filepath.Join(data, "tables", "backup"): "bad_backup", taken: "backup_exists", filepath.Join(plain, "backup"): "backup_unwritable",
	} {
		if err := p.backUp(t.Context(), dir); fault.CodeOf(err) != want {
			t.Errorf("a backup to %q: %v, want %s", dir, err, want)
		}
	}
	keys := keysOf(data).Path
	if err := os.Chmod(keys, 0o644); err != nil {
		t.Fatal(err)
	}
	failing := filepath.Join(root, "failing")
	if err := p.backUp(t.Context(), failing); fault.CodeOf(err) != "key_file_exposed" {
		t.Errorf("a backup of keys that others can read: %v", err)
	}
	if _, err := os.Stat(failing); err == nil {
		t.Error("a backup that failed has left something")
	}
	if err := os.Chmod(keys, 0o600); err != nil {
		t.Fatal(err)
	}
	deep := filepath.Join(root, "a", "b")
	if err := p.backUp(t.Context(), deep); err != nil {
		t.Errorf("a backup to a folder of a folder that is not there: %v", err)
	}
	if info, err := os.Stat(deep); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("others may read the backup: %v, %v", info.Mode(), err)
	}

	ask := func(kind, body string) int {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "/backup", strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		p.serveBackup(w, r)
		return w.Code
	}
	for name, c := range map[string]struct {
		kind, body string
		want       int
	}{
		"as a web page could": {"text/plain", `{"dir":"` + root + `/c"}`, http.StatusUnprocessableEntity},
		"no JSON":             {"application/json", "dir=/c", http.StatusUnprocessableEntity},
		"something else":      {"application/json", `{"dir":"/c","force":true}`, http.StatusUnprocessableEntity},
		"too much":            {"application/json", `{"dir":"` + strings.Repeat("c", backupLimit) + `"}`, http.StatusUnprocessableEntity},
		"taken":               {"application/json", `{"dir":"` + taken + `"}`, http.StatusConflict},
		"good":                {"application/json", `{"dir":"` + root + `/d"}`, http.StatusNoContent},
	} {
		if got := ask(c.kind, c.body); got != c.want {
			t.Errorf("%s: status %d, want %d", name, got, c.want)
		}
	}
	if err := p.steps.undo(t.Context(), p.log); err != nil {
		t.Error(err)
	}
}

// TestVerifyCommand verifies data folders that are sound, in use, damaged and missing.
func TestVerifyCommand(t *testing.T) {
	root := t.TempDir()
	data := filepath.Join(root, "data")
	verified := func(data string, code int, want string) {
		t.Helper()
		var out, errs bytes.Buffer
		if got := run(t.Context(), []string{"verify", "--data", data}, nil, &out, &errs); got != code || !strings.Contains(out.String()+errs.String(), want) {
			t.Errorf("verify: exit code %d, told %q and %q; want %d and %q", got, out.String(), errs.String(), code, want)
		}
	}
	verified(data, 1, "no_tables: there are no tables in this folder")
	if _, err := os.Stat(data); err == nil {
		t.Error("verify has made a data folder")
	}
	p, err := openPlatform(t.Context(), Config{Data: data, Storage: Storage{Cache: 1 << 20}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.startActors(t.Context(), nobody{}); err != nil {
		t.Fatal(err)
	}
	verified(data, 1, "in use")
	if _, err := p.channels.Create(t.Context(), "42", "ann", "title"); err != nil {
		t.Fatal(err)
	}
	if err := p.steps.undo(t.Context(), p.log); err != nil {
		t.Fatal(err)
	}
	verified(data, 0, "channel_name")
	files, err := filepath.Glob(filepath.Join(data, "tables", "*.sst"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files of tables: %v", err)
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		content[20] ^= 1
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	verified(data, 1, "row_corrupt")
}
