package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/gateway/api"
	"github.com/barrage-live/barrage/gateway/rest"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

func TestChannelOfOnesOwn(t *testing.T) {
	w := newWorld(t, nil)
	p := w.join("ann")
	ch := w.own(p, "Anns-Place")
	if ch["name"] != "anns-place" || ch["live"] != false || ch["state"] != "offline" || ch["viewers"] != 7.0 || ch["playlist_url"] != "/live/anns-place/index.m3u8" ||
		fmt.Sprint(ch["owner"]) != fmt.Sprintf("map[handle:ann id:%s]", p.account.User) {
		t.Errorf("%v", ch)
	}
	for _, name := range []string{"anns-place", "ANNS-PLACE", fmt.Sprint(ch["id"])} {
		if a := w.do(call{method: "GET", path: "/v1/channels/" + name}); a.text("id") != ch["id"] {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	create := func(token, name string) answer {
		return w.do(call{method: "POST", path: "/v1/channels", token: token, body: map[string]any{"name": name, "title": "x"}})
	}
	create(p.token, "second").want(t, http.StatusConflict, "channel_exists")
	bea := w.join("bea")
	create(bea.token, "ANNS-place").want(t, http.StatusConflict, "name_taken")
	create(bea.token, "12345").want(t, http.StatusUnprocessableEntity, "name_no_letter")
	create(bea.token, "a b").want(t, http.StatusUnprocessableEntity, "name_charset")
	for _, word := range []string{"Studio", "docs", "vod", "sub", "whip", "whep", "schemas", "metrics", "healthz", "readyz", "debug", "search", "ad-min"} {
		create(bea.token, word).want(t, http.StatusUnprocessableEntity, "name_reserved")
	}
	for _, nothing := range []string{"nobody", "4503599627370497", "%00", "弹幕"} {
		w.do(call{method: "GET", path: "/v1/channels/" + nothing}).want(t, http.StatusNotFound, "no_channel")
	}
	mine := w.do(call{method: "GET", path: "/v1/me/channels", token: p.token})
	none := w.do(call{method: "GET", path: "/v1/me/channels", token: bea.token})
	if list, _ := mine.json["channels"].([]any); len(list) != 1 || strings.TrimSpace(none.body) != `{"channels":[]}` {
		t.Errorf("%s, %s", mine.body, none.body)
	}
}

func TestLiveChannelAndItsIngest(t *testing.T) {
	w := newWorld(t, nil)
	p := w.join("ann")
	w.own(p, "anns")
	key := w.do(call{method: "POST", path: "/v1/channels/anns/keys", token: p.token})
	if key.status != http.StatusCreated || key.text("rtmp_url") != "rtmp://example.com/live" || key.json["created_at_ms"] == nil {
		t.Fatalf("%d %s", key.status, key.body)
	}
	off := w.do(call{method: "GET", path: "/v1/channels/anns/ingest", token: p.token})
	if off.text("state") != "offline" || off.json["since_ms"] != 0.0 || fmt.Sprint(off.json["warnings"]) != "[]" {
		t.Errorf("%s", off.body)
	}
	w.Publish(t, key.text("stream_key"))
	ch := w.do(call{method: "GET", path: "/v1/channels/anns"})
	start, _ := ch.json["broadcast_start_ms"].(float64)
	if ch.json["live"] != true || ch.text("state") != "live" || ch.text("broadcast") == "" || time.Since(time.UnixMilli(int64(start))) > time.Minute {
		t.Errorf("%s", ch.body)
	}
	on := w.do(call{method: "GET", path: "/v1/channels/anns/ingest", token: p.token})
	if on.text("state") != "live" || on.text("video_codec") == "" || on.json["since_ms"] == 0.0 || !strings.Contains(on.body, `"code":"no_audio"`) {
		t.Errorf("%s", on.body)
	}
	if strings.Contains(on.body, "last_refusal") {
		t.Errorf("nothing was refused: %s", on.body)
	}
	w.Refuse(key.text("stream_key"), fault.New(fault.Invalid, "codec_unsupported", "MP3 is not carried"))
	refused := w.do(call{method: "GET", path: "/v1/channels/anns/ingest", token: p.token})
	if last, _ := refused.json["last_refusal"].(map[string]any); last["code"] != "codec_unsupported" || last["message"] != "MP3 is not carried" || last["protocol"] != "rtmp" || last["at_ms"] == 0.0 {
		t.Errorf("%s", refused.body)
	}
	eventually(t, "the channel is listed", func() bool {
		list, _ := w.do(call{method: "GET", path: "/v1/channels?live=true"}).json["channels"].([]any)
		return len(list) == 1
	})
	keys := w.do(call{method: "GET", path: "/v1/channels/anns/keys", token: p.token})
	if strings.Contains(keys.body, key.text("stream_key")[20:]) || !strings.Contains(keys.body, `"in_use":true`) || !strings.Contains(keys.body, "last_used_at") {
		t.Errorf("%s", keys.body)
	}
	second := w.do(call{method: "POST", path: "/v1/channels/anns/keys", token: p.token})
	keys = w.do(call{method: "GET", path: "/v1/channels/anns/keys", token: p.token})
	if strings.Count(keys.body, "expires_at_ms") != 1 || second.text("stream_key") == key.text("stream_key") {
		t.Errorf("%s", keys.body)
	}
	if a := w.do(call{method: "DELETE", path: "/v1/channels/anns/keys/" + key.text("id"), token: p.token}); a.status != http.StatusNoContent {
		t.Errorf("%d %s", a.status, a.body)
	}
	w.do(call{method: "DELETE", path: "/v1/channels/anns/keys/nothing", token: p.token}).want(t, http.StatusNotFound, "no_key")
}

func TestWhereStreamersPublish(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  api.Config
		want string
	}{
		"the request's host": {api.Config{}, "rtmp://example.com/live"},
		"another port":       {api.Config{RTMPPort: 1936}, "rtmp://example.com:1936/live"},
		"the public host":    {api.Config{Config: rest.Config{Public: "https://live.example.org:8443"}}, "rtmp://live.example.org/live"},
		"an IPv6 host":       {api.Config{Config: rest.Config{Public: "http://[2001:db8::1]:8080"}, RTMPPort: 1936}, "rtmp://[2001:db8::1]:1936/live"},
		"over TLS":           {api.Config{RTMPS: true, RTMPPort: 1935}, "rtmps://example.com:1935/live"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(have *api.Config) {
				have.Public, have.RTMPS, have.RTMPPort = c.cfg.Public, c.cfg.RTMPS, c.cfg.RTMPPort
			})
			p := w.join("ann")
			w.own(p, "anns")
			if a := w.do(call{method: "POST", path: "/v1/channels/anns/keys", token: p.token}); a.text("rtmp_url") != c.want {
				t.Errorf("got %s", a.text("rtmp_url"))
			}
			if a := w.do(call{method: "GET", path: "/v1/channels/anns/keys", token: p.token}); a.text("rtmp_url") != c.want {
				t.Errorf("listed with %s", a.text("rtmp_url"))
			}
		})
	}
}

