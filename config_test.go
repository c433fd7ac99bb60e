package main

import (
	"bytes"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/barrage-live/barrage/storage/cache"
)

// TestTheExampleIsRead loads the settings that are shown to operators.
func TestTheExampleIsRead(t *testing.T) {
	cfg, _, err := load([]string{"--config", "deploy/barrage.yaml"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Data != "/var/lib/barrage" || cfg.Public != "https://live.example.org" || len(cfg.Limits.Proxies) != 1 || cfg.Live.DVR.Hours() != 2 {
		t.Errorf("read %+v", cfg)
	}
}

// TestSettingsThatCannotBe are refused when they are read, with the name of the setting.
func TestSettingsThatCannotBe(t *testing.T) {
	for _, c := range []struct{ args, names string }{
		{"--public foo", "public"},
		{"--public ftp://live.example.org", "public"},
		{"--limits.proxies 10.0.0.0/99", "limits.proxies"},
		{"--limits.origins *", "limits.origins"},
		{"--tls.cert cert.pem", "tls.cert"},
		{"--tls.key key.pem", "tls.cert"},
		{"--rtmps :1936", "rtmps"},
		{"--https :8443", "https"},
		{"--https :8443 --tls.cert cert.pem", "https"},
		{"--https :8443 --tls.key key.pem", "https"},
		{"--live.key_overlap 0s", "live.key_overlap"},
		{"--live.part 300ms", "live.part: parts last 200ms or 500ms, not 300ms"},
		{"--live.part 0s", "live.part"},
		{"--nonsense 1", "nonsense"},
	} {
		if _, _, err := load(strings.Fields(c.args), nil); err == nil || !strings.Contains(err.Error(), c.names) {
			t.Errorf("%s: %v", c.args, err)
		}
	}
	if cfg, _, err := load([]string{"--limits.proxies", "127.0.0.1"}, nil); err != nil || len(cfg.Limits.Proxies) != 1 {
		t.Errorf("a single address: %v", err)
	}
}

// TestAWindowIsOneThatTheCacheCounts: a longer one would be an error there, which lets everybody through.
func TestAWindowIsOneThatTheCacheCounts(t *testing.T) {
	for window, want := range map[time.Duration]bool{cache.MaxWindow: true, cache.MaxWindow + time.Hour: false} {
		if _, _, err := load([]string{"--limits.window", window.String()}, nil); (err == nil) != want {
			t.Errorf("a window of %v: %v", window, err)
		}
	}
}

// TestVariablesOfTheTestsAreKnown: whoever exports one for the tests can start the binary all the same.
func TestVariablesOfTheTestsAreKnown(t *testing.T) {
	read := regexp.MustCompile(`Getenv\("(BARRAGE_[A-Z_]+)"\)`)
	var found []string
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "node_modules":
			return filepath.SkipDir
		case !strings.HasSuffix(name, "_test.go"):
			return nil
		}
		content, err := os.ReadFile(name)
		for _, match := range read.FindAllStringSubmatch(string(content), -1) {
			found = append(found, match[1]+"=1")
		}
		return err
	})
	if err != nil || len(found) < 5 {
		t.Fatalf("%v were found, %v", found, err)
	}
	if _, _, err := load(nil, found); err != nil {
		t.Error(err)
	}
}

// TestTheLogBoundsEachRouteByItself logs requests of one route without end, and one of another.
func TestTheLogBoundsEachRouteByItself(t *testing.T) {
	var out bytes.Buffer
	log := Log{Level: "info", Format: "json"}.logger(&out)
	for range 1000 {
		log.Info("request", slog.String("route", "/v1/auth/logout"))
	}
	log.Info("request", slog.String("route", "/v1/rooms/{room}"))
	if flood := strings.Count(out.String(), "logout"); flood >= 1000 || !strings.Contains(out.String(), "/v1/rooms/{room}") {
		t.Errorf("%d lines of the flood, and of the other route:\n%s", flood, out.String()[max(0, out.Len()-200):])
	}
}
