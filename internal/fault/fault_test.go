package fault

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

func TestKindSurvivesWrapping(t *testing.T) {
	base := New(Exhausted, "slow_mode", "wait")
	err := fmt.Errorf("post: %w", fmt.Errorf("room: %w", base))
	if KindOf(err) != Exhausted || CodeOf(err) != "slow_mode" || !errors.Is(err, base) {
		t.Errorf("lost the refusal: %v", err)
	}
}

func TestFromClassifies(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Kind
	}{
		{context.DeadlineExceeded, Timeout},
		{context.Canceled, Unavailable},
		{errors.New("disk"), Internal},
		{Wrap(NotFound, "no_room", "no such room", errors.New("x")), NotFound},
	} {
		if got := KindOf(c.err); got != c.want {
			t.Errorf("KindOf(%v) = %v, want %v", c.err, got, c.want)
		}
	}
	if From(nil) != nil {
		t.Error("From(nil) is not nil")
	}
}

func TestEveryKindHasARow(t *testing.T) {
	seen := map[string]bool{}
	for k := Internal; k <= Unavailable; k++ {
		if k.String() == "" || k.HTTP() < 400 || k.CloseCode() < 1000 || seen[k.String()] {
			t.Errorf("kind %d: incomplete or repeated row %+v", k, k.row())
		}
		seen[k.String()] = true
	}
	if Kind(200).HTTP() != 500 {
		t.Error("an unknown kind is not treated as internal")
	}
}
