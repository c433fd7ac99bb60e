package main

import (
	"log/slog"
	"testing"
	"time"

	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
)

// TestWhatIsNotKeptTakesItsDanmakuAlong: whoever deletes a recording, retention or a person, deletes what was
// said on its pictures.
func TestWhatIsNotKeptTakesItsDanmakuAlong(t *testing.T) {
	p, err := openPlatform(t.Context(), Config{Data: t.TempDir(), Storage: Storage{Cache: 1 << 20}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.steps.undo(t.Context(), p.log); err != nil {
			t.Error(err)
		}
	}()
	if err := p.startActors(t.Context(), nobody{}); err != nil {
		t.Fatal(err)
	}
	ch, err := p.channels.Create(t.Context(), "42", "ann", "title")
	if err != nil {
		t.Fatal(err)
	}
	by := position.Fence{Epoch: 1 << 20, Activation: 1}
	if _, err := p.rooms.SetLive(t.Context(), ch.Room, by, "b1", time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	draft := room.Draft{Key: "k", Text: "hello", MediaTime: time.Minute}
	if _, _, err := p.rooms.Post(t.Context(), ch.Room, room.Author{User: "42", Name: "Ann"}, draft); err != nil {
		t.Fatal(err)
	}
	r := recorded{p.broadcasts, p.channels, p.timeIndex}
	if err := r.Erase(t.Context(), ch.ID, "b1"); fault.CodeOf(err) != "broadcast_running" {
		t.Errorf("while it goes on: %v", err)
	}
	if err := p.rooms.SetOffline(t.Context(), ch.Room, by); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Erase(t.Context(), ch.ID, "b1"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.timeIndex.Page(t.Context(), ch.Room, "b1", room.TimeSpan{To: 2 * time.Minute}); fault.CodeOf(err) != "no_broadcast" {
		t.Errorf("when it was deleted: %v", err)
	}
	if had, err := p.hasRecording(t.Context(), "b1"); had || err != nil {
		t.Errorf("a recording is said to be there: %v, %v", had, err)
	}
}
