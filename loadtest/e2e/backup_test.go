package e2e

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wire/wireclient"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// ledger is what posters were told: the place of each text.
type ledger struct {
	mu     sync.Mutex
	places map[string]position.Position
}

func (l *ledger) note(text string, at position.Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.places[text] = at
}

func (l *ledger) snapshot() map[string]position.Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.places)
}

// post posts until ctx ends.
func (l *ledger) post(ctx context.Context, conn *wireclient.Client, room, name string) error {
	for i := 0; ctx.Err() == nil; i++ {
		text := fmt.Sprintf("%s says %d", name, i)
		ack, err := conn.Post(ctx, &wirepb.Post{Room: room, Key: fmt.Sprint(i), Text: text})
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // a post that was cut short says nothing
		case err != nil:
			return fmt.Errorf("post: %w", err)
		}
		epoch, offset := place(ack.GetPosition())
		l.note(text, position.Position{Epoch: epoch, Offset: offset})
		pause(ctx, killPause)
	}
	return nil
}

// TestBackupUnderLoad backs a busy server up, kills it, and starts another on the backup: everything that
// was acknowledged before the backup began must be there, in its place, for the same accounts with the same
// tokens, and all of it can be changed.
func TestBackupUnderLoad(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "backups", "tonight")
	s := start(t, filepath.Join(root, "data"), "--limits.writes", "100000", "--limits.registrations", "1000")
	admin := s.addrs["admin"]
	st := s.streamer(t, "keeper")
	l := &ledger{places: map[string]position.Position{}}
	ctx, stop := context.WithCancel(t.Context())
	var posters sync.WaitGroup
	for i := range 8 {
		name := fmt.Sprintf("poster%d", i)
		token, _ := s.account(t, name)
		conn := s.viewer(t, streamer{Token: token, Room: st.Room})
		posters.Go(func() {
			if err := l.post(ctx, conn, st.Room, name); err != nil {
				t.Error(err)
			}
		})
	}
	await(t, "posts before the backup", 30*time.Second, func() bool { return len(l.snapshot()) >= 200 })
	before := l.snapshot()
	if r := command(t, nil, "backup", dir, "--admin", admin); r.code != 0 || strings.TrimSpace(r.out) != dir {
		t.Fatalf("backup: exit code %d, %q, %q", r.code, r.out, r.errOut)
	}
	if r := command(t, nil, "backup", dir, "--admin", admin); r.code != 1 || !strings.Contains(r.errOut, "backup_exists") {
		t.Errorf("a second backup in one place: exit code %d, %q", r.code, r.errOut)
	}
	await(t, "posts after the backup", 30*time.Second, func() bool { return len(l.snapshot()) >= len(before)+100 })
	stop()
	posters.Wait()
	s.kill()
	if r := command(t, nil, "backup", dir+"2", "--admin", admin); r.code != 1 || !strings.Contains(r.errOut, "is the server running?") {
		t.Errorf("a backup of a server that is not there: exit code %d, %q", r.code, r.errOut)
	}
	if r := command(t, nil, "verify", "--data", dir); r.code != 0 || !strings.Contains(r.out, "room") {
		t.Errorf("verify: exit code %d, %q, %q", r.code, r.out, r.errOut)
	}

	restored := start(t, dir)
	after := restored.danmaku(t, st.Room)
	for text, at := range before {
		if got, there := after[text]; !there || got != at {
			t.Errorf("%q was acknowledged at %v before the backup and is at %v, %v", text, at, got, there)
		}
	}
	final := l.snapshot()
	head := position.Offset(0)
	for text, at := range after {
		head = max(head, at.Offset)
		if was, acked := final[text]; acked && was != at {
			t.Errorf("%q was acknowledged at %v and is at %v", text, was, at)
		}
	}
	if len(after) != int(head) {
		t.Errorf("%d danmaku up to %d: there is a gap", len(after), head)
	}
	ack, err := restored.viewer(t, st).Post( // with a token from before the backup
		t.Context(), &wirepb.Post{Room: st.Room, Key: "after", Text: "after"})
	if err != nil || ack.GetPosition().GetOffset() != uint64(head)+1 {
		t.Errorf("a post after the restoration: %v, %v; want offset %d", ack, err, head+1)
	}
	t.Logf("%d danmaku acknowledged before the backup, %d in it", len(before), len(after))
}

// danmaku reads all danmaku of a room.
func (s *server) danmaku(t *testing.T, room string) map[string]position.Position {
	t.Helper()
	conn := s.viewer(t, streamer{Room: room})
	all := map[string]position.Position{}
	var before position.Position
	for more := true; more; {
		page, err := conn.History(t.Context(), room, before, 200)
		if err != nil {
			t.Fatal(err)
		}
		for i, d := range page.GetDanmaku() {
			at := position.Position{Epoch: position.Epoch(d.GetEpoch()), Offset: position.Offset(d.GetOffset())}
			all[d.GetText()] = at
			if i == 0 {
				before = at
			}
		}
		more = page.GetMore()
		pause(t.Context(), killPause) // the limit of requests per second of one connection
	}
	return all
}