func TestRoom(t *testing.T) {
	w := newWorld(t, nil)
	p, viewer := w.join("ann"), w.join("viewer1")
	ch := w.own(p, "anns")
	path := fmt.Sprintf("/v1/rooms/%v", ch["room"])
	r := room.NewClient(w.Node)
	ann := room.Author{User: viewer.account.User, Name: "viewer1", Roles: []string{"viewer"}}
	for i := range 3 {
		draft := room.Draft{Key: fmt.Sprintf("k%d", i), Text: fmt.Sprintf("<b>%d</b>", i), Mode: room.Top, Size: room.Large, Colour: 0xff0000, MediaTime: -1}
		if _, _, err := r.Post(t.Context(), rid(ch), ann, draft); err != nil {
			t.Fatal(err)
		}
	}
	a := w.do(call{method: "GET", path: path + "/danmaku?limit=2"})
	list, _ := a.json["danmaku"].([]any)
	if len(list) != 2 || a.json["more"] != true {
		t.Fatalf("%s", a.body)
	}
	first, _ := list[0].(map[string]any)
	if first["text"] != "<b>1</b>" || first["mode"] != "MODE_TOP" || first["size"] != "SIZE_LARGE" || first["colour"] != float64(0xff0000) || first["media_time_ms"] != nil || first["name"] != "viewer1" {
		t.Errorf("%v", first)
	}
	older := w.do(call{method: "GET", path: path + "/danmaku?before=" + a.text("next")})
	if list, _ := older.json["danmaku"].([]any); len(list) != 1 || older.json["more"] != false {
		t.Errorf("%s", older.body)
	}
	w.do(call{method: "GET", path: path + "/danmaku?before=x"}).want(t, http.StatusUnprocessableEntity, "bad_position")
	w.do(call{method: "GET", path: path + "/danmaku?limit=1000"}).want(t, http.StatusUnprocessableEntity, "validation_failed")
	w.do(call{method: "GET", path: "/v1/rooms/4503599627370497/danmaku"}).want(t, http.StatusNotFound, "no_room")
	w.do(call{method: "GET", path: "/v1/rooms/x/danmaku"}).want(t, http.StatusNotFound, "no_room")

	set := w.do(call{method: "PATCH", path: path, token: p.token, body: `{"slow_mode_seconds":30}`})
	if set.status != http.StatusOK || set.json["slow_mode_seconds"] != 30.0 {
		t.Errorf("%d %s", set.status, set.body)
	}
	set = w.do(call{method: "PATCH", path: path, token: p.token, body: `{"max_length":20}`})
	if set.json["slow_mode_seconds"] != 30.0 || set.json["max_length"] != 20.0 {
		t.Errorf("a partial change lost the rest: %s", set.body)
	}
	w.do(call{method: "PATCH", path: path, token: p.token, body: `{"slow_mode_seconds":-1}`}).want(t, http.StatusUnprocessableEntity, "validation_failed")

	if a := w.do(call{method: "GET", path: path}); a.json["max_length"] != 20.0 || a.json["online"] != 7.0 || a.text("channel") != ch["id"] || a.json["created_at_ms"] == 0.0 {
		t.Errorf("%s", a.body)
	}
}

