package hls_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"
	"github.com/bluenviron/gohlslib/v2/pkg/playlist"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/internal/media/segmenter"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/egress/hls"
	"github.com/barrage-live/barrage/live/livetest"
	"github.com/barrage-live/barrage/live/packager"
	"github.com/barrage-live/barrage/live/recording"
	"github.com/barrage-live/barrage/live/recording/recordingtest"
	"github.com/barrage-live/barrage/storage/blob"
)

const (
	broadcast = "0123456789abcdef0123456789abcdef"
	base      = "/live/c/" + broadcast + "/source/"
	playlists = base + "index.m3u8"
)

// world is a packager and the handler before it, in a bubble of fake time.
type world struct {
	*testing.T
	handler http.Handler
	box     *packager.Packager
	stream  *live.Stream
	src     mediatest.Source
	started time.Time
	store   *recording.Store
	part    time.Duration
	off     bool // nothing is on any more
}

// Locate implements hls.Locator.
func (w *world) Locate(_ context.Context, channel string) (hls.Source, error) {
	if channel != "c" || w.off {
		return nil, blob.ErrNoObject
	}
	return w.box, nil
}

// Resolve implements hls.Locator.
func (w *world) Resolve(_ context.Context, channel string) (id.Channel, error) {
	if channel != "c" {
		return "78", nil
	}
	return "77", nil
}

// bubble runs f in a world whose window is a minute.
func bubble(t *testing.T, f func(w *world)) {
	t.Helper()
	bubbleOf(t, 500*time.Millisecond, f)
}

// bubbleOf is bubble with parts of another length.
func bubbleOf(t *testing.T, part time.Duration, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		log := slog.New(slog.DiscardHandler)
		w := &world{T: t, part: part, started: time.Now(), store: recordingtest.New(t)}
		var err error
		w.box, err = packager.Start(packager.Config{
			Channel: "77", Broadcast: broadcast, Start: w.started, Window: time.Minute,
			Recorder: recordingtest.Writer(w.store, "77", broadcast, w.started),
			Cut:      segmenter.Config{PartTarget: part}, Log: log, Metrics: packager.NewMetrics(prometheus.NewRegistry()),
		})
		if err != nil {
			t.Fatal(err)
		}
		w.handler = hls.New(hls.Config{Locator: w, Recordings: w.store, Log: log, Metrics: hls.NewMetrics(prometheus.NewRegistry())})
		defer w.box.Close()
		f(w)
	})
}

// publish begins a publication and plays a time of it.
func (w *world) publish(src mediatest.Source, d time.Duration) {
	w.Helper()
	src.Start = time.Now()
	w.src, w.stream = src, live.NewStream(id.NewStream(), src.Tracks())
	if err := w.box.Attach(w.stream); err != nil {
		w.Fatal(err)
	}
	w.play(0, d)
}

func (w *world) play(from, to time.Duration) {
	w.Helper()
	livetest.Play(w.T, w.stream, w.src, from, to)
	synctest.Wait()
}

// on plays on for a time.
func (w *world) on(d time.Duration) {
	w.Helper()
	at := time.Since(w.src.Start)
	w.play(at, at+d)
}

// feed writes prepared units as a publication of a source.
func (w *world) feed(src mediatest.Source, units []media.Unit) {
	w.Helper()
	w.stream = live.NewStream(id.NewStream(), src.Tracks())
	if err := w.box.Attach(w.stream); err != nil {
		w.Fatal(err)
	}
	for _, u := range units {
		<-time.After(time.Until(u.Arrival))
		if err := w.stream.Write(u); err != nil {
			w.Fatal(err)
		}
	}
	synctest.Wait()
}

// do asks and waits for the answer.
func (w *world) do(method, target string, header ...string) *httptest.ResponseRecorder {
	w.Helper()
	r := httptest.NewRequestWithContext(w.Context(), method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec
}

func (w *world) get(target string) *httptest.ResponseRecorder {
	w.Helper()
	return w.do(http.MethodGet, target)
}

// answer is what came of a request that was sent off, and when.
type answer struct {
	*httptest.ResponseRecorder
	after time.Duration
}

// ask sends a request off.
func (w *world) ask(target string) <-chan answer {
	w.Helper()
	got, at := make(chan answer, 1), time.Now()
	go func() { got <- answer{w.get(target), time.Since(at)} }()
	synctest.Wait()
	return got
}

// text is a playlist as it was sent, m as another library reads it.
func (w *world) text(target string) (string, *playlist.Media) {
	w.Helper()
	rec := w.get(target)
	if rec.Code != http.StatusOK {
		w.Fatalf("%s: %d %s", target, rec.Code, rec.Body)
	}
	var m playlist.Media
	if err := m.Unmarshal(rec.Body.Bytes()); err != nil {
		w.Fatalf("%s: %v\n%s", target, err, rec.Body)
	}
	return rec.Body.String(), &m
}

func (w *world) media() *playlist.Media {
	w.Helper()
	_, m := w.text(playlists)
	return m
}

// object fetches what a playlist lists.
func (w *world) object(uri string) []byte {
	w.Helper()
	rec := w.get(base + uri)
	if rec.Code != http.StatusOK {
		w.Fatalf("%s: %d %s", uri, rec.Code, rec.Body)
	}
	return rec.Body.Bytes()
}

// parts lists all parts of a playlist, the open segment's too.
func parts(m *playlist.Media) []*playlist.MediaPart {
	var all []*playlist.MediaPart
	for _, s := range m.Segments {
		all = append(all, s.Parts...)
	}
	return append(all, m.Parts...)
}

// samples are those of one track of one part or segment, with the decode time behind the last.
type samples struct {
	from, to uint64
	all      []mp4.FullSample
}

// read takes bytes apart with another library.
func (w *world) read(initURI string, body []byte) map[uint32]samples {
	w.Helper()
	f, err := mp4.DecodeFile(bytes.NewReader(append(bytes.Clone(w.object(initURI)), body...)))
	if err != nil {
		w.Fatal(err)
	}
	out := map[uint32]samples{}
	for _, segment := range f.Segments {
		for _, frag := range segment.Fragments {
			for _, traf := range frag.Moof.Trafs {
				track := traf.Tfhd.TrackID
				trex, _ := f.Init.Moov.Mvex.GetTrex(track)
				full, err := frag.GetFullSamples(trex)
				if err != nil {
					w.Fatal(err)
				}
				s, seen := out[track]
				if !seen {
					s.from = traf.Tfdt.BaseMediaDecodeTime()
				}
				s.all = append(s.all, full...)
				s.to = traf.Tfdt.BaseMediaDecodeTime()
				for _, x := range full {
					s.to += uint64(x.Dur)
				}
				out[track] = s
			}
		}
	}
	return out
}

func contains(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if !strings.Contains(text, l) {
			t.Errorf("there is no %q in\n%s", l, text)
		}
	}
}

func ungzip(t *testing.T, r io.Reader) string {
	t.Helper()
	z, err := gzip.NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
