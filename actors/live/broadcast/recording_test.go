package broadcast_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/actors/actortest"
	"github.com/barrage-live/barrage/actors/live/broadcast"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/live/recording"
	"github.com/barrage-live/barrage/live/recording/recordingtest"
)

// TestWhatACrashLeftOpenIsEnded lets the process die that recorded a broadcast; the channel finishes the
// broadcast when it finds its mark.
func TestWhatACrashLeftOpenIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recordingtest.New(t)
		w := recordingtest.Writer(r, ch, b1, time.Now())
		for n := range uint64(3) {
			if err := w.Keep(t.Context(), recording.Piece{
				Segment: index.Segment{Sequence: n, Duration: 2 * time.Second}, Body: []byte("media"), InitBody: []byte("init"), Target: 4 * time.Second,
			}); err != nil {
				t.Fatal(err)
			}
		}
		w.Die()
		n := actortest.Node(t, kind(r))
		c := broadcast.NewClient(n, r)
		if got, err := c.Recording(t.Context(), ch, b1); err != nil || got.Ended || got.Duration != 6*time.Second {
			t.Errorf("before: %+v, %v", got, err)
		}
		for range 2 { // the channel may say it again
			if err := c.Finish(t.Context(), ch, b1); err != nil {
				t.Fatal(err)
			}
			if got, err := c.Recording(t.Context(), ch, b1); err != nil || !got.Ended || got.Duration != 6*time.Second || got.Bytes != 15 {
				t.Errorf("after: %+v, %v", got, err)
			}
		}
		if err := w.Keep(t.Context(), recording.Piece{Segment: index.Segment{Sequence: 3, Gap: true}, Target: 4 * time.Second}); err == nil {
			t.Error("the writer of the fence before still writes")
		}
		synctest.Wait()
		if n.Active() != 0 {
			t.Error("the activation stays")
		}
	})
}

func TestErase(t *testing.T) {
	bubble(t, func(t *testing.T, _ *cluster.Node, c *broadcast.Client) {
		s, err := c.Open(t.Context(), opening(b1, 1, tracks()))
		if err != nil {
			t.Fatal(err)
		}
		publish(t, s, 5*time.Second)
		if err := c.Erase(t.Context(), ch, b1); !errors.Is(err, broadcast.ErrLive) {
			t.Errorf("one that goes on: %v", err)
		}
		if err := c.Finish(t.Context(), ch, b1); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := c.Erase(t.Context(), ch, b1); err != nil { // while it lingers, and what is gone
				t.Fatal(err)
			}
		}
		if _, err := c.Recording(t.Context(), ch, b1); !errors.Is(err, broadcast.ErrNoBroadcast) {
			t.Errorf("afterwards: %v", err)
		}
		if list, _, err := c.Recordings(t.Context(), ch, "", 10); err != nil || len(list) != 0 {
			t.Errorf("afterwards there are %+v, %v", list, err)
		}
		synctest.Wait()
		if _, err := c.Locate(t.Context(), ch); !errors.Is(err, broadcast.ErrNotLive) {
			t.Errorf("it is still served: %v", err)
		}
	})
}
