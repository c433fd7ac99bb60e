package rtmp_test

import (
	"net"
	"testing"
	"time"

	"github.com/bluenviron/gohlslib/v2/pkg/playlist"

	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/live/livetest"
)

// TestHostileTimestampsOverTheWire publishes what encoders in trouble send, and reads the playlist that
// comes of it, while somebody else publishes.
func TestHostileTimestampsOverTheWire(t *testing.T) {
	for _, c := range []struct {
		name   string
		src    mediatest.Source
		by     time.Duration // the timestamps jump in the midst of it
		breaks int           // at most
		lost   time.Duration // at most
	}{
		// All is sent at once. What is saved up for more than 10 s, or behind a jump, has not happened yet.
		{"a keyframe every 10 s", mediatest.Source{Sound: true, GOP: 300}, 0, 0, 4 * time.Second},
		{"an hour ahead", mediatest.Source{Sound: true}, time.Hour, 1, 7 * time.Second},
		{"an hour back", mediatest.Source{Sound: true, From: 2 * time.Hour}, -time.Hour, 1, 7 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			const length = 14 * time.Second
			w := livetest.New(t, livetest.Config{})
			healthy := publish(t, w, "healthy")
			healthy.play(mediatest.Source{Sound: true}, time.Second)
			follows := reader(t, w, "healthy")
			stream := w.Live("healthy")

			bad := publish(t, w, "a")
			bad.play(c.src, 0) // what announces it
			c.src.Millis = true
			units := c.src.Units(length)
			for _, u := range mediatest.Shift(units, mediatest.Index(units, 7*time.Second), c.by) {
				if err := bad.unit(u); err != nil {
					t.Fatal(err)
				}
			}
			if err := bad.nc.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			livetest.Eventually(t, 30*time.Second, "the publication ends", func() bool { n, _ := w.Ends("a"); return n == 1 })
			w.Finish("a")
			var m playlist.Media
			if status, _, body := w.Get(t, w.Media("a", "index.m3u8")); status != 200 || m.Unmarshal(body) != nil {
				t.Fatalf("%d %s", status, body)
			}
			sum, breaks := livetest.Tally(&m)
			// One more is right when the machine paused in the midst of a burst.
			if breaks > c.breaks+1 || !m.Endlist || sum < length-c.lost-300*time.Millisecond || sum > length+300*time.Millisecond {
				t.Errorf("%d discontinuities, end %v, %v long", breaks, m.Endlist, sum)
			}

			healthy.unharmed(w.Live("healthy") == stream)
			for next(t, follows).DTS < time.Second {
				continue
			}
		})
	}
}