// A danmaku of the past has the members and the words that the socket gives it.
func TestDanmakuAreThoseOfTheSocket(t *testing.T) {
	w := newWorld(t, nil)
	p := w.join("ann")
	ch := w.own(p, "anns")
	draft := room.Draft{Key: "k", Text: "233", Mode: room.Bottom, Size: room.Small, Colour: 0xff0000, MediaTime: 1500 * time.Millisecond}
	if _, err := w.Rooms.SetLive(t.Context(), rid(ch), position.Fence{Epoch: 1, Activation: 1}, "b1", time.Now().Add(-time.Minute)); err != nil {
		t.Fatal(err)
	}
	at, _, err := w.Rooms.Post(t.Context(), rid(ch), room.Author{User: p.account.User, Name: "ann"}, draft)
	if err != nil {
		t.Fatal(err)
	}
	a := w.do(call{method: "GET", path: fmt.Sprintf("/v1/rooms/%v/danmaku", ch["room"])})
	var page struct {
		To      json.RawMessage   `json:"to"`
		Danmaku []json.RawMessage `json:"danmaku"`
	}
	if err := json.Unmarshal([]byte(a.body), &page); err != nil || len(page.Danmaku) != 1 {
		t.Fatalf("%s, %v", a.body, err)
	}
	bare := strings.Replace(string(page.Danmaku[0]), `"broadcast":"b1",`, "", 1) // the one member that the socket does not have
	var got wirepb.Danmaku
	if err := protojson.Unmarshal([]byte(bare), &got); err != nil {
		t.Fatal(err)
	}
	want := &wirepb.Danmaku{
		Epoch: uint64(at.Epoch), Offset: uint64(at.Offset), User: got.GetUser(), Name: "ann", Text: "233", Mode: wirepb.Mode_MODE_BOTTOM,
		Size: wirepb.Size_SIZE_SMALL, Colour: new(uint32(0xff0000)), MediaTimeMs: new(uint64(1500)), SentAtMs: got.GetSentAtMs(),
	}
	if fmt.Sprint(got.GetUser()) != string(p.account.User) || got.GetSentAtMs() == 0 || !proto.Equal(&got, want) {
		t.Errorf("got %v, want %v", &got, want)
	}
	var to wirepb.Position
	if err := protojson.Unmarshal(page.To, &to); err != nil || to.GetOffset() != uint64(at.Offset) || to.GetEpoch() != uint64(at.Epoch) {
		t.Errorf("%s, %v", page.To, err)
	}
}

