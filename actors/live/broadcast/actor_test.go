package broadcast_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/actors/actortest"
	"github.com/barrage-live/barrage/actors/live/broadcast"
	"github.com/barrage-live/barrage/actors/live/channel"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/m3u8"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/packager"
	"github.com/barrage-live/barrage/live/recording"
	"github.com/barrage-live/barrage/live/recording/recordingtest"
)

const (
	ch = id.Channel("4096")
	b1 = id.Broadcast("11111111111111111111111111111111")
	b2 = id.Broadcast("22222222222222222222222222222222")
)

func kind(r *recording.Store) cluster.Kind {
	return broadcast.Kind(broadcast.Deps{
		Recordings: r, Log: slog.New(slog.DiscardHandler),
		Metrics: packager.NewMetrics(prometheus.NewRegistry()),
	})
}

// bubble runs f in fake time with a node of its own.
func bubble(t *testing.T, f func(t *testing.T, n *cluster.Node, c *broadcast.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := recordingtest.New(t)
		n := actortest.Node(t, kind(r))
		f(t, n, broadcast.NewClient(n, r))
		if err := n.Drain(context.Background()); err != nil { // ends the broadcasts with their goroutines
			t.Error(err)
		}
	})
}

func opening(b id.Broadcast, fence channel.Fence, tracks []media.Track) channel.Opening {
	return channel.Opening{Channel: ch, Broadcast: b, Start: time.Now(), Fence: fence, Tracks: tracks}
}

