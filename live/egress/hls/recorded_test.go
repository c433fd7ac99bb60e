package hls_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bluenviron/gohlslib/v2/pkg/playlist"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/live/egress/hls"
	"github.com/barrage-live/barrage/live/packager"
	"github.com/barrage-live/barrage/live/recording/recordingtest"
)

const ownURL = "/live/c/" + broadcast + "/index.m3u8"

// TestTheChannelsURLLeadsToTheBroadcasts: what a channel shows names the broadcast in every URI, so that no
// cache takes it for the next one.
func TestTheChannelsURLLeadsToTheBroadcasts(t *testing.T) {
	bubble(t, func(w *world) {
		w.publish(sound(), 5*time.Second)
		for from, uri := range map[string]string{"/live/c/index.m3u8": broadcast + "/source/index.m3u8", ownURL: "source/index.m3u8"} {
			var m playlist.Multivariant
			if rec := w.get(from); rec.Code != http.StatusOK || m.Unmarshal(rec.Body.Bytes()) != nil || m.Variants[0].URI != uri {
				w.Errorf("%s: %d %s", from, rec.Code, rec.Body)
			}
		}
		if rec := w.get("/live/c/ffffffffffffffffffffffffffffffff/index.m3u8"); rec.Code != http.StatusNotFound {
			w.Errorf("a broadcast that there is not: %d", rec.Code)
		}
		if rec := w.get("/live/other/" + broadcast + "/index.m3u8"); rec.Code != http.StatusNotFound {
			w.Errorf("the broadcast under another channel: %d", rec.Code)
		}
	})
}

// TestAnEndedBroadcastPlaysAtItsURL plays three minutes over a break, with a playlist that lists the last
// minute, and then holds everything the recording shows against what was live.
func TestAnEndedBroadcastPlaysAtItsURL(t *testing.T) {
	bubble(t, func(w *world) {
		live := map[string]*playlist.MediaSegment{} // by URI
		bodies := map[string][]byte{}
		look := func() {
			for _, s := range w.media().Segments {
				if live[s.URI] == nil {
					live[s.URI], bodies[s.URI] = s, bytes.Clone(w.object(s.URI))
				}
			}
		}
		for range 2 {
			w.publish(sound(), time.Second)
			for range 6 {
				w.on(15 * time.Second)
				look()
			}
			w.stream.Close(nil)
			w.box.Interrupt()
			look()
			<-time.After(10 * time.Second)
		}
		w.box.Finish()
		for _, off := range []bool{false, true} { // while its packager is still there, and when it is gone
			w.off = off
			<-time.After(3 * time.Second)
			rec := w.get(playlists)
			var m playlist.Media
			if err := m.Unmarshal(rec.Body.Bytes()); rec.Code != http.StatusOK || err != nil {
				w.Fatalf("%d, %v\n%s", rec.Code, err, rec.Body)
			}
			contains(w.T, rec.Body.String(), "#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-ENDLIST")
			if len(m.Segments) != len(live) || len(live) < 85 || m.MediaSequence != 0 {
				w.Fatalf("%d segments from %d, and %d were live", len(m.Segments), m.MediaSequence, len(live))
			}
			for _, s := range m.Segments {
				was := live[s.URI]
				if was == nil || s.Duration != was.Duration || !s.DateTime.Equal(*was.DateTime) || s.Discontinuity != was.Discontinuity || s.Gap {
					w.Errorf("recorded as %+v, live it was %+v", s, was)
				}
				if !bytes.Equal(w.object(s.URI), bodies[s.URI]) {
					w.Errorf("%s has other bytes than live", s.URI)
				}
			}
			w.read(m.Map.URI, w.object(m.Segments[40].URI)) // another library finds samples in it
			w.ranges(m.Segments[50].URI, bodies[m.Segments[50].URI])
			for _, never := range []string{"1.0.m4s", "99999.m4s", "init-9.mp4"} {
				if rec := w.get(base + never); rec.Code != http.StatusNotFound {
					w.Errorf("%s: %d", never, rec.Code)
				}
			}
			var top playlist.Multivariant
			if rec := w.get(ownURL); rec.Code != http.StatusOK || top.Unmarshal(rec.Body.Bytes()) != nil || top.Variants[0].Resolution == "" ||
				top.Variants[0].Bandwidth < *top.Variants[0].AverageBandwidth || len(top.Variants[0].Codecs) != 2 {
				w.Errorf("%d %s", rec.Code, rec.Body)
			}
		}
	})
}

// busy is a Locator that cannot tell what is on.
type busy struct {
	*world
	on bool
}

