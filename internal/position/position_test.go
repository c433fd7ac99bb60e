package position

import "testing"

func TestParse(t *testing.T) {
	for _, p := range []Position{{}, {1, 2}, {1<<64 - 1, 1<<64 - 1}} {
		if got, err := Parse(p.String()); err != nil || got != p {
			t.Errorf("Parse(%s) = %v, %v", p, got, err)
		}
	}
	for _, s := range []string{"", "-", "1", "1-", "01-2", "+1-2", "1-2-3", "18446744073709551616-1", "1 -2"} {
		if p, err := Parse(s); err == nil {
			t.Errorf("Parse(%q) = %v, want refusal", s, p)
		}
	}
}

func TestCompareFollowsTheLog(t *testing.T) {
	ordered := []Position{{}, {1, 1}, {1, 2}, {2, 3}, {2, 4}, {3, 4}}
	for i, p := range ordered {
		for j, q := range ordered {
			if got, want := sign(p.Compare(q)), sign(i-j); got != want {
				t.Errorf("%v.Compare(%v) = %d, want %d", p, q, got, want)
			}
		}
	}
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

func TestFencesAreOrderedByEpochThenActivation(t *testing.T) {
	ordered := []Fence{{}, {0, 1}, {1, 0}, {1, 1}, {1, 7}, {2, 0}, {2, 1}}
	for i, f := range ordered {
		for j, g := range ordered {
			if got, want := sign(f.Compare(g)), sign(i-j); got != want {
				t.Errorf("%v.Compare(%v) = %d, want %d", f, g, got, want)
			}
		}
		if f.IsZero() != (i == 0) {
			t.Errorf("%v is zero: %v", f, f.IsZero())
		}
	}
}
