package api_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

// TestBroadcasts lists, shows and deletes what was recorded of a channel: one that goes on, one that
// ended, and one that a crash left open.
func TestBroadcasts(t *testing.T) {
	w := newWorld(t, nil)
	ann, bob := w.join("ann"), w.join("bob")
	w.own(ann, "anns")
	key := w.do(call{method: "POST", path: "/v1/channels/anns/keys", token: ann.token}).text("stream_key")
	ch, err := w.Channels.Owned(t.Context(), ann.account.User)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Date(2026, time.March, 4, 5, 6, 7, 0, time.UTC)
	ended, crashed := id.Broadcast(fmt.Sprintf("%032x", 1)), id.Broadcast(fmt.Sprintf("%032x", 2))
	w.Record(t, ch, ended, begin, 3, true)
	w.Record(t, ch, crashed, begin.Add(time.Hour), 2, false)
	w.Publish(t, key)
	if ch, err = w.Channels.Get(t.Context(), ch.ID); err != nil {
		t.Fatal(err)
	}
	w.Record(t, ch, ch.Broadcast, ch.Start, 1, false)

	path := "/v1/channels/anns/broadcasts"
	var states, titles []any
	var cursor string
	for range 3 {
		page := w.do(call{method: "GET", path: path + "?limit=1" + cursor})
		if page.status != http.StatusOK {
			t.Fatalf("%d %s", page.status, page.body)
		}
		one := page.json["broadcasts"].([]any)[0].(map[string]any)
		states, titles = append(states, one["id"], one["state"], one["duration_ms"], one["bytes"]), append(titles, one["title"])
		next, _ := page.json["next"].(string)
		cursor = "&cursor=" + next
		if last := len(titles) == 3; last != (next == "") {
			t.Errorf("page %d goes on with %q", len(titles), next)
		}
	}
	want := []any{string(ch.Broadcast), "live", 2000.0, 1000.0, string(crashed), "ended", 4000.0, 2000.0, string(ended), "ended", 6000.0, 3000.0}
	if fmt.Sprint(states) != fmt.Sprint(want) || titles[0] != ch.Title {
		t.Errorf("got  %v of %v\nwant %v", states, titles, want)
	}
	one := w.do(call{method: "GET", path: path + "/" + string(ended)})
	if one.status != http.StatusOK || one.json["playlist"] != "/live/anns/"+string(ended)+"/index.m3u8" || one.json["start_ms"] != float64(begin.UnixMilli()) {
		t.Errorf("%d %s", one.status, one.body)
	}
	for _, c := range []struct {
		call
		status int
		code   string
	}{
		{call{method: "GET", path: path + "?cursor=!"}, 422, "bad_cursor"},
		{call{method: "GET", path: path + "?cursor=eA"}, 422, "bad_cursor"},
		{call{method: "GET", path: "/v1/channels/nobody/broadcasts"}, 404, "no_channel"},
		{call{method: "GET", path: path + "/x"}, 404, "no_broadcast"},
		{call{method: "GET", path: path + "/" + fmt.Sprintf("%032x", 9)}, 404, "no_broadcast"},
		{call{method: "DELETE", path: path + "/" + string(ended)}, 401, "login_required"},
		{call{method: "DELETE", path: path + "/" + string(ended), token: bob.token}, 403, "not_allowed"},
		{call{method: "DELETE", path: path + "/" + string(ended), token: ann.token}, 204, ""},
		{call{method: "DELETE", path: path + "/" + string(ended), token: ann.token}, 404, "no_broadcast"},
		{call{method: "GET", path: path + "/" + string(ended)}, 404, "no_broadcast"},
		{call{method: "GET", path: path + "/" + string(ended) + "/danmaku"}, 404, "no_broadcast"},
		{call{method: "GET", path: path + "/" + string(crashed) + "/danmaku"}, 200, ""},
		{call{method: "DELETE", path: path + "/" + string(ch.Broadcast), token: ann.token}, 409, "broadcast_live"},
		{call{method: "DELETE", path: path + "/" + string(crashed), token: ann.token}, 204, ""},
	} {
		got := w.do(c.call)
		if code, _ := got.json["code"].(string); got.status != c.status || code != c.code {
			t.Errorf("%s %s: %d %q, want %d %q", c.method, c.path, got.status, code, c.status, c.code)
		}
	}
}

// TestABroadcastThatWasNotRecordedIsDeleted by its owner, when it is over: its danmaku are there.
func TestABroadcastThatWasNotRecordedIsDeleted(t *testing.T) {
	w := newWorld(t, nil)
	ann, bob := w.join("ann"), w.join("bob")
	w.own(ann, "anns")
	ch, err := w.Channels.Owned(t.Context(), ann.account.User)
	if err != nil {
		t.Fatal(err)
	}
	b := id.Broadcast(fmt.Sprintf("%032x", 7))
	by := position.Fence{Epoch: 1 << 20, Activation: 1}
	if _, err := w.Rooms.SetLive(t.Context(), ch.Room, by, b, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	draft := room.Draft{Key: "k", Text: "hello", MediaTime: time.Minute}
	if _, _, err := w.Rooms.Post(t.Context(), ch.Room, room.Author{User: ann.account.User, Name: "Ann"}, draft); err != nil {
		t.Fatal(err)
	}
	path := "/v1/channels/anns/broadcasts/" + string(b)
	expect := func(c call, status int, code string) {
		t.Helper()
		got := w.do(c)
		if is, _ := got.json["code"].(string); got.status != status || is != code {
			t.Errorf("%s %s: %d %q, want %d %q", c.method, c.path, got.status, is, status, code)
		}
	}
	expect(call{method: "DELETE", path: path, token: ann.token}, 409, "broadcast_running")
	if err := w.Rooms.SetOffline(t.Context(), ch.Room, by); err != nil {
		t.Fatal(err)
	}
	expect(call{method: "DELETE", path: path, token: bob.token}, 403, "not_allowed")
	expect(call{method: "GET", path: path + "/danmaku"}, 200, "")
	expect(call{method: "DELETE", path: path, token: ann.token}, 204, "")
	expect(call{method: "GET", path: path + "/danmaku"}, 404, "no_broadcast")
	expect(call{method: "DELETE", path: path, token: ann.token}, 404, "no_broadcast")
	expect(call{method: "DELETE", path: path + "0", token: ann.token}, 404, "no_broadcast")
}

// TestABroadcastWhoseDescriptionIsDamagedCanBeDeleted, by its owner, and is shown to nobody.
func TestABroadcastWhoseDescriptionIsDamagedCanBeDeleted(t *testing.T) {
	w := newWorld(t, nil)
	ann := w.join("ann")
	w.own(ann, "anns")
	ch, err := w.Channels.Owned(t.Context(), ann.account.User)
	if err != nil {
		t.Fatal(err)
	}
	b := id.Broadcast(fmt.Sprintf("%032x", 1))
	w.Record(t, ch, b, time.Date(2026, time.March, 4, 5, 6, 7, 0, time.UTC), 3, true)
	w.Damage(t, b)
	path := "/v1/channels/anns/broadcasts"
	for _, c := range []struct {
		call
		status int
	}{
		{call{method: "GET", path: path}, 200},
		{call{method: "GET", path: path + "/" + string(b)}, 500},
		{call{method: "DELETE", path: path + "/" + string(b), token: ann.token}, 204},
		{call{method: "DELETE", path: path + "/" + string(b), token: ann.token}, 404},
	} {
		if got := w.do(c.call); got.status != c.status {
			t.Errorf("%s %s: %d %s, want %d", c.method, c.path, got.status, got.body, c.status)
		}
	}
}