func (b *busy) Locate(ctx context.Context, channel string) (hls.Source, error) {
	if b.on {
		return nil, fault.New(fault.Exhausted, "mailbox_full", "too much waits for the actor")
	}
	return b.world.Locate(ctx, channel)
}

// TestWhatIsOnIsNotOverBecauseNobodyCanTell: while it cannot be found out whether a broadcast is on, the
// recording it has so far is not shown as all there is.
func TestWhatIsOnIsNotOverBecauseNobodyCanTell(t *testing.T) {
	bubble(t, func(w *world) {
		b := &busy{world: w}
		w.handler = hls.New(hls.Config{Locator: b, Recordings: w.store, Log: slog.New(slog.DiscardHandler), Metrics: hls.NewMetrics(prometheus.NewRegistry())})
		w.publish(sound(), 20*time.Second)
		if rec := w.get(playlists); rec.Code != http.StatusOK || strings.Contains(rec.Body.String(), "ENDLIST") {
			w.Fatalf("live: %d", rec.Code)
		}
		b.on = true
		<-time.After(3 * time.Second)
		if rec := w.get(playlists); rec.Code != http.StatusTooManyRequests || rec.Header().Get("Cache-Control") != "no-store" {
			w.Errorf("while nobody can tell: %d, %s\n%s", rec.Code, rec.Header().Get("Cache-Control"), rec.Body)
		}
		w.box.Finish()
		if rec := w.get(playlists); rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), "ENDLIST") {
			w.Errorf("one that is over is over, whoever can tell: %d", rec.Code)
		}
	})
}

// TestTheNextBroadcastIsFoundAtOnce: the page asks for it as soon as the channel says that it is on, while
// the one before is remembered.
func TestTheNextBroadcastIsFoundAtOnce(t *testing.T) {
	bubble(t, func(w *world) {
		w.publish(sound(), 3*time.Second)
		w.box.Finish()
		if rec := w.get("/live/c/index.m3u8"); rec.Code != http.StatusOK {
			w.Fatalf("the last broadcast lingers: %d", rec.Code)
		}
		const next = "ffffffffffffffffffffffffffffffff"
		box, err := packager.Start(packager.Config{
			Channel: "77", Broadcast: next, Start: time.Now(), Recorder: recordingtest.Writer(w.store, "77", next, time.Now()),
			Log: slog.New(slog.DiscardHandler), Metrics: packager.NewMetrics(prometheus.NewRegistry()),
		})
		if err != nil {
			w.Fatal(err)
		}
		defer box.Close()
		w.box = box
		<-time.After(20 * time.Millisecond)
		got := w.ask("/live/c/" + next + "/index.m3u8")
		w.publish(sound(), time.Second)
		if a := <-got; a.Code != http.StatusOK {
			w.Errorf("the next one: %d %s", a.Code, a.Body)
		}
	})
}

// ranges asks for parts of a recorded segment.
func (w *world) ranges(uri string, body []byte) {
	w.Helper()
	for header, want := range map[string][]byte{"bytes=0-9": body[:10], "bytes=100-": body[100:], "bytes=-7": body[len(body)-7:]} {
		rec := w.do(http.MethodGet, base+uri, "Range", header)
		if rec.Code != http.StatusPartialContent || !bytes.Equal(rec.Body.Bytes(), want) {
			w.Errorf("%s of %s: %d, %d bytes, want %d", header, uri, rec.Code, rec.Body.Len(), len(want))
		}
	}
	if rec := w.do(http.MethodHead, base+uri); rec.Header().Get("Content-Length") == "" || rec.Body.Len() != 0 || !strings.Contains(rec.Header().Get("Cache-Control"), "immutable") {
		w.Errorf("head: %v", rec.Header())
	}
}

// TestARemovedBroadcastIsGone: what was deleted is shown no longer than a look at the header is believed.
func TestARemovedBroadcastIsGone(t *testing.T) {
	bubble(t, func(w *world) {
		w.publish(sound(), 10*time.Second)
		w.box.Finish()
		w.off = true
		if rec := w.get(playlists); rec.Code != http.StatusOK {
			w.Fatalf("before: %d", rec.Code)
		}
		if err := w.store.Remove(w.Context(), position.Fence{Epoch: 1, Activation: 2}, "77", broadcast); err != nil {
			w.Fatal(err)
		}
		<-time.After(2 * time.Second)
		synctest.Wait()
		for _, url := range []string{playlists, ownURL, base + "0.m4s", base + "init-0.mp4"} {
			if rec := w.get(url); rec.Code != http.StatusNotFound {
				w.Errorf("%s afterwards: %d", url, rec.Code)
			}
		}
	})
}
