package main

import (
	"log/slog"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/barrage-live/barrage/gateway/socket"
	"github.com/barrage-live/barrage/internal/reserved"
)

// TestEveryRouteIsAReservedWord holds the list of words that nobody may take for a name against all that
// answers at an address: the mounts of the public and the private listeners, the files beside the pages,
// and the pages themselves.
func TestEveryRouteIsAReservedWord(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	p, err := openPlatform(t.Context(), Config{Data: t.TempDir(), Storage: Storage{Cache: 1 << 20}}, log)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.steps.undo(t.Context(), log); err != nil {
			t.Error(err)
		}
	}()
	sockets, err := p.openSockets(socket.NewMetrics(p.registry))
	if err != nil {
		t.Fatal(err)
	}
	defer sockets.Close()
	public, err := p.public(sockets)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range append(public, p.private()...) {
		if first := firstSegment(m.Pattern); first != "" && !reserved.Route(first) {
			t.Errorf("%s answers, but %q is not kept for the backend", m.Pattern, first)
		}
	}
	files, err := os.ReadDir("gateway/web/app/public")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if path.Ext(f.Name()) == "" && !reserved.Route(f.Name()) { // a name has no dot
			t.Errorf("%s lies beside the pages, and is not kept", f.Name())
		}
	}
	checkPages(t)
}

func checkPages(t *testing.T) {
	t.Helper()
	router, err := os.ReadFile("gateway/web/app/src/router.ts")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`path: ['"\x60](/[^'"\x60]*)`).FindAllStringSubmatch(string(router), -1)
	if len(found) < 3 {
		t.Fatalf("only %d routes of the pages were found", len(found))
	}
	for _, match := range found {
		first := firstSegment(match[1])
		switch {
		case first == "", strings.HasPrefix(first, ":"), strings.HasPrefix(first, "@:"): // home, names, whatever is left
		case reserved.Route(first):
			t.Errorf("the page %s is never reached: its first segment belongs to the backend", match[1])
		case !reserved.Name(first):
			t.Errorf("the page %s: %q is not kept", match[1], first)
		}
	}
}

// firstSegment is that of a path, or of a pattern of http.ServeMux.
func firstSegment(pattern string) string {
	_, after, _ := strings.Cut(pattern, "/")
	first, _, _ := strings.Cut(after, "/")
	return first
}
