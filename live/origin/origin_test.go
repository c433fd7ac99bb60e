package origin_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/internal/media/m3u8"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/origin"
	"github.com/barrage-live/barrage/live/packager"
	"github.com/barrage-live/barrage/live/recording"
	"github.com/barrage-live/barrage/live/recording/recordingtest"
)

const (
	ch = id.Channel("4096")
	b1 = id.Broadcast("11111111111111111111111111111111")
	b2 = id.Broadcast("22222222222222222222222222222222")
)

func config(r *recording.Store) origin.Config {
	return origin.Config{Recordings: r, Log: slog.New(slog.DiscardHandler), Metrics: packager.NewMetrics(prometheus.NewRegistry())}
}

// bubble runs f in fake time with an origin of its own.
func bubble(t *testing.T, f func(t *testing.T, r *recording.Store, o *origin.Origin)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := recordingtest.New(t)
		o := origin.New(config(r))
		f(t, r, o)
		if err := o.Drain(context.Background()); err != nil { // ends the packagers with their goroutines
			t.Error(err)
		}
	})
}

// lease is one of an owner that goes on.
func lease(b id.Broadcast, fence uint64) origin.Lease {
	return origin.Lease{Channel: ch, Broadcast: b, Start: time.Now(), Fence: fence, Record: position.Fence{Epoch: 1, Activation: 2 * fence}}
}

// after is the fence of an owner who ends or deletes what was recorded under the lease of that fence.
func after(fence uint64) position.Fence { return position.Fence{Epoch: 1, Activation: 2*fence + 1} }

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
	bubble(t, func(t *testing.T, _ *recording.Store, c *origin.Origin) {
		if _, err := c.Locate(ch); !errors.Is(err, origin.ErrNotLive) {
			t.Fatalf("before anything is on: %v", err)
		}
		first, err := c.Open(t.Context(), lease(b1, 1), tracks())
		if err != nil {
			t.Fatal(err)
		}
		publish(t, first, 5*time.Second)
		p, err := c.Locate(ch)
		if err != nil {
			t.Fatal(err)
		}
		if h, err := c.Health(t.Context(), ch); err != nil || h.Width != 1920 || h.FPS < 29 || len(h.Warnings) != 0 {
			t.Errorf("stats: %+v, %v", h, err)
		}
		if err := c.Interrupt(t.Context(), ch, 1, live.ErrEnded); err != nil {
			t.Fatal(err)
		}
		if !errors.Is(first.Err(), live.ErrEnded) {
			t.Errorf("the stream of the lost publisher: %v", first.Err())
		}
		<-time.After(10 * time.Second)
		second, err := c.Open(t.Context(), lease(b1, 2), tracks())
		if err != nil {
			t.Fatal(err)
		}
		publish(t, second, 5*time.Second)
		if err := c.Finish(t.Context(), ch, b1, 2); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		s, err := p.Playlist(t.Context(), m3u8.Directives{Part: -1})
		if err != nil || !s.Ended || s.Next != 6 {
			t.Fatalf("at the end: %+v, %v", s, err)
		}
		<-time.After(3 * time.Minute)
		if _, err := c.Locate(ch); !errors.Is(err, origin.ErrNotLive) {
			t.Errorf("after it lingered: %v", err)
		}
	})
}

func TestNewerFenceTakesOver(t *testing.T) {
	bubble(t, func(t *testing.T, _ *recording.Store, c *origin.Origin) {
		first, err := c.Open(t.Context(), lease(b1, 1), tracks())
		if err != nil {
			t.Fatal(err)
		}
		publish(t, first, 2*time.Second)
		second, err := c.Open(t.Context(), lease(b1, 2), tracks())
		if err != nil {
			t.Fatal(err)
		}
		if !errors.Is(first.Err(), live.ErrTakenOver) || first.Write(media.Unit{}) == nil {
			t.Errorf("the old stream: %v", first.Err())
		}
		if _, err := c.Open(t.Context(), lease(b1, 1), tracks()); !errors.Is(err, origin.ErrStaleFence) {
			t.Errorf("a stale open: %v", err)
		}
		if err := c.Interrupt(t.Context(), ch, 1, live.ErrEnded); err != nil || second.Err() != nil {
			t.Errorf("a stale interruption: %v, stream %v", err, second.Err())
		}
		if again, err := c.Open(t.Context(), lease(b1, 2), tracks()); err != nil || again != second {
			t.Errorf("a repeated open gives another stream: %v", err)
		}
	})
}

func TestTracksThatCannotBePackaged(t *testing.T) {
	bubble(t, func(t *testing.T, _ *recording.Store, c *origin.Origin) {
		if _, err := c.Open(t.Context(), lease(b1, 1), []media.Track{{Config: &media.Config{Codec: media.H264}}}); fault.CodeOf(err) != "bad_video_config" {
			t.Errorf("got %v", err)
		}
		s, err := c.Open(t.Context(), lease(b1, 2), tracks())
		if err != nil {
			t.Fatal(err)
		}
		publish(t, s, time.Second)
	})
}

