package identity

import (
	"fmt"
	"testing"
)

// TestFamiliarPlacesAreBounded remembers more places than there is room for: the oldest are forgotten, one
// by one.
func TestFamiliarPlacesAreBounded(t *testing.T) {
	f := newFamiliar()
	for i := range familiarPlaces + 10 {
		f.note("ann", fmt.Sprint(i))
		f.note("ann", fmt.Sprint(i)) // which takes no place
	}
	if len(f.places) != familiarPlaces || len(f.oldest) != familiarPlaces {
		t.Errorf("%d places in a ring of %d, want %d", len(f.places), len(f.oldest), familiarPlaces)
	}
	for i, want := range map[int]bool{0: false, 9: false, 10: true, familiarPlaces + 9: true} {
		if got := f.knows("ann", fmt.Sprint(i)); got != want {
			t.Errorf("place %d is known: %v", i, got)
		}
	}
	if f.knows("bea", "10") {
		t.Error("another account is known there")
	}
}
