package api_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/barrage-live/barrage/actors/live/channel"
	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/gateway/api"
	"github.com/barrage-live/barrage/gateway/api/live"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/problem"
)

// TestHeadIsGetWithoutABody: RFC 9110, 9.3.2. Where there is no GET there is no HEAD, and Allow says so.
func TestHeadIsGetWithoutABody(t *testing.T) {
	w := newWorld(t, nil)
	p := w.join("ann")
	w.own(p, "anns")
	srv := httptest.NewServer(w.handler)
	defer srv.Close()
	ask := func(method, path string) (*http.Response, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+p.token)
		res, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, string(body)
	}
	for _, path := range []string{
		"/v1/channels?live=true", "/v1/channels/anns", "/v1/channels/nobody", "/v1/me", "/v1/errors", "/v1/channels/anns/keys", "/openapi.json",
		"/.well-known/jwks.json", "/v1/nothing",
	} {
		get, _ := ask(http.MethodGet, path)
		head, body := ask(http.MethodHead, path)
		if head.StatusCode != get.StatusCode || body != "" {
			t.Errorf("%s: GET %d, HEAD %d with %q", path, get.StatusCode, head.StatusCode, body)
		}
		for _, name := range []string{"Content-Type", "Cache-Control", "Etag"} {
			if head.Header.Get(name) != get.Header.Get(name) {
				t.Errorf("%s: %s is %q of HEAD and %q of GET", path, name, head.Header.Get(name), get.Header.Get(name))
			}
		}
	}
	for path, want := range map[string]string{"/v1/auth/login": "POST", "/v1/channels/anns": "GET, HEAD, PATCH", "/v1/me": "GET, HEAD"} {
		method := http.MethodDelete
		if path == "/v1/auth/login" {
			method = http.MethodHead
		}
		res, _ := ask(method, path)
		if allow := strings.Join(res.Header.Values("Allow"), ", "); res.StatusCode != http.StatusMethodNotAllowed || allow != want {
			t.Errorf("%s %s: %d, Allow %q, want %q", method, path, res.StatusCode, allow, want)
		}
	}
}

// TestMediaTypesHaveNoCase: RFC 9110, 8.3.1.
func TestMediaTypesHaveNoCase(t *testing.T) {
	w := newWorld(t, nil)
	w.join("ann")
	for _, media := range []string{"APPLICATION/JSON", "Application/Json; Charset=Utf-8", `application/json; charset="UTF-8"`} {
		c := loginAs("ann", password)
		c.header = map[string]string{"Content-Type": media}
		if a := w.do(c); a.status != http.StatusOK {
			t.Errorf("%s: %d %s", media, a.status, a.body)
		}
	}
}

// TestABodyThatBreaksOffIsTheClientsFault sends chunks that are none. Nothing is done, and the connection,
// on which nobody knows where the next request would begin, is closed.
func TestABodyThatBreaksOffIsTheClientsFault(t *testing.T) {
	w := newWorld(t, nil)
	p := w.join("ann")
	w.own(p, "anns")
	srv := httptest.NewServer(w.handler)
	defer srv.Close()
	body := `{"title":"Changed"}`
	chunk := fmt.Sprintf("%x\r\n%s", len(body), body)
	for name, sent := range map[string]string{
		"no size": "zz\r\n" + body + "\r\n0\r\n\r\n", "negative size": "-2\r\n" + body + "\r\n0\r\n\r\n", "no end of a chunk": chunk + "0\r\n\r\n",
		"a long extension": "13;" + strings.Repeat("x", 20<<10) + "\r\n" + body + "\r\n0\r\n\r\n", "nothing after a whole value": chunk + "\r\nzz\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", srv.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			_, err = fmt.Fprintf(conn, "PATCH /v1/channels/anns HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"+
				"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n%s", p.token, sent)
			if err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			said, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != http.StatusBadRequest || !res.Close || !strings.Contains(string(said), `"code":"body_broken"`) {
				t.Errorf("%d, closed: %v, %s, %v", res.StatusCode, res.Close, said, err)
			}
		})
	}
	if ch := w.do(call{method: "GET", path: "/v1/channels/anns"}); ch.text("title") != "A title" {
		t.Errorf("a broken request changed the channel: %s", ch.body)
	}
}

