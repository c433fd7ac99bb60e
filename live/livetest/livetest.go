// Package livetest is the live wing as one world in a test: an RTMP port, a packager for each channel, HLS
// over HTTP, a blob store on disk, and a Gate that knows some keys.
//
// A World owns its listeners and goroutines and ends them with its test. Tests of the wing use it where one
// part alone proves nothing. The Gate is real in what it promises (newest valid publisher wins, a lost one
// may come back) and small in what it knows: channel "c" has key "k-c". It fails the test when it cannot be
// built.
package livetest

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gohlslib/v2/pkg/playlist"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/internal/media/segmenter"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/egress/hls"
	"github.com/barrage-live/barrage/live/ingest"
	"github.com/barrage-live/barrage/live/ingest/rtmp"
	"github.com/barrage-live/barrage/live/packager"
	"github.com/barrage-live/barrage/live/recording"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/blob/fileblob"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// Config shapes a World. The zero value is one as in production.
type Config struct {
	Cut    segmenter.Config
	Window time.Duration
	// RTMP shapes the port; Gate, Log and Metrics are filled in.
	RTMP rtmp.Config
	// Lax makes the Gate judge keys in Begin only, as a Gate without the ability to Verify does.
	Lax bool
	// Log takes what the wing logs, at level debug; nil drops it.
	Log io.Writer
}

// World is a running live wing.
type World struct {
	*Gate
	HTTP    *httptest.Server
	RTMP    *rtmp.Server
	Metrics *prometheus.Registry
}

// New builds a World that ends with its test.
func New(tb testing.TB, cfg Config) *World {
	tb.Helper()
	driver, err := fileblob.Open(fileblob.Config{Dir: tb.TempDir()})
	if err != nil {
		tb.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	if cfg.Log != nil {
		log = slog.New(slog.NewTextHandler(cfg.Log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	w := &World{Metrics: prometheus.NewRegistry()}
	store := recording.New(pebbletest.Open(tb), blob.New(driver), log)
	w.Gate = &Gate{
		store:    store,
		cfg:      packager.Config{Window: cfg.Window, Cut: cfg.Cut, Log: log, Metrics: packager.NewMetrics(w.Metrics)},
		channels: make(map[string]*channel), refused: make(map[string]error),
	}
	w.HTTP = httptest.NewServer(hls.New(hls.Config{Locator: w.Gate, Recordings: store, Log: log, Metrics: hls.NewMetrics(w.Metrics)}))
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	cfg.RTMP.Gate, cfg.RTMP.Log, cfg.RTMP.Metrics = ingest.Gate(strict{w.Gate}), log, rtmp.NewMetrics(w.Metrics)
	if cfg.Lax {
		cfg.RTMP.Gate = w.Gate
	}
	w.RTMP = rtmp.Start(cfg.RTMP, ln)
	tb.Cleanup(func() {
		if err := w.RTMP.Close(); err != nil {
			tb.Error(err)
		}
		w.CloseAll()
		w.HTTP.CloseClientConnections()
		w.HTTP.Close()
	})
	return w
}

// PublishURL is where an encoder publishes to a channel.
func (w *World) PublishURL(channel string) string {
	return "rtmp://" + w.RTMP.Addr().String() + "/live/k-" + channel
}

// URL is that of a path below the channel's.
func (w *World) URL(channel, path string) string { return w.HTTP.URL + "/live/" + channel + "/" + path }

// Gate admits publishers whose key is "k-" and a channel of lower-case letters.
type Gate struct {
	cfg      packager.Config
	store    *recording.Store
	mu       sync.Mutex
	channels map[string]*channel
	refused  map[string]error // the last one of each key
}

type channel struct {
	box    *packager.Packager
	stream *live.Stream
	ended  error // the reason of the last End
	ends   int
}

var (
	_ ingest.Gate     = (*Gate)(nil)
	_ ingest.Verifier = strict{}
	_ ingest.Refuser  = (*Gate)(nil)
	_ hls.Locator     = (*Gate)(nil)
)

// strict is a Gate that judges keys early.
type strict struct{ *Gate }

// Verify implements ingest.Verifier.
func (strict) Verify(_ context.Context, p ingest.Publication) error {
	_, err := channelOf(p.Key)
	return err
}

func channelOf(key string) (string, error) {
	name, ok := strings.CutPrefix(key, "k-")
	if !ok || name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz") != "" {
		return "", fault.New(fault.Unauthenticated, "bad_stream_key", "the stream key is wrong")
	}
	return name, nil
}

// Begin implements ingest.Gate.
func (g *Gate) Begin(_ context.Context, p ingest.Publication) (*live.Stream, error) {
	name, err := channelOf(p.Key)
	if err != nil {
		return nil, err
	}
	s := live.NewStream(id.NewStream(), p.Tracks)
	return s, g.Attach(name, s)
}

// Refused implements ingest.Refuser.
func (g *Gate) Refused(p ingest.Publication, reason error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refused[p.Key] = reason
}

// Refusal is why the last publisher with a key was turned away, nil if none was.
func (g *Gate) Refusal(key string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.refused[key]
}

// Attach puts a Stream on a channel in place of the one before, beginning a broadcast if none is on.
func (g *Gate) Attach(name string, s *live.Stream) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.channels[name]
	if c == nil {
		cfg := g.cfg
		cfg.Channel, cfg.Broadcast, cfg.Start = channelID(name), id.NewBroadcast(), time.Now()
		cfg.Recorder = g.store.Writer(cfg.Broadcast, position.Fence{Epoch: 1, Activation: 1}, index.Header{Channel: cfg.Channel, Start: cfg.Start})
		box, err := packager.Start(cfg)
		if err != nil {
			return err
		}
		c = &channel{box: box}
		g.channels[name] = c
	}
	if c.stream != nil {
		c.stream.Close(live.ErrTakenOver)
	}
	c.stream = s
	return c.box.Attach(s)
}

// End implements ingest.Gate.
func (g *Gate) End(_ context.Context, s *live.Stream, reason error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.channels {
		if c.stream == s {
			c.stream = nil
			c.box.Interrupt()
			c.ended = reason
			c.ends++
		}
	}
	return nil
}

// Ends tells how often a publisher of the channel has ended, takeovers left out, and why the last one did.
func (g *Gate) Ends(name string) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c := g.channels[name]; c != nil {
		return c.ends, c.ended
	}
	return 0, nil
}

// Live is the Stream on the channel, nil when there is none.
func (g *Gate) Live(name string) *live.Stream {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c := g.channels[name]; c != nil {
		return c.stream
	}
	return nil
}

// Finish ends the channel's broadcast.
func (g *Gate) Finish(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c := g.channels[name]; c != nil {
		c.box.Finish()
	}
}

// CloseAll frees all broadcasts.
func (g *Gate) CloseAll() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.channels {
		c.box.Close()
	}
}

