package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/gateway/api"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

// timelinePage is an answer of list-danmaku-by-time.
type timelinePage struct {
	Settled bool   `json:"settled"`
	Next    string `json:"next"`
	Danmaku []struct {
		Text  string `json:"text"`
		Media int64  `json:"media_time_ms"`
	} `json:"danmaku"`
}

// TestDanmakuByTime: whoever watches back finds what sits on the pictures, in their order, page by page,
// while the broadcast goes on and for good once it is over.
func TestDanmakuByTime(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.Reads = 1e9 }) // as often as it takes
	p := w.join("ann")
	ch := w.own(p, "anns")
	set := func(n uint64, b id.Broadcast) {
		t.Helper()
		by := position.Fence{Epoch: 1 << 20, Activation: n}
		err := w.Rooms.SetOffline(t.Context(), rid(ch), by)
		if b != "" {
			_, err = w.Rooms.SetLive(t.Context(), rid(ch), by, b, time.Now().Add(-time.Hour))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	set(1, "b1")
	for i, media := range []time.Duration{90 * time.Second, 61 * time.Second, 30 * time.Minute, 61 * time.Second, 119_999 * time.Millisecond, 2 * time.Minute} {
		draft := room.Draft{Key: fmt.Sprint("k", i), Text: fmt.Sprint(i), MediaTime: media}
		if _, _, err := w.Rooms.Post(t.Context(), rid(ch), room.Author{User: p.account.User, Name: "ann"}, draft); err != nil {
			t.Fatal(err)
		}
	}
	const path = "/v1/channels/anns/broadcasts/b1/danmaku"
	read := func(query string) (page timelinePage, control string) {
		t.Helper()
		a := w.do(call{method: "GET", path: path + query})
		if err := json.Unmarshal([]byte(a.body), &page); err != nil || a.status != http.StatusOK || a.header.Get("Etag") == "" {
			t.Fatalf("%s: %d %s, %v", query, a.status, a.body, err)
		}
		return page, a.header.Get("Cache-Control")
	}
	eventually(t, "the index has six danmaku", func() bool {
		all := 0
		for _, query := range []string{"", "?from_ms=60000&to_ms=121000", "?from_ms=1800000"} {
			page, _ := read(query)
			all += len(page.Danmaku)
		}
		return all == 6
	})
	page, control := read("?from_ms=60000&limit=3")
	if got := fmt.Sprint(page); got != "{false OTAwMDAtMQ [{1 61000} {3 61000} {0 90000}]}" || control != "public, max-age=2" {
		t.Errorf("a page: %s, %s", got, control)
	}
	if rest, _ := read("?from_ms=60000&limit=3&cursor=" + page.Next); fmt.Sprint(rest) != "{false  [{4 119999}]}" {
		t.Errorf("the rest: %+v", rest)
	}
	set(2, "")
	eventually(t, "the broadcast is settled", func() bool { page, _ := read("?from_ms=60000"); return page.Settled })
	if page, control := read("?from_ms=60000"); len(page.Danmaku) != 4 || control != "public, max-age=3600" {
		t.Errorf("when it is over: %+v, %s", page, control)
	}
	for query, code := range map[string]string{
		"?from_ms=-1": "validation_failed", "?from_ms=60000&to_ms=1": "bad_time_range", "?to_ms=600001": "bad_time_range",
		"?cursor=x": "bad_cursor", "?cursor=OTAwMDA": "bad_cursor", "?limit=1001": "validation_failed",
	} {
		w.do(call{method: "GET", path: path + query}).want(t, http.StatusUnprocessableEntity, code)
	}
	w.do(call{method: "GET", path: "/v1/channels/nobody/broadcasts/b1/danmaku"}).want(t, http.StatusNotFound, "no_channel")
	if err := w.Timeline.Delete(t.Context(), rid(ch), "b1"); err != nil {
		t.Fatal(err)
	}
	w.do(call{method: "GET", path: path}).want(t, http.StatusNotFound, "no_broadcast")
}
