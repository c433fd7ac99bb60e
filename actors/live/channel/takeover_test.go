package channel_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/actors/live/channel"
	"github.com/barrage-live/barrage/actors/worldtest"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/ingest"
	"github.com/barrage-live/barrage/live/packager"
)

// looped reports whether the owner is told that encoders throw each other out.
func looped(t *testing.T, w *worldtest.World, c channel.Channel) bool {
	t.Helper()
	i, err := w.Channels.Ingest(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(i.Warnings, func(w packager.Warning) bool { return w.Code == "takeover_loop" })
}

// TestTwoEncodersOfOneKeyAreKeptApart: for half an hour each comes back 2 s after it was thrown out or
// refused, and shows its key before it begins, as over RTMP. An ingest that only begins is told the same.
func TestTwoEncodersOfOneKeyAreKeptApart(t *testing.T) {
	for name, verifies := range map[string]bool{"the key is verified first": true, "it only begins": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := worldtest.New(t, worldtest.Config{})
				c := create(t, w, "42", "ann")
				_, key := mint(t, w, c.ID)
				p := ingest.Publication{Key: key, Protocol: "rtmp", Tracks: []media.Track{mediatest.Video()}}
				try := func() (*live.Stream, error) {
					if verifies {
						if err := w.Gate.Verify(t.Context(), p); err != nil {
							return nil, err
						}
					}
					s, err := w.Gate.Begin(t.Context(), p)
					if err != nil {
						return nil, err
					}
					return s, s.Write(media.Unit{Key: true, Arrival: time.Now(), Data: [][]byte{{1}}})
				}
				on, err := try()
				if err != nil {
					t.Fatal(err)
				}
				takeovers, refusals := 0, 0
				for range 900 {
					time.Sleep(2 * time.Second)
					s, err := try()
					switch {
					case err == nil:
						takeovers++
						if err := w.Gate.End(t.Context(), on, live.ErrTakenOver); err != nil {
							t.Fatal(err)
						}
						on = s
					case fault.CodeOf(err) == "takeover_loop":
						refusals++
						if !looped(t, w, c) {
							t.Fatalf("refusal %d is not told to the streamer", refusals)
						}
					default:
						t.Fatal(err)
					}
				}
				// Calms of 30 s, 1, 2, 4, 8 and 8 min, with three takeovers between two of them.
				if takeovers > 24 || refusals != 900-takeovers {
					t.Errorf("%d takeovers and %d refusals in half an hour", takeovers, refusals)
				}
				if err := w.Gate.End(t.Context(), on, errors.New("connection lost")); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// TestWhoOnlyAsksTakesNothingOver: a key may be shown as often as one likes.
func TestWhoOnlyAsksTakesNothingOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := worldtest.New(t, worldtest.Config{})
		c := create(t, w, "42", "ann")
		_, key := mint(t, w, c.ID)
		begin(t, w, key)
		for range 100 {
			time.Sleep(100 * time.Millisecond)
			if err := w.Gate.Verify(t.Context(), ingest.Publication{Key: key, Protocol: "rtmp"}); err != nil {
				t.Fatal(err)
			}
		}
		if looped(t, w, c) {
			t.Error("a loop is told, and nobody was thrown out")
		}
	})
}