func TestMutes(t *testing.T) {
	w := newWorld(t, nil)
	p, viewer, second := w.join("ann"), w.join("viewer1"), w.join("viewer2")
	ch := w.own(p, "anns")
	mutes := fmt.Sprintf("/v1/rooms/%v/mutes", ch["room"])
	until := time.Now().Add(time.Hour).UnixMilli()
	order := map[string]any{"until_ms": until}
	first := w.do(call{method: "PUT", path: mutes + "/viewer1", token: p.token, body: order})
	if first.status != http.StatusOK || first.text("user") != string(viewer.account.User) || first.json["until_ms"] != float64(until) || first.text("by") != string(p.account.User) {
		t.Errorf("%d %s", first.status, first.body)
	}
	for _, name := range []string{"viewer1", "VIEWER1", string(viewer.account.User)} { // one user, whatever it is called
		if a := w.do(call{method: "PUT", path: mutes + "/" + name, token: p.token, body: order}); a.json["until_ms"] != float64(until) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	w.do(call{method: "PUT", path: mutes + "/viewer2", token: p.token, body: order})
	seen := map[string]bool{}
	next := ""
	for range 2 {
		a := w.do(call{method: "GET", path: mutes + "?limit=1&cursor=" + next, token: p.token})
		list, _ := a.json["mutes"].([]any)
		if len(list) != 1 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		one, _ := list[0].(map[string]any)
		seen[fmt.Sprint(one["user"])] = true
		next = a.text("next")
	}
	if next != "" || !seen[string(viewer.account.User)] || !seen[string(second.account.User)] {
		t.Errorf("pages show %v, and go on at %q", seen, next)
	}
	if a := w.do(call{method: "DELETE", path: mutes + "/viewer1", token: p.token}); a.status != http.StatusNoContent {
		t.Errorf("%d %s", a.status, a.body)
	}
	if list, _ := w.do(call{method: "GET", path: mutes, token: p.token}).json["mutes"].([]any); len(list) != 1 {
		t.Errorf("%v", list)
	}
	w.do(call{method: "PUT", path: mutes + "/x", token: p.token, body: order}).want(t, http.StatusNotFound, "no_account")
	w.do(call{method: "PUT", path: mutes + "/viewer1", token: p.token, body: `{"until_ms":1}`}).want(t, http.StatusUnprocessableEntity, "bad_mute")
	moderator := w.join("watchman", auth.Moderator)
	w.do(call{method: "PUT", path: mutes + "/ann", token: moderator.token, body: order}).want(t, http.StatusForbidden, "owner_immune")
}

// Pages of a list hold every channel once, also when one of them comes on between two pages.
func TestLiveChannelsByPages(t *testing.T) {
	w := newWorld(t, nil)
	goLive := func(name string) {
		p := w.join(name)
		w.own(p, name+"s")
		w.Publish(t, w.do(call{method: "POST", path: "/v1/channels/" + name + "s/keys", token: p.token}).text("stream_key"))
	}
	page := func(query string) (names []string, next string) {
		a := w.do(call{method: "GET", path: "/v1/channels?live=true" + query})
		list, _ := a.json["channels"].([]any)
		for _, c := range list {
			m, _ := c.(map[string]any)
			names = append(names, fmt.Sprint(m["name"]))
		}
		return names, a.text("next")
	}
	for _, name := range []string{"ann", "bea", "cat"} {
		goLive(name)
	}
	eventually(t, "all are listed", func() bool { names, next := page(""); return len(names) == 3 && next == "" })
	first, next := page("&limit=2")
	goLive("dora")
	eventually(t, "the newest is listed", func() bool { names, _ := page(""); return len(names) == 4 })
	rest, end := page("&limit=2&cursor=" + next)
	if all := append(first, rest...); fmt.Sprint(all) != "[cats beas anns]" || end != "" {
		t.Errorf("pages show %v, and end with %q", all, end)
	}
}
