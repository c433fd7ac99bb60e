package channel

import (
	"testing"
	"time"

	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/packager"
)

func TestJudged(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	advice := packager.Warning{Code: "b_frames"}
	health := func(silent time.Duration) packager.Health {
		return packager.Health{Stats: live.Stats{BitrateBPS: 1, LastArrival: now.Add(-silent)}, Warnings: []packager.Warning{advice}}
	}
	cases := []struct {
		name   string
		phase  Phase
		since  time.Duration
		silent time.Duration
		loop   bool
		want   []string
	}{
		{"well", Live, time.Minute, time.Second, false, []string{"b_frames"}},
		{"silent", Live, time.Minute, 4 * time.Second, false, []string{"no_data", "b_frames"}},
		{"just begun", Live, time.Second, time.Hour, false, []string{"b_frames"}},
		{"lost", Interrupted, time.Second, time.Second, false, []string{"publisher_lost"}},
		{"offline, however the last one was", Offline, 0, time.Second, true, nil},
		{"thrown out by another", Live, time.Minute, time.Second, true, []string{"takeover_loop", "b_frames"}},
		{"both gone", Interrupted, time.Second, time.Second, true, []string{"takeover_loop", "publisher_lost"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := judged(Channel{Phase: c.phase, Since: now.Add(-c.since)}, health(c.silent), c.loop, now)
			if len(got.Warnings) != len(c.want) {
				t.Fatalf("got %v, want %v", got.Warnings, c.want)
			}
			for i, w := range got.Warnings {
				if w.Code != c.want[i] {
					t.Errorf("got %v, want %v", got.Warnings, c.want)
				}
			}
		})
	}
}
