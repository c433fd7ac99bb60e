package auth

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
)

func TestOpenRingKeepsItsKeysOverARestart(t *testing.T) {
	file := KeyFile{filepath.Join(t.TempDir(), "auth", "keys.json")}
	first, err := OpenRing(file, time.Unix(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	second, err := OpenRing(file, time.Unix(2, 0))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := second.JWKS().Keys[0], first.JWKS().Keys[0]; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	info, err := os.Stat(file.Path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(filepath.Dir(file.Path))
	if err != nil || len(entries) != 1 {
		t.Errorf("files left behind: %v, %v", entries, err)
	}
}

func TestOpenRingRefusesAFileThatOthersCouldRead(t *testing.T) {
	file := KeyFile{filepath.Join(t.TempDir(), "keys.json")}
	if _, err := OpenRing(file, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file.Path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenRing(file, time.Unix(1, 0)); fault.CodeOf(err) != "key_file_exposed" {
		t.Errorf("got %v", err)
	}
}

func TestParseRingRefusesDamage(t *testing.T) {
	for _, s := range []string{``, `{}`, `{"version":2,"keys":[{"seed":"AA=="}]}`, `{"version":1,"keys":[]}`, `{"version":1,"keys":[{"seed":"AA=="}]}`} {
		if _, err := ParseRing([]byte(s)); fault.CodeOf(err) != "key_ring_damaged" {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestSaveSaysWhyItCannot(t *testing.T) {
	dir := t.TempDir()
	blocked := filepath.Join(dir, "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenRing(KeyFile{filepath.Join(blocked, "keys.json")}, time.Unix(1, 0)); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("got %v", err)
	}
}