// TestPublicReadsAreCached: who has an answer gets 304, until the answer is another. What is one's own, and
// refusals, nobody keeps.
func TestPublicReadsAreCached(t *testing.T) {
	w := newWorld(t, nil)
	p := w.join("ann")
	ch := w.own(p, "anns")
	draft := room.Draft{Key: "k", Text: "hello", MediaTime: -1}
	if _, _, err := w.Rooms.Post(t.Context(), rid(ch), room.Author{User: p.account.User, Name: "ann"}, draft); err != nil {
		t.Fatal(err)
	}
	for path, control := range map[string]string{
		"/v1/channels?live=true": "public, max-age=1", "/v1/channels/anns": "public, max-age=1",
		"/v1/rooms/" + string(rid(ch)): "public, max-age=1", "/v1/rooms/" + string(rid(ch)) + "/danmaku": "public, max-age=1",
		problem.Catalogue: "public, max-age=300", "/openapi.json": "public, max-age=300", "/.well-known/jwks.json": "public, max-age=300",
	} {
		first := w.do(call{method: "GET", path: path})
		tag := first.header.Get("Etag")
		if first.status != http.StatusOK || first.header.Get("Cache-Control") != control || tag == "" {
			t.Errorf("%s: %d, Cache-Control %q, ETag %q", path, first.status, first.header.Get("Cache-Control"), tag)
		}
		for _, has := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
			again := w.do(call{method: "GET", path: path, header: map[string]string{"If-None-Match": has}})
			if again.status != http.StatusNotModified || again.body != "" || again.header.Get("Etag") != tag || again.header.Get("Cache-Control") != control {
				t.Errorf("%s with %s: %d, %v, %d bytes", path, has, again.status, again.header, len(again.body))
			}
		}
		if other := w.do(call{method: "GET", path: path, header: map[string]string{"If-None-Match": `"other"`}}); other.body != first.body {
			t.Errorf("%s: who has another answer gets %d %s", path, other.status, other.body)
		}
	}
	before := w.do(call{method: "GET", path: "/v1/channels/anns"}).header.Get("Etag")
	w.do(call{method: "PATCH", path: "/v1/channels/anns", token: p.token, body: map[string]any{"title": "Changed"}}).want(t, http.StatusOK, "")
	changed := w.do(call{method: "GET", path: "/v1/channels/anns", header: map[string]string{"If-None-Match": before}})
	if changed.status != http.StatusOK || changed.text("title") != "Changed" {
		t.Errorf("after a change: %d %s", changed.status, changed.body)
	}
	for _, c := range []call{
		{path: "/v1/me", token: p.token},
		{path: "/v1/me/sessions", token: p.token},
		{path: "/v1/channels/anns/keys", token: p.token},
		{path: "/v1/channels/nobody"},
		{path: "/v1/channels/anns", token: "forged"},
		{path: "/v1/channels?live=maybe"},
	} {
		c.method = "GET"
		if a := w.do(c); a.header.Get("Cache-Control") != "no-store" || a.header.Get("Etag") != "" {
			t.Errorf("%s: %d, Cache-Control %q, ETag %q", c.path, a.status, a.header.Get("Cache-Control"), a.header.Get("Etag"))
		}
	}
}

// TestAnAccountReadsItsOwnAtARate whoever reads beside it, and what looks through more than it answers with,
// lists of mutes and of logins, counts for more.
func TestAnAccountReadsItsOwnAtARate(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.Reads = 100 }) // a burst of 100 for an account
	ann, bea := w.join("ann"), w.join("bea")
	room := string(rid(w.own(ann, "anns")))
	reads := func(p person, path string) (n int) {
		for ; n < 1000; n++ {
			if a := w.do(call{method: "GET", path: path, token: p.token}); a.status != http.StatusOK {
				a.want(t, http.StatusTooManyRequests, "rate_limited")
				return n
			}
		}
		return n
	}
	if n := reads(ann, "/v1/me"); n < 90 || n > 200 {
		t.Errorf("an account reads %d times", n)
	}
	if n := reads(bea, "/v1/me"); n < 90 {
		t.Errorf("one beside it %d times", n)
	}
	if n := reads(w.join("fred"), "/v1/me/sessions?limit=1"); n < 1 || n > 4 {
		t.Errorf("logins are listed %d times, all of which are asked", n)
	}
	if n := reads(w.join("cleo", auth.Moderator), "/v1/rooms/"+room+"/mutes"); n < 1 || n > 4 {
		t.Errorf("the mutes are read %d times", n)
	}
	small := newWorld(t, func(c *api.Config) { c.Reads = 10 }) // less at once than the mutes cost
	room = string(rid(small.own(small.join("dora"), "doras")))
	if a := small.do(call{method: "GET", path: "/v1/rooms/" + room + "/mutes", token: small.join("eve", auth.Moderator).token}); a.status != http.StatusOK {
		t.Errorf("with a small limit: %d %s", a.status, a.body)
	}
}

