package identity

import (
	"fmt"
	"testing"
)

// TestFamiliarPlacesAreBounded remembers more accounts than there is room for: those that were logged in to
// longest ago are forgotten, one by one.
func TestFamiliarPlacesAreBounded(t *testing.T) {
	f := newRegulars()
	f.note("regular", "home")
	for i := range familiarAccounts + 10 {
		f.note(fmt.Sprint(i), "home")
		f.note(fmt.Sprint(i), "home") // which takes no place
		if i == familiarAccounts/2 {
			f.note("regular", "home") // comes back, and is not the oldest any more
		}
	}
	if len(f.accounts) != familiarAccounts || f.recent.Len() != familiarAccounts {
		t.Errorf("%d accounts, %d in order, want %d", len(f.accounts), f.recent.Len(), familiarAccounts)
	}
	for name, want := range map[string]bool{"0": false, "10": false, "11": true, fmt.Sprint(familiarAccounts + 9): true, "regular": true} {
		if got := f.knows(name, "home"); got != want {
			t.Errorf("account %s is known: %v", name, got)
		}
	}
	if f.knows("11", "elsewhere") || f.knows("bea", "home") {
		t.Error("what nobody noted is known")
	}
}

// TestNobodyCrowdsOutThePlacesOfOthers has ninety accounts log in from everywhere.
func TestNobodyCrowdsOutThePlacesOfOthers(t *testing.T) {
	f := newRegulars()
	f.note("ann", "home")
	for account := range 90 {
		for place := range 1000 {
			f.note(fmt.Sprint("sybil", account), fmt.Sprint(place))
		}
	}
	if !f.knows("ann", "home") {
		t.Error("the place of another account is forgotten")
	}
	for place, want := range map[int]bool{1000 - familiarPrefixes - 1: false, 1000 - familiarPrefixes: true, 999: true} {
		if got := f.knows("sybil7", fmt.Sprint(place)); got != want {
			t.Errorf("place %d is known: %v", place, got)
		}
	}
}

// TestWhatRefreshesDoesNotCrowdOutWhatWasLoggedInTo, be it a telephone that is somewhere else every hour, or
// all who are online.
func TestWhatRefreshesDoesNotCrowdOutWhatWasLoggedInTo(t *testing.T) {
	f := newFamiliar()
	f.logins.note("ann", "home")
	for place := range 2 * familiarPrefixes {
		f.refreshes.note("ann", fmt.Sprint("on the way ", place))
	}
	if !f.knows("ann", "home") || !f.knows("ann", fmt.Sprint("on the way ", 2*familiarPrefixes-1)) {
		t.Error("the home, or the last place on the way, is forgotten")
	}
	for i := range familiarAccounts {
		f.refreshes.note(fmt.Sprint(i), "somewhere")
	}
	if !f.knows("ann", "home") || f.knows("ann", "somewhere") {
		t.Error("those who are online have crowded out the account, or its places are theirs")
	}
}