// publish writes some seconds of a source, in their own time.
func publish(t *testing.T, s *live.Stream, d time.Duration) {
	t.Helper()
	for _, u := range (mediatest.Source{Sound: true, Start: time.Now()}).Units(d) {
		<-time.After(time.Until(u.Arrival))
		if err := s.Write(u); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Wait()
}

func tracks() []media.Track { return mediatest.Source{Sound: true}.Tracks() }

func TestBroadcastOverAReconnect(t *testing.T) {
	bubble(t, func(t *testing.T, _ *cluster.Node, c *broadcast.Client) {
		if _, err := c.Locate(t.Context(), ch); !errors.Is(err, broadcast.ErrNotLive) {
			t.Fatalf("before anything is on: %v", err)
		}
		first, err := c.Open(t.Context(), opening(b1, 1, tracks()))
		if err != nil {
			t.Fatal(err)
		}
		publish(t, first, 5*time.Second)
		p, err := c.Locate(t.Context(), ch)
		if err != nil {
			t.Fatal(err)
		}
		if h, err := c.Stats(t.Context(), ch); err != nil || h.Width != 1920 || h.FPS < 29 || len(h.Warnings) != 0 {
			t.Errorf("stats: %+v, %v", h, err)
		}
		if err := c.Interrupt(t.Context(), ch, 1); err != nil {
			t.Fatal(err)
		}
		if !errors.Is(first.Err(), live.ErrEnded) {
			t.Errorf("the stream of the lost publisher: %v", first.Err())
		}
		<-time.After(10 * time.Second)
		second, err := c.Open(t.Context(), opening(b1, 2, tracks()))
		if err != nil {
			t.Fatal(err)
		}
		publish(t, second, 5*time.Second)
		if err := c.Finish(t.Context(), ch, b1); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		s, err := p.Playlist(t.Context(), m3u8.Directives{Part: -1})
		if err != nil || !s.Ended || s.Next != 6 {
			t.Fatalf("at the end: %+v, %v", s, err)
		}
		<-time.After(3 * time.Minute)
		if _, err := c.Locate(t.Context(), ch); !errors.Is(err, broadcast.ErrNotLive) {
			t.Errorf("after it lingered: %v", err)
		}
	})
}

func TestNewerFenceTakesOver(t *testing.T) {
	bubble(t, func(t *testing.T, _ *cluster.Node, c *broadcast.Client) {
		first, err := c.Open(t.Context(), opening(b1, 1, tracks()))
		if err != nil {
			t.Fatal(err)
		}
		publish(t, first, 2*time.Second)
		second, err := c.Open(t.Context(), opening(b1, 2, tracks()))
		if err != nil {
			t.Fatal(err)
		}
		if !errors.Is(first.Err(), live.ErrTakenOver) || first.Write(media.Unit{}) == nil {
			t.Errorf("the old stream: %v", first.Err())
		}
		if _, err := c.Open(t.Context(), opening(b1, 1, tracks())); !errors.Is(err, broadcast.ErrStaleFence) {
			t.Errorf("a stale open: %v", err)
		}
		if err := c.Interrupt(t.Context(), ch, 1); err != nil || second.Err() != nil {
			t.Errorf("a stale interruption: %v, stream %v", err, second.Err())
		}
		if again, err := c.Open(t.Context(), opening(b1, 2, tracks())); err != nil || again != second {
			t.Errorf("a repeated open gives another stream: %v", err)
		}
	})
}

func TestTracksThatCannotBePackaged(t *testing.T) {
	bubble(t, func(t *testing.T, _ *cluster.Node, c *broadcast.Client) {
		if _, err := c.Open(t.Context(), opening(b1, 1, []media.Track{{Config: &media.Config{Codec: media.H264}}})); fault.CodeOf(err) != "bad_video_config" {
			t.Errorf("got %v", err)
		}
		s, err := c.Open(t.Context(), opening(b1, 2, tracks()))
		if err != nil {
			t.Fatal(err)
		}
		publish(t, s, time.Second)
	})
}

func TestNextBroadcastReplacesTheLast(t *testing.T) {
	bubble(t, func(t *testing.T, _ *cluster.Node, c *broadcast.Client) {
		for i, b := range []id.Broadcast{b1, b2} {
			s, err := c.Open(t.Context(), opening(b, channel.Fence(i+1), tracks()))
			if err != nil {
				t.Fatal(err)
			}
			publish(t, s, 3*time.Second)
			if err := c.Finish(t.Context(), ch, b); err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // the recording ends on the side
			list, next, err := c.Recordings(t.Context(), ch, "", 10)
			if err != nil || len(list) != i+1 || next != "" || list[0].Broadcast != b || !list[0].Ended || list[0].Duration < 2900*time.Millisecond {
				t.Errorf("recorded: %+v, %q, %v", list, next, err)
			}
		}
	})
}

func TestDrainEndsTheBroadcast(t *testing.T) {
	bubble(t, func(t *testing.T, n *cluster.Node, c *broadcast.Client) {
		s, err := c.Open(t.Context(), opening(b1, 1, tracks()))
		if err != nil {
			t.Fatal(err)
		}
		publish(t, s, 3*time.Second)
		p, err := c.Locate(t.Context(), ch)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		text, err := p.Playlist(t.Context(), m3u8.Directives{Part: -1})
		if err != nil || !text.Ended || s.Err() == nil {
			t.Errorf("after the drain: %+v, %v, stream %v", text, err, s.Err())
		}
	})
}

// TestWhatGoesOn is what a channel asks whose activation has ended while a broadcast went on.
func TestWhatGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T, n *cluster.Node, c *broadcast.Client) {
		want := func(when string, b id.Broadcast, want *channel.Held) {
			t.Helper()
			got, err := c.Held(t.Context(), ch, b)
			if want == nil && fault.KindOf(err) != fault.NotFound || want != nil && (err != nil || got != *want) {
				t.Errorf("%s: %+v, %v", when, got, err)
			}
		}
		want("before anything is on", b1, nil)
		synctest.Wait() // the answer goes out before the activation ends
		if n.Active() != 0 {
			t.Error("the question stays in memory")
		}
		s, err := c.Open(t.Context(), opening(b1, 3, tracks()))
		if err != nil {
			t.Fatal(err)
		}
		want("on air", b1, &channel.Held{Fence: 3, Stream: s})
		want("another broadcast", b2, nil)
		if err := c.Interrupt(t.Context(), ch, 3); err != nil {
			t.Fatal(err)
		}
		want("interrupted", b1, &channel.Held{Fence: 3})
		if err := c.Finish(t.Context(), ch, b1); err != nil {
			t.Fatal(err)
		}
		want("over", b1, nil)
	})
}