// TestPublicReadsAreLimitedByCost: long pages use up what an address has sooner than short answers, a
// network has four times as much as an address, and others notice nothing.
func TestPublicReadsAreLimitedByCost(t *testing.T) {
	w := newWorld(t, func(c *api.Config) {
		c.Reads = 30 // a burst of 300 for the address and of 1,200 for its network
	})
	ch := w.own(w.join("ann"), "anns")
	reads := func(from, path string) (n int, refused answer) {
		for ; n < 2000; n++ {
			if a := w.do(call{method: "GET", path: path, from: from + ":99"}); a.status != http.StatusOK {
				return n, a
			}
		}
		return n, answer{}
	}
	short, refused := reads("192.0.2.1", "/v1/channels/anns")
	refused.want(t, http.StatusTooManyRequests, "rate_limited")
	if refused.header.Get("Retry-After") != "1" || refused.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", refused.header)
	}
	long, refused := reads("198.51.100.1", "/v1/rooms/"+string(rid(ch))+"/danmaku?limit=200")
	refused.want(t, http.StatusTooManyRequests, "rate_limited")
	if short < 300 || long < 300/21 || long > short/8 {
		t.Errorf("%d short answers and %d long pages for the same", short, long)
	}
	for host := range 20 {
		_, _ = reads(fmt.Sprint("192.0.2.", host+2), "/v1/rooms/"+string(rid(ch))+"/danmaku?limit=200")
	}
	if a := w.do(call{method: "GET", path: "/v1/rooms/" + string(rid(ch)) + "/danmaku?limit=200", from: "192.0.2.99:99"}); a.status != http.StatusTooManyRequests {
		t.Errorf("the network has no bound: %d", a.status)
	}
	if a := w.do(call{method: "GET", path: "/v1/channels/anns", from: "203.0.113.9:99"}); a.status != http.StatusOK {
		t.Errorf("a neighbour: %d %s", a.status, a.body)
	}
}

// TestTheDescriptionIsNotMadeForWhoHasIt: it is large, and costs nothing to say that it is the same.
func TestTheDescriptionIsNotMadeForWhoHasIt(t *testing.T) {
	w := newWorld(t, nil)
	whole := w.do(call{method: "GET", path: "/openapi.json"})
	const n = 200
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		again := w.do(call{method: "GET", path: "/openapi.json", header: map[string]string{"If-None-Match": whole.header.Get("Etag")}})
		if again.status != http.StatusNotModified {
			t.Fatalf("%d", again.status)
		}
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / n; each > uint64(len(whole.body)/2) {
		t.Errorf("304 takes %d bytes each, where the whole has %d", each, len(whole.body))
	}
}

// TestTheListOfChannelsAsksNobodyAboutEach: a page is made of the list and of handles that are known.
func TestTheListOfChannelsAsksNobodyAboutEach(t *testing.T) {
	asked := &counted{}
	w := newWorldOf(t, func(d *api.Deps) {
		asked.ChannelViews = d.Live.ChannelViews
		d.Live.ChannelViews, d.Live.Audience = asked, asked
	})
	const n = 5
	for i := range n {
		p := w.join(fmt.Sprint("streamer", i))
		w.own(p, fmt.Sprint("channel", i))
		ch, err := w.Channels.Owned(t.Context(), p.account.User)
		if err != nil {
			t.Fatal(err)
		}
		asked.live = append(asked.live, ch)
	}
	asked.n.Store(0)
	for range 3 {
		a := w.do(call{method: "GET", path: "/v1/channels?live=true"})
		list, _ := a.json["channels"].([]any)
		if a.status != http.StatusOK || len(list) != n {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if got := asked.n.Load(); got != 0 {
		t.Errorf("%d questions about single channels and rooms", got)
	}
}

// counted counts what is asked about single channels and rooms.
type counted struct {
	live.ChannelViews
	live []channel.Channel
	n    atomic.Int64
}

func (c *counted) Get(ctx context.Context, ch id.Channel) (channel.Channel, error) {
	c.n.Add(1)
	return c.ChannelViews.Get(ctx, ch)
}

func (c *counted) Info(context.Context, id.Room) (room.Info, error) {
	c.n.Add(1)
	return room.Info{}, nil
}

func (c *counted) ListLive(context.Context, string, int) ([]channel.Listed, string, error) {
	list := make([]channel.Listed, 0, len(c.live))
	for _, ch := range c.live {
		list = append(list, channel.Listed{Channel: ch})
	}
	return list, "", nil
}
