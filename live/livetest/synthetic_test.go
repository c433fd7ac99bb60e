package livetest_test

import (
	"testing"
	"time"

	"github.com/bluenviron/gohlslib/v2/pkg/playlist"

	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/livetest"
)

// past publishes a source that began some time ago, as a publication of its own, and ends it.
func past(t *testing.T, w *livetest.World, src mediatest.Source, ago, d time.Duration, change func([]media.Unit) []media.Unit) {
	t.Helper()
	src.Start = time.Now().Add(-ago)
	s := live.NewStream(id.NewStream(), src.Tracks())
	if err := w.Attach("a", s); err != nil {
		t.Fatal(err)
	}
	units := src.Units(d)
	if change != nil {
		units = change(units)
	}
	for _, u := range units {
		if err := s.Write(u); err != nil {
			t.Fatal(err)
		}
	}
	s.Close(nil)
	if err := w.End(t.Context(), s, nil); err != nil {
		t.Fatal(err)
	}
}

// TestSyntheticPublications reads over HTTP what comes of publications that no encoder of ours makes.
func TestSyntheticPublications(t *testing.T) {
	jump := func(by time.Duration) func([]media.Unit) []media.Unit {
		return func(u []media.Unit) []media.Unit { return mediatest.Shift(u, mediatest.Index(u, 7*time.Second), by) }
	}
	cases := []struct {
		name    string
		publish func(t *testing.T, w *livetest.World)
		// breaks is how many discontinuities there are, length how long the whole lasts.
		breaks int
		length time.Duration
		claims bool // independent segments
	}{
		{"no audio", func(t *testing.T, w *livetest.World) {
			t.Helper()
			past(t, w, mediatest.Source{}, 12*time.Second, 12*time.Second, nil)
		}, 0, 12 * time.Second, true},
		{"B-frames", func(t *testing.T, w *livetest.World) {
			t.Helper()
			past(t, w, mediatest.Source{Sound: true, BFrames: 2, GOP: 61}, 12*time.Second, 12*time.Second, nil)
		}, 0, 12 * time.Second, true},
		{"keyframe gap of 10 s", func(t *testing.T, w *livetest.World) {
			t.Helper()
			past(t, w, mediatest.Source{Sound: true, GOP: 300}, 20*time.Second, 20*time.Second, nil)
		}, 0, 20 * time.Second, false},
		{"timestamps jump an hour ahead", func(t *testing.T, w *livetest.World) {
			t.Helper()
			past(t, w, mediatest.Source{Sound: true}, 12*time.Second, 12*time.Second, jump(time.Hour))
		}, 1, 11 * time.Second, true}, // what comes before the next IDR picture cannot be decoded
		{"timestamps jump an hour back", func(t *testing.T, w *livetest.World) {
			t.Helper()
			past(t, w, mediatest.Source{Sound: true, From: 2 * time.Hour}, 12*time.Second, 12*time.Second, jump(-time.Hour))
		}, 1, 11 * time.Second, true},
		{"reconnect", func(t *testing.T, w *livetest.World) {
			t.Helper()
			past(t, w, mediatest.Source{Sound: true}, 30*time.Second, 6*time.Second, nil)
			past(t, w, mediatest.Source{Sound: true}, 10*time.Second, 8*time.Second, nil)
		}, 1, 14 * time.Second, true},
		{"one picture a second", func(t *testing.T, w *livetest.World) {
			t.Helper()
			past(t, w, mediatest.Source{FPS: 1, GOP: 4, Sound: true}, 20*time.Second, 20*time.Second, nil)
		}, 0, 20 * time.Second, true},
		{"sound only", func(t *testing.T, w *livetest.World) {
			t.Helper()
			past(t, w, mediatest.Source{NoPictures: true, Sound: true}, 12*time.Second, 12*time.Second, nil)
		}, 0, 12 * time.Second, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := livetest.New(t, livetest.Config{})
			c.publish(t, w)
			w.Finish("a")
			status, _, body := w.Get(t, w.Media("a", "index.m3u8"))
			m := parse(t, status, body)
			sum, breaks := livetest.Tally(m)
			for _, s := range m.Segments {
				if status, _, b := w.Get(t, w.Media("a", s.URI)); status != 200 || len(b) == 0 {
					t.Errorf("%s: %d", s.URI, status)
				}
			}
			if off := sum - c.length; off < -300*time.Millisecond || off > 300*time.Millisecond {
				t.Errorf("the whole lasts %v, want %v", sum, c.length)
			}
			if breaks != c.breaks || !m.Endlist || m.IndependentSegments != c.claims {
				t.Errorf("%d discontinuities, end %v, independent %v", breaks, m.Endlist, m.IndependentSegments)
			}
			status, _, body = w.Get(t, w.URL("a", "index.m3u8"))
			var mv playlist.Multivariant
			if err := mv.Unmarshal(body); err != nil || status != 200 || len(mv.Variants) != 1 {
				t.Errorf("multivariant: %d, %v", status, err)
			}
		})
	}
}