// Packager is that of the channel, nil when nothing was on yet.
func (g *Gate) Packager(name string) *packager.Packager {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c := g.channels[name]; c != nil {
		return c.box
	}
	return nil
}

// Locate implements hls.Locator.
func (g *Gate) Locate(_ context.Context, name string) (hls.Source, error) {
	if p := g.Packager(name); p != nil {
		return p, nil
	}
	return nil, fault.New(fault.NotFound, "not_live", "nothing is on")
}

// Resolve implements hls.Locator.
func (g *Gate) Resolve(_ context.Context, name string) (id.Channel, error) {
	return channelID(name), nil
}

// channelID is the number of a channel: the letters of its name, in base 27.
func channelID(name string) id.Channel {
	n := uint64(0)
	for i := range len(name) {
		n = n*27 + uint64(name[i]-'a') + 1
	}
	return id.Channel(strconv.FormatUint(n, 10))
}

// Media is the URL of what lies below the media playlist of the channel's broadcast.
func (w *World) Media(channel, path string) string {
	b := "none"
	if p := w.Packager(channel); p != nil {
		b = string(p.Broadcast())
	}
	return w.URL(channel, b+"/source/"+path)
}

// Get fetches a URL and gives status, header and body. It fails the test on a network error.
func (w *World) Get(tb testing.TB, url string) (int, http.Header, []byte) {
	tb.Helper()
	return w.Do(tb, http.MethodGet, url, nil)
}

// Do is Get with another method and header.
func (w *World) Do(tb testing.TB, method, url string, header http.Header) (int, http.Header, []byte) {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), method, url, nil)
	if err != nil {
		tb.Fatal(err)
	}
	maps.Copy(r.Header, header)
	res, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return res.StatusCode, res.Header, b
}

// Tally is how long the segments of a playlist last together, and how many of them follow a discontinuity.
func Tally(m *playlist.Media) (length time.Duration, breaks int) {
	for _, s := range m.Segments {
		length += s.Duration
		if s.Discontinuity {
			breaks++
		}
	}
	return length, breaks
}

// Eventually waits until a condition holds, and fails the test when it does not within a time. It is for
// what real processes do, which no event of ours announces.
func Eventually(tb testing.TB, within time.Duration, what string, holds func() bool) {
	tb.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(within)
	defer late.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-late.C:
			tb.Fatalf("not within %v: %s", within, what)
		}
	}
}

// Play writes what a source makes between two times since its start, each unit when it is due, and returns
// when the last of it would have been shown. In a synctest bubble that takes no time.
func Play(tb testing.TB, s *live.Stream, src mediatest.Source, from, to time.Duration) {
	tb.Helper()
	for _, u := range src.Units(to) {
		if u.Arrival.Sub(src.Start) < from {
			continue
		}
		<-time.After(time.Until(u.Arrival))
		if err := s.Write(u); err != nil {
			tb.Fatal(err)
		}
	}
	<-time.After(time.Until(src.Start.Add(to)))
}
