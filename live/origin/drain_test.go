package origin

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/live/packager"
	"github.com/barrage-live/barrage/live/recording/recordingtest"
)

// TestAChangeThatGetsItsTurnAfterTheDrain: it had asked before, and finds that the broadcast has left.
func TestAChangeThatGetsItsTurnAfterTheDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ch = id.Channel("4096")
		o := New(Config{
			Recordings: recordingtest.New(t), Log: slog.New(slog.DiscardHandler), Metrics: packager.NewMetrics(prometheus.NewRegistry()),
		})
		l := Lease{Channel: ch, Broadcast: "11111111111111111111111111111111", Start: time.Now(), Fence: 1, Record: position.Fence{Epoch: 1, Activation: 2}}
		if _, err := o.Open(t.Context(), l, mediatest.Source{}.Tracks()); err != nil {
			t.Fatal(err)
		}
		p, err := o.queue(ch)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Drain(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := o.await(t.Context(), p); !errors.Is(err, errStopping) || p.users != 0 || len(p.turn) != 0 {
			t.Errorf("got %v; %d wait, and %d have the turn", err, p.users, len(p.turn))
		}
	})
}

// TestAPanicOnTheSide ends itself only.
func TestAPanicOnTheSide(t *testing.T) {
	o := New(Config{Log: slog.New(slog.DiscardHandler)})
	o.aside(func() { panic("once") })
	if err := o.Drain(t.Context()); err != nil {
		t.Error(err)
	}
}
