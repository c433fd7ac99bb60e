package wheel

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// told is what a clock told and when, in time since its start.
type told struct {
	value string
	after time.Duration
}

func TestClock(t *testing.T) {
	const grain = 10 * time.Millisecond
	for _, c := range []struct {
		name string
		arm  func(c *Clock[string], a, b *Timer[string], now time.Time)
		want []told
	}{
		{"each at its time", func(c *Clock[string], a, b *Timer[string], now time.Time) {
			c.Arm(a, now.Add(time.Hour))
			c.Arm(b, now.Add(time.Second))
		}, []told{{"b", time.Second}, {"a", time.Hour}}},
		{"a time that has passed", func(c *Clock[string], a, _ *Timer[string], now time.Time) {
			c.Arm(a, now.Add(-time.Second))
		}, []told{{"a", grain}}},
		{"Arm moves both ways", func(c *Clock[string], a, b *Timer[string], now time.Time) {
			c.Arm(a, now.Add(time.Second))
			c.Arm(a, now.Add(time.Minute))
			c.Arm(b, now.Add(time.Minute))
			c.Arm(b, now.Add(time.Second))
		}, []told{{"b", time.Second}, {"a", time.Minute}}},
		{"ArmBy moves forward only", func(c *Clock[string], a, b *Timer[string], now time.Time) {
			c.ArmBy(a, now.Add(time.Second))
			c.ArmBy(a, now.Add(time.Minute))
			c.ArmBy(b, now.Add(time.Minute))
			c.ArmBy(b, now.Add(2*time.Second))
		}, []told{{"a", time.Second}, {"b", 2 * time.Second}}},
		{"Disarm", func(c *Clock[string], a, b *Timer[string], now time.Time) {
			c.Arm(a, now.Add(time.Second))
			c.Arm(b, now.Add(time.Second))
			c.Disarm(a)
		}, []told{{"b", time.Second}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				var got []told
				clock := Start(grain, func(_ time.Time, value string) { got = append(got, told{value, time.Since(begin)}) })
				a, b := &Timer[string]{Value: "a"}, &Timer[string]{Value: "b"}
				c.arm(clock, a, b, begin)
				time.Sleep(2 * time.Hour)
				clock.Close()
				if !slices.Equal(got, c.want) {
					t.Errorf("told %v, want %v", got, c.want)
				}
			})
		})
	}
}

// TestClockTellsThoseWhoArmAgain has each telling arm the next, as deadlines of connections do.
func TestClockTellsThoseWhoArmAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, times := time.Now(), 0
		timer := &Timer[int]{}
		var clock *Clock[int]
		ready := make(chan struct{})
		clock = Start(time.Millisecond, func(now time.Time, _ int) {
			<-ready
			if times++; times < 100 {
				clock.Arm(timer, now.Add(time.Minute))
			}
		})
		close(ready)
		clock.Arm(timer, begin.Add(time.Minute))
		time.Sleep(3 * time.Hour)
		clock.Close()
		if times != 100 {
			t.Errorf("told %d times in 3 hours, want once a minute until 100", times)
		}
	})
}
