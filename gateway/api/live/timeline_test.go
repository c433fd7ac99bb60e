package live

import (
	"testing"
	"time"

	"github.com/barrage-live/barrage/actors/live/room"
)

// TestPagesOfThePastAreKeptLonger: who asks for what is on now asks soon again.
func TestPagesOfThePastAreKeptLonger(t *testing.T) {
	for _, c := range []struct {
		settled       bool
		ran, to, want time.Duration
	}{
		{true, 0, time.Minute, settledLife},
		{false, 0, time.Minute, nowLife}, // about to be settled, or never was
		{false, 90 * time.Second, time.Minute, nowLife},
		{false, 91 * time.Second, time.Minute, passedLife},
		{false, 30 * time.Second, time.Minute, nowLife},
	} {
		if got := pageLife(c.settled, c.ran, c.to); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// FuzzMoments: a cursor is taken as it was given, and nothing else is.
func FuzzMoments(f *testing.F) {
	for _, s := range []string{"", "61500-42", "0-0", "-1-1", "9223372036854775807-1", "1-18446744073709551615", "1", "1-", "x-1", "1-1-1", "+1-+1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := parseMoment(s)
		switch {
		case err != nil:
			if m != (room.Moment{}) {
				t.Errorf("%q: refused as %+v", s, m)
			}
		case m.Media < 0:
			t.Errorf("%q is %+v", s, m)
		case s != "":
			if again, err := parseMoment(formatMoment(m)); err != nil || again != m {
				t.Errorf("%q: %+v, then %+v, %v", s, m, again, err)
			}
		}
	})
}
