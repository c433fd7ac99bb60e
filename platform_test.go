package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/barrage-live/barrage/actors/live/channel"
	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table/pebbletable"
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

// TestBrokenStorageEndsTheProcess has the disk fail under a running platform.
func TestBrokenStorageEndsTheProcess(t *testing.T) {
	broken := make(chan error, 1)
	broken <- pebbletable.ErrFailed
	cfg, _, err := load([]string{
		"--data", t.TempDir(), "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--rtmp", "127.0.0.1:0", "--storage.cache", "1MiB",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	err = serveUntil(t.Context(), cfg, slog.New(slog.DiscardHandler), func(p *platform) error {
		p.steps.add("what the disk does not let", func(context.Context) error { return pebbletable.ErrFull })
		return (&platform{node: p.node, broken: broken}).watch(t.Context(), func(*platform) error { <-t.Context().Done(); return nil })
	})
	var stderr strings.Builder
	if code := exitCode(err, &stderr); code != 1 || strings.Count(stderr.String(), "\n") != 1 || !strings.Contains(stderr.String(), "the storage failed") {
		t.Errorf("exit code %d, told %q; want 1 and one line", code, stderr.String())
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the end took %v", took)
	}
}

// TestTheTablesAreWhole takes everything away from a data folder but the tables: what is stored must still
// be changed by its owners.
func TestTheTablesAreWhole(t *testing.T) {
	run := func(folder string, f func(ctx context.Context, p *platform)) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		p, err := openPlatform(ctx, Config{Data: folder, Storage: Storage{Cache: 1 << 20}}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.startActors(ctx, nobody{}); err != nil {
			t.Fatal(err)
		}
		f(ctx, p)
		if err := p.steps.undo(ctx, p.log); err != nil {
			t.Error(err)
		}
	}
	before, after := t.TempDir(), t.TempDir()
	var ch channel.Channel
	var epoch position.Epoch
	ann := room.Author{User: "42", Name: "Ann"}
	run(before, func(ctx context.Context, p *platform) {
		var err error
		if ch, err = p.channels.Create(ctx, ann.User, "ann", "before"); err != nil {
			t.Fatal(err)
		}
		if _, _, err := p.rooms.Post(ctx, ch.Room, ann, room.Draft{Key: "1", Text: "one"}); err != nil {
			t.Fatal(err)
		}
		epoch = p.node.Epoch()
	})
	if err := os.CopyFS(filepath.Join(after, "tables"), os.DirFS(filepath.Join(before, "tables"))); err != nil {
		t.Fatal(err)
	}
	run(after, func(ctx context.Context, p *platform) {
		if p.node.Epoch() <= epoch {
			t.Errorf("epoch %d after %d", p.node.Epoch(), epoch)
		}
		if _, err := p.channels.SetTitle(ctx, ch.ID, "after"); err != nil {
			t.Errorf("a change of the channel: %v", err)
		}
		if at, _, err := p.rooms.Post(ctx, ch.Room, ann, room.Draft{Key: "2", Text: "two"}); err != nil || at.Offset != 2 {
			t.Errorf("a post: %v, %v", at, err)
		}
		if page, _, err := p.rooms.History(ctx, ch.Room, position.Position{}, 10); err != nil || len(page) != 2 {
			t.Errorf("history: %d danmaku, %v", len(page), err)
		}
	})
}
