package problem

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestTheListOfCodesIsWellFormed: that it is whole is tested where all sources are, in the root.
func TestTheListOfCodesIsWellFormed(t *testing.T) {
	word := regexp.MustCompile(`^[a-z][a-z0-9_]{1,47}$`)
	all := Codes()
	for _, c := range all {
		if !word.MatchString(c.Code) || c.Status < 400 || c.Status > 599 || len(c.Meaning) < 10 || !strings.HasSuffix(c.Meaning, ".") {
			t.Errorf("not a line of the list: %+v", c)
		}
	}
	if !slices.IsSortedFunc(all, func(a, b Code) int { return strings.Compare(a.Code, b.Code) }) {
		t.Error("the list is not in the order of the alphabet")
	}
	for i, c := range slices.Backward(all) {
		if i > 0 && all[i-1].Code == c.Code {
			t.Errorf("%q stands twice", c.Code)
		}
	}
	taken := Code{"name_taken", "conflict", 409, false, "This channel name, or one that looks like it, is taken."}
	if !slices.Contains(all, taken) {
		t.Errorf("the list does not hold %+v", taken)
	}
	if i := slices.IndexFunc(all, func(c Code) bool { return c.Code == "method_not_allowed" }); i < 0 || all[i].Status != 405 {
		t.Error("a code does not have the status of its own")
	}
}