func TestNextBroadcastReplacesTheLast(t *testing.T) {
	bubble(t, func(t *testing.T, r *recording.Store, c *origin.Origin) {
		for i, b := range []id.Broadcast{b1, b2} {
			s, err := c.Open(t.Context(), lease(b, uint64(i+1)), tracks())
			if err != nil {
				t.Fatal(err)
			}
			publish(t, s, 3*time.Second)
			if err := c.Finish(t.Context(), ch, b, uint64(i+1)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // the recording ends on the side
			list, next, err := r.List(t.Context(), ch, "", 10)
			if err != nil || len(list) != i+1 || next != "" || list[0].Broadcast != b || list[0].Header.State != index.Ended ||
				list[0].Header.Duration < 2900*time.Millisecond {
				t.Errorf("recorded: %+v, %q, %v", list, next, err)
			}
		}
	})
}

// TestDrainLeavesTheBroadcast: it goes on where its publisher comes next, so nothing says that it has ended.
func TestDrainLeavesTheBroadcast(t *testing.T) {
	bubble(t, func(t *testing.T, r *recording.Store, c *origin.Origin) {
		s, err := c.Open(t.Context(), lease(b1, 1), tracks())
		if err != nil {
			t.Fatal(err)
		}
		publish(t, s, 3*time.Second)
		p, err := c.Locate(ch)
		if err != nil {
			t.Fatal(err)
		}
		waits := make(chan error, 1)
		go func() {
			_, err := p.Playlist(t.Context(), m3u8.Directives{Block: true, MSN: 2, Part: 3})
			waits <- err
		}()
		synctest.Wait()
		if err := c.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-waits; fault.CodeOf(err) != "packager_closed" {
			t.Errorf("who waited for a part hears %v", err)
		}
		text, err := p.Playlist(t.Context(), m3u8.Directives{Part: -1})
		if err != nil || text.Ended || fault.CodeOf(s.Err()) != "node_stopping" {
			t.Errorf("after the drain: %+v, %v, stream %v", text, err, s.Err())
		}
		if h, err := r.Header(t.Context(), b1); err != nil || h.State != index.Open || h.Duration < 2900*time.Millisecond {
			t.Errorf("recorded is %+v, %v", h, err)
		}
		if _, err := c.Open(t.Context(), lease(b1, 2), tracks()); fault.CodeOf(err) != "node_stopping" {
			t.Errorf("the next publisher is told %v", err)
		}
		if err := r.Recover(t.Context(), after(1), b1); err != nil { // nobody holds the recording
			t.Error(err)
		}
	})
}

// TestWhatGoesOn is what a channel asks whose activation has ended while a broadcast went on.
func TestWhatGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T, _ *recording.Store, c *origin.Origin) {
		want := func(when string, want origin.Held) {
			t.Helper()
			if got, err := c.Held(t.Context(), ch); err != nil || got != want {
				t.Errorf("%s: %+v, %v", when, got, err)
			}
		}
		want("before anything is on", origin.Held{})
		s, err := c.Open(t.Context(), lease(b1, 3), tracks())
		if err != nil {
			t.Fatal(err)
		}
		want("opened", origin.Held{Broadcast: b1, Fence: 3, Publishing: true})
		publish(t, s, time.Second)
		want("on air", origin.Held{Broadcast: b1, Fence: 3, Publishing: true, Began: true})
		s.Close(live.ErrEnded)
		want("its publisher has gone", origin.Held{Broadcast: b1, Fence: 3, Began: true})
		if err := c.Interrupt(t.Context(), ch, 3, live.ErrEnded); err != nil {
			t.Fatal(err)
		}
		want("interrupted", origin.Held{Broadcast: b1, Fence: 3})
		if err := c.Finish(t.Context(), ch, b1, 3); err != nil {
			t.Fatal(err)
		}
		want("over", origin.Held{})
	})
}

// TestALeaseThatIsEndedBeforeItIsOpened: the key is revoked, or the broadcast finished, while its publisher
// is on the way. It is remembered for as long as anything may be on the way.
func TestALeaseThatIsEndedBeforeItIsOpened(t *testing.T) {
	bubble(t, func(t *testing.T, _ *recording.Store, c *origin.Origin) {
		revoked := fault.New(fault.Unauthenticated, "key_revoked", "the stream key was revoked or replaced")
		if err := c.Interrupt(t.Context(), ch, 4, revoked); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		if _, err := c.Open(t.Context(), lease(b1, 4), tracks()); !errors.Is(err, revoked) {
			t.Errorf("got %v", err)
		}
		if err := c.Finish(t.Context(), ch, b1, 5); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Open(t.Context(), lease(b1, 5), tracks()); !errors.Is(err, origin.ErrEnded) {
			t.Errorf("got %v", err)
		}
	})
}

// TestAChangeThatPanics: what a publisher makes panic is taken off the air, and the next one is welcome.
func TestAChangeThatPanics(t *testing.T) {
	bubble(t, func(t *testing.T, _ *recording.Store, c *origin.Origin) {
		if _, err := c.Open(t.Context(), lease(b1, 1), []media.Track{{}}); fault.CodeOf(err) != "origin_panicked" {
			t.Fatalf("tracks without a configuration: %v", err)
		}
		if _, err := c.Locate(ch); !errors.Is(err, origin.ErrNotLive) {
			t.Errorf("it is still on: %v", err)
		}
		s, err := c.Open(t.Context(), lease(b2, 2), tracks())
		if err != nil {
			t.Fatal(err)
		}
		publish(t, s, time.Second)
	})
}
