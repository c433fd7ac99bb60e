package origin_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/live/origin"
	"github.com/barrage-live/barrage/live/recording"
)

func TestRemove(t *testing.T) {
	bubble(t, func(t *testing.T, r *recording.Store, c *origin.Origin) {
		s, err := c.Open(t.Context(), lease(b1, 1), tracks())
		if err != nil {
			t.Fatal(err)
		}
		publish(t, s, 5*time.Second)
		if err := c.Remove(t.Context(), after(1), ch, b1); !errors.Is(err, origin.ErrLive) {
			t.Errorf("one that goes on: %v", err)
		}
		if err := c.Finish(t.Context(), ch, b1, 1); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := c.Remove(t.Context(), after(1), ch, b1); err != nil { // while it lingers, and what is gone
				t.Fatal(err)
			}
		}
		if _, err := r.Header(t.Context(), b1); !errors.Is(err, recording.ErrNone) {
			t.Errorf("afterwards: %v", err)
		}
		if list, _, err := r.List(t.Context(), ch, "", 10); err != nil || len(list) != 0 {
			t.Errorf("afterwards there are %+v, %v", list, err)
		}
		synctest.Wait()
		if _, err := c.Locate(ch); !errors.Is(err, origin.ErrNotLive) {
			t.Errorf("it is still served: %v", err)
		}
	})
}
