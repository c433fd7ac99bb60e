package hls_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/internal/media/m3u8"
	"github.com/barrage-live/barrage/live/egress/hls"
	"github.com/barrage-live/barrage/live/packager"
	"github.com/barrage-live/barrage/live/recording"
)

// fixed is a Source with one big segment and a playlist that fails as it is told to.
type fixed struct {
	segment []byte
	err     error
	asked   int
	ended   bool
}

// Ended implements hls.Source.
func (f *fixed) Ended() bool { return f.ended }

// Locate implements hls.Locator.
func (f *fixed) Locate(_ context.Context, channel string) (hls.Source, error) {
	f.asked++
	if channel != "c" {
		return nil, fault.New(fault.NotFound, "no_channel", "there is no such channel")
	}
	return f, nil
}

// Broadcast implements hls.Source.
func (f *fixed) Broadcast() id.Broadcast { return broadcast }

// Resolve implements hls.Locator.
func (f *fixed) Resolve(context.Context, string) (id.Channel, error) { return "77", nil }

// nothing has no recordings.
type nothing struct{ hls.Recordings }

func (nothing) Header(context.Context, id.Broadcast) (index.Header, error) {
	return index.Header{}, recording.ErrNone
}

// Multivariant implements hls.Source.
func (f *fixed) Multivariant(context.Context, string) (packager.Document, error) {
	text := func() []byte { return []byte("#EXTM3U\n") }
	return packager.Document{Plain: text, Gzip: text}, f.err
}

// Playlist implements hls.Source.
func (f *fixed) Playlist(context.Context, m3u8.Directives) (*packager.Snapshot, error) {
	return nil, f.err
}

// Open implements hls.Source.
func (f *fixed) Open(context.Context, packager.Name) (io.ReadSeekCloser, error) {
	return packager.NewHeld(f.segment), f.err
}

func newHandler(f *fixed) http.Handler {
	return hls.New(hls.Config{
		Locator: f, Recordings: nothing{}, Log: slog.New(slog.DiscardHandler), Metrics: hls.NewMetrics(prometheus.NewRegistry()),
	})
}

const segmentPath = base + "0.m4s"

func TestErrorsAreProblems(t *testing.T) {
	cases := []struct {
		err    error
		status int
		code   string
	}{
		{fault.New(fault.NotFound, "no_media", "x"), 404, "no_media"},
		{fault.New(fault.Invalid, "playlist_too_far", "x"), 400, "playlist_too_far"},
		{fault.New(fault.Unavailable, "playlist_timeout", "x").After(time.Second), 503, "playlist_timeout"},
		{io.ErrUnexpectedEOF, 500, "internal"},
	}
	for _, c := range cases {
		t.Run(c.code, func(t *testing.T) {
			h := newHandler(&fixed{err: c.err})
			for _, path := range []string{"/live/c/index.m3u8", playlists, segmentPath} {
				rec := httptest.NewRecorder()
				h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
				if rec.Code != c.status || rec.Header().Get("Content-Type") != "application/problem+json" ||
					!strings.Contains(rec.Body.String(), fmt.Sprintf("%q", c.code)) {
					t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
				}
			}
		})
	}
}

// TestRequestsThatEndEarly tells clients that are still there why the server has ended their requests.
func TestRequestsThatEndEarly(t *testing.T) {
	stopping := fault.New(fault.Unavailable, "server_stopping", "x").After(time.Second)
	for _, c := range []struct {
		cause  error
		status int
	}{{nil, 499}, {stopping, http.StatusServiceUnavailable}} {
		ctx, end := context.WithCancelCause(t.Context())
		end(c.cause)
		rec := httptest.NewRecorder()
		newHandler(&fixed{err: ctx.Err()}).ServeHTTP(rec, httptest.NewRequestWithContext(ctx, http.MethodGet, playlists, nil))
		if rec.Code != c.status || (rec.Header().Get("Retry-After") == "1") != (c.cause != nil) {
			t.Errorf("%v: %d %v", c.cause, rec.Code, rec.Header())
		}
	}
}

func TestPathsThatNameNothing(t *testing.T) {
	f := &fixed{}
	h := newHandler(f)
	for _, path := range []string{
		"/", "/live/", "/live/c", "/live/c/", "/live//index.m3u8", "/live/c/source/", "/live/c/source/x/0.m4s",
		"/live/c/source/index.m3u8", "/live/c/" + broadcast, "/live/c/" + broadcast + "/", "/live/c/" + broadcast + "/source/",
		"/live/c/" + broadcast + "/other/index.m3u8", base + "0.m4s/", base + "../0.m4s",
		"/live/c/" + strings.ToUpper(broadcast) + "/source/0.m4s", "/live/" + strings.Repeat("c", 200) + "/index.m3u8",
		"/live/c/index.m3u8/", base + "00.m4s",
	} {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if rec.Code != http.StatusNotFound {
			t.Errorf("%q: %d", path, rec.Code)
		}
	}
	if f.asked != 0 {
		t.Errorf("the locator was asked %d times for nothing", f.asked)
	}
}

func TestLocatorIsNotAskedForEveryRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fixed{}
		h := newHandler(f)
		asked := func(requests int, path string) int {
			before := f.asked
			for range requests {
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
			}
			return f.asked - before
		}
		if n := asked(100, segmentPath); n != 1 {
			t.Errorf("asked %d times", n)
		}
		if n := asked(3, "/live/x/index.m3u8"); n != 3 {
			t.Errorf("what is not there was remembered: asked %d times", n)
		}
		time.Sleep(500 * time.Millisecond)
		if n := asked(100, segmentPath); n != 0 {
			t.Errorf("asked %d times after half a second", n)
		}
		f.ended = true // a URL names its broadcast: nothing has to be asked sooner
		if n := asked(100, segmentPath); n != 0 {
			t.Errorf("asked %d times after the broadcast ended", n)
		}
	})
}

// TestSlowClientIsCutOff opens a segment far larger than the socket buffers and reads nothing.
func TestSlowClientIsCutOff(t *testing.T) {
	h := newHandler(&fixed{segment: make([]byte, 64<<20)})
	finished := make(chan time.Duration, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		// The deadline of the handler is minutes for 64 MB; the test moves every deadline that is set nearer.
		h.ServeHTTP(hasty{w}, r)
		finished <- time.Since(begin)
	}))
	defer s.Close()
	nc, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = nc.Close() }()
	if _, err := fmt.Fprintf(nc, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", segmentPath); err != nil {
		t.Fatal(err)
	}
	select {
	case d := <-finished:
		if d < hastyDeadline/2 {
			t.Errorf("ended after %v, before the deadline", d)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("a client that reads nothing holds the handler")
	}
}

// hasty is a response writer whose write deadlines come sooner.
type hasty struct{ http.ResponseWriter }

const hastyDeadline = 2 * time.Second

// SetWriteDeadline moves a deadline to hastyDeadline from now.
func (h hasty) SetWriteDeadline(t time.Time) error {
	if !t.IsZero() {
		t = time.Now().Add(hastyDeadline)
	}
	return http.NewResponseController(h.ResponseWriter).SetWriteDeadline(t)
}

// TestHTTP2 is point 23 for servers with TLS.
func TestHTTP2(t *testing.T) {
	s := httptest.NewUnstartedServer(newHandler(&fixed{segment: make([]byte, 1<<20)}))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+segmentPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if b, err := io.ReadAll(res.Body); err != nil || len(b) != 1<<20 || res.ProtoMajor != 2 {
		t.Errorf("HTTP/%d, %d bytes, %v", res.ProtoMajor, len(b), err)
	}
}
