package actors_test

import (
	"testing"
	"time"

	"github.com/barrage-live/barrage/actors"
	"github.com/barrage-live/barrage/actors/actortest"
	"github.com/barrage-live/barrage/actors/live/bell"
	"github.com/barrage-live/barrage/cluster"
)

// TestBell rings bells of a node that has every kind of the census.
func TestBell(t *testing.T) {
	kinds := actors.Kinds(nil, actors.Deps{})
	actortest.Bubble(t, kinds, func(t *testing.T, n *cluster.Node) {
		c := bell.NewClient(n)
		for _, step := range []struct {
			name        string
			times, want int
			after       time.Duration
		}{
			{"front", 2, 2, 0},
			{"front", 3, 5, 0},
			{"back", 1, 1, 0},
			{"front", 1, 6, 30 * time.Second},
			{"front", 1, 1, 2 * time.Minute}, // it has forgotten
		} {
			time.Sleep(step.after)
			if got, err := c.Ring(t.Context(), step.name, step.times); err != nil || got != step.want {
				t.Errorf("%s bell: %d, %v; want %d", step.name, got, err, step.want)
			}
		}
	})
}
