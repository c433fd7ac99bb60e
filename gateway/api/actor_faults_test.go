package api_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/barrage-live/barrage/actors/actortest"
	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/gateway/api"
	"github.com/barrage-live/barrage/gateway/api/live"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

// ailingRooms are rooms whose history asks an actor that fails as told.
type ailingRooms struct {
	live.Rooms
	actor *actortest.Ailing
	told  string
}

func (r *ailingRooms) History(ctx context.Context, name id.Room, _ position.Position, _ int) ([]room.Danmaku, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return nil, false, r.actor.Tell(ctx, string(name), r.told)
}

// TestFaultsOfActorsAreProblems passes what befalls an actor on to who asks over HTTP.
func TestFaultsOfActorsAreProblems(t *testing.T) {
	rooms := &ailingRooms{actor: actortest.NewAiling(t)}
	w := newWorldOf(t, func(d *api.Deps) { rooms.Rooms, d.Live.Rooms = d.Live.Rooms, rooms })
	for _, c := range []struct {
		room, told string
		status     int
		kind, code string
		retry      bool
	}{
		{"1", actortest.Panic, http.StatusInternalServerError, "internal", "actor_panicked", false},
		{"1", actortest.Panic, http.StatusInternalServerError, "internal", "actor_panicked", false},
		{"1", actortest.Panic, http.StatusInternalServerError, "internal", "actor_panicked", false},
		{"1", "are you well?", http.StatusServiceUnavailable, "unavailable", "quarantined", true},
		{"2", actortest.Hang, http.StatusGatewayTimeout, "timeout", "deadline_exceeded", false},
		{"2", "me too", http.StatusGatewayTimeout, "timeout", "deadline_exceeded", false},
		{"2", "me too", http.StatusTooManyRequests, "exhausted", "mailbox_full", true},
		{"3", "are you well?", http.StatusOK, "", "", false},
	} {
		rooms.told = c.told
		a := w.do(call{method: http.MethodGet, path: "/v1/rooms/" + c.room + "/danmaku"})
		kind, _ := a.json["kind"].(string)
		code, _ := a.json["code"].(string)
		if a.status != c.status || kind != c.kind || code != c.code {
			t.Errorf("%s %q: %d %s, want %d %s", c.room, c.told, a.status, a.body, c.status, c.code)
		}
		if after := a.header.Get("Retry-After"); (after != "") != c.retry || c.retry && (after < "1" || after > "5") {
			t.Errorf("%s %q: Retry-After %q", c.room, c.told, after)
		}
	}
}
