package cluster

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestCrashes(t *testing.T) {
	t.Parallel()
	const s = time.Second
	cases := []struct {
		name string
		at   []time.Duration
		rest time.Duration // after the last
	}{
		{"one", []time.Duration{0}, 0},
		{"two", []time.Duration{0, 1 * s}, 0},
		{"three within a minute", []time.Duration{0, 1 * s, 59 * s}, 5 * s},
		{"three within more than a minute", []time.Duration{0, 30 * s, 60 * s}, 0},
		{"the window slides", []time.Duration{0, 30 * s, 60 * s, 61 * s}, 5 * s},
		{"three more double the rest", []time.Duration{0, 0, 0, 10 * s, 10 * s, 10 * s}, 10 * s},
		{"after a rest counting begins again", []time.Duration{0, 0, 0, 10 * s, 10 * s}, 0},
		{"forgiven after ten minutes", []time.Duration{0, 0, 0, 605 * s, 605 * s, 605 * s}, 5 * s},
		{"not yet forgiven", []time.Duration{0, 0, 0, 604 * s, 604 * s, 604 * s}, 10 * s},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			var cr crashes
			var now time.Time
			for _, at := range c.at {
				now = begin.Add(at)
				cr.add(now)
			}
			if got := max(0, cr.left(now)); got != c.rest {
				t.Errorf("rests %v, want %v", got, c.rest)
			}
		})
	}
}

func TestRestsDoubleUpToFiveMinutes(t *testing.T) {
	t.Parallel()
	now := time.Now()
	var c crashes
	var got []time.Duration
	for range 9 {
		for range 3 {
			c.add(now)
		}
		got = append(got, c.left(now)/time.Second)
		now = now.Add(c.left(now))
	}
	want := []time.Duration{5, 10, 20, 40, 80, 160, 300, 300, 300}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("rests %d s, want %d s", got, want)
		}
	}
}

func TestCrashesAlwaysRestAfterThreeInAMinute(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Now()
		var c crashes
		var recent []time.Time // since the last rest
		for range rapid.IntRange(1, 60).Draw(t, "panics") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(2*time.Minute)).Draw(t, "gap")))
			now = now.Add(max(0, c.left(now)))
			recent = append(recent, now)
			n := len(recent)
			want := n >= 3 && now.Sub(recent[n-3]) < crashWindow
			if got := c.add(now); got != want {
				t.Fatalf("rests %v, want %v", got, want)
			}
			if want {
				if r := c.left(now); r < minRest || r > maxRest {
					t.Fatalf("rest of %v", r)
				}
				recent = nil
			}
		}
	})
}
