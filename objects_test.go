package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/blob/fileblob"
)

// TestObjectsCommand verifies and deletes what a stopped server has stored.
func TestObjectsCommand(t *testing.T) {
	data := t.TempDir()
	dir := filepath.Join(data, "blobs")
	command := func(code int, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if got := run(t.Context(), append(append([]string{"objects"}, args...), "--data", data), nil, &out, &errs); got != code {
			t.Errorf("objects %q: exit code %d, want %d: %s%s", args, got, code, &out, &errs)
		}
		return out.String()
	}
	command(1, "verify") // there is nothing yet
	if _, err := os.Stat(dir); err == nil {
		t.Error("it was made")
	}
	d, err := fileblob.Open(fileblob.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"live/1/a/0.m4s", "live/1/a/1.m4s", "live/1/b/0.m4s"} {
		if _, err := d.Put(t.Context(), key, strings.NewReader("media"), blob.PutOptions{Size: 5}); err != nil {
			t.Fatal(err)
		}
	}
	command(1, "verify") // in use
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if out := command(0, "verify"); out != "3 objects, 15 bytes, 0 damaged\n" {
		t.Errorf("verify said %q", out)
	}
	name := filepath.Join(dir, "objects", "live", "1", "a", "1.m4s")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[2] ^= 1
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := command(1, "verify"); out != "damaged live/1/a/1.m4s\n3 objects, 15 bytes, 1 damaged\n" {
		t.Errorf("verify of a damaged object said %q", out)
	}
	command(0, "verify", "live/1/b/")
	for _, misused := range [][]string{{}, {"delete"}, {"remove", "live/"}, {"verify", "live/", "more"}} {
		command(2, misused...)
	}
	if out := command(0, "delete", "live/1/a/"); out != "2 objects removed\n" {
		t.Errorf("delete said %q", out)
	}
	if out := command(0, "verify"); out != "1 objects, 5 bytes, 0 damaged\n" {
		t.Errorf("verify after the delete said %q", out)
	}
}
