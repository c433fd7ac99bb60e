package origin_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/internal/media/m3u8"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/live/origin"
	"github.com/barrage-live/barrage/live/packager"
	"github.com/barrage-live/barrage/live/recording"
	"github.com/barrage-live/barrage/live/recording/recordingtest"
)

// TestABroadcastGoesOnAfterARestart: the node is drained in a broadcast and starts again. The playlist is
// there before the publisher, and goes on with it; the recording is one.
func TestABroadcastGoesOnAfterARestart(t *testing.T) {
	for name, restored := range map[string]bool{"shown again first": true, "the publisher is the first who comes": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := recordingtest.New(t)
				first := origin.New(config(r))
				s, err := first.Open(t.Context(), lease(b1, 1), tracks())
				if err != nil {
					t.Fatal(err)
				}
				publish(t, s, 7*time.Second)
				p, err := first.Locate(ch)
				if err != nil {
					t.Fatal(err)
				}
				before := body(t, p, 1)
				if err := first.Drain(t.Context()); err != nil {
					t.Fatal(err)
				}
				<-time.After(20 * time.Second)

				o := origin.New(config(r))
				next := lease(b1, 1)
				next.Record, next.Resumes = position.Fence{Epoch: 2, Activation: 2}, true
				if restored {
					for range 2 { // it may be asked again
						if err := o.Restore(t.Context(), next); err != nil {
							t.Fatal(err)
						}
					}
					if h, err := o.Held(t.Context(), ch); err != nil || h != (origin.Held{Broadcast: b1, Fence: 1}) {
						t.Errorf("restored: %+v, %v", h, err)
					}
				}
				next.Fence, next.Record.Activation = 2, 4
				if s, err = o.Open(t.Context(), next, tracks()); err != nil {
					t.Fatal(err)
				}
				if p, err = o.Locate(ch); err != nil {
					t.Fatal(err)
				}
				if again := body(t, p, 1); !bytes.Equal(again, before) {
					t.Errorf("segment 1 has %d bytes, and had %d", len(again), len(before))
				}
				publish(t, s, 4*time.Second)
				text, err := p.Playlist(t.Context(), m3u8.Directives{Part: -1})
				if err != nil || text.Ended || text.First != 0 || text.Next < 5 {
					t.Errorf("after the return: segments %d to %d, ended %v, %v", text.First, text.Next, text.Ended, err)
				}
				if err := o.Finish(t.Context(), ch, b1, 2); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				list, _, err := r.List(t.Context(), ch, "", 10)
				if err != nil || len(list) != 1 || list[0].Header.State != index.Ended || list[0].Header.Duration < 10*time.Second {
					t.Errorf("recorded: %+v, %v", list, err)
				}
				if err := o.Drain(context.Background()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// body reads a segment.
func body(t *testing.T, p *packager.Packager, number uint64) []byte {
	t.Helper()
	r, err := p.Open(t.Context(), packager.Name{Kind: packager.Segment, Number: number})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestThereIsNothingToGoOnFrom: nothing was recorded, or it has ended. A playlist does not begin again.
func TestThereIsNothingToGoOnFrom(t *testing.T) {
	bubble(t, func(t *testing.T, r *recording.Store, o *origin.Origin) {
		resumes := func(fence uint64) origin.Lease {
			l := lease(b1, fence)
			l.Resumes = true
			return l
		}
		if err := o.Restore(t.Context(), resumes(1)); !errors.Is(err, origin.ErrEnded) {
			t.Errorf("never recorded: %v", err)
		}
		if _, err := o.Open(t.Context(), resumes(2), tracks()); !errors.Is(err, origin.ErrEnded) {
			t.Errorf("never recorded: %v", err)
		}
		s, err := o.Open(t.Context(), lease(b1, 3), tracks())
		if err != nil {
			t.Fatal(err)
		}
		publish(t, s, 5*time.Second)
		if err := o.Finish(t.Context(), ch, b1, 3); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		other := origin.New(origin.Config{Recordings: r, Log: slog.New(slog.DiscardHandler), Metrics: config(r).Metrics})
		if err := other.Restore(t.Context(), resumes(4)); !errors.Is(err, origin.ErrEnded) {
			t.Errorf("it has ended: %v", err)
		}
		if _, err := other.Locate(ch); !errors.Is(err, origin.ErrNotLive) {
			t.Errorf("it is shown: %v", err)
		}
	})
}
