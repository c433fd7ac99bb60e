package id

import (
	"strconv"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
)

func TestNumbersFitFloatAndSortByTime(t *testing.T) {
	early := NewUser(epoch.Add(time.Hour))
	late := NewUser(epoch.Add(40 * 365 * 24 * time.Hour))
	for _, u := range []User{early, late} {
		n, err := strconv.ParseUint(string(u), 10, 64)
		if err != nil || n >= 1<<53 {
			t.Errorf("%q: not below 2^53 (%v)", u, err)
		}
		if _, err := ParseNumber[User](string(u)); err != nil {
			t.Errorf("ParseNumber(%q): %v", u, err)
		}
	}
	if len(late) < len(early) || (len(late) == len(early) && late <= early) {
		t.Errorf("later id %s does not sort after %s", late, early)
	}
}

func TestNumbersOfAWrongClock(t *testing.T) {
	for _, now := range []time.Time{{}, time.Unix(0, 0), epoch.Add(-time.Hour), epoch, epoch.Add(1 << 41 * time.Millisecond), epoch.Add(1 << 62)} {
		for range 100 {
			n, err := ParseNumber[User](string(NewUser(now)))
			if early := now.Before(epoch.Add(time.Millisecond)) || now.Equal(epoch.Add(1<<41*time.Millisecond)); err != nil || early != (len(n) == len("4096")) {
				t.Fatalf("at %v: %q, %v; the random bits alone may all be zero", now, n, err)
			}
		}
	}
}

func TestParseNumberRefuses(t *testing.T) {
	for _, s := range []string{"", "0", "007", "-1", "+1", "1.0", "9007199254740993", "abc", "1 "} {
		if _, err := ParseNumber[Room](s); fault.KindOf(err) != fault.Invalid {
			t.Errorf("ParseNumber(%q) = %v, want invalid", s, err)
		}
	}
}
