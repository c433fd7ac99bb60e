package auth

import (
	"errors"
	"strings"
	"testing"

	"github.com/barrage-live/barrage/internal/id"
)

func TestRefreshSuccession(t *testing.T) {
	key, salt := NewFamilyKey(), NewSalt()
	first := FirstRefresh(id.NewSession(), key)
	second := first.Successor(key, salt)
	if again := first.Successor(key, salt); again != second {
		t.Error("the same token under the same salt has two successors")
	}
	if other := first.Successor(key, NewSalt()); other == second {
		t.Error("the salt does not matter")
	}
	if second.Generation != 2 || second.Session != first.Session || !first.Authentic(key) || !second.Authentic(key) {
		t.Errorf("got %+v", second)
	}
	if first.Authentic(NewFamilyKey()) {
		t.Error("authentic under another key")
	}
	forged := first
	forged.Generation = 7
	if forged.Authentic(key) {
		t.Error("the generation can be changed")
	}
	forged = first
	forged.Session = id.NewSession()
	if forged.Authentic(key) {
		t.Error("the session can be changed")
	}
}

func TestParseRefresh(t *testing.T) {
	r := FirstRefresh(id.NewSession(), NewFamilyKey())
	s := r.Reveal()
	if got, err := ParseRefresh(s); err != nil || got != r {
		t.Errorf("got %v, %v", got, err)
	}
	if strings.Contains(r.String(), s[33:]) {
		t.Error("String shows the secret")
	}
	session, secret, _ := strings.Cut(s, ".")
	zero := Refresh{Session: r.Session}.Reveal()
	for name, in := range map[string]string{
		"empty": "", "no dot": session + secret, "no secret": session + ".", "no session": "." + secret,
		"session not in hexadecimal": "G" + session[1:] + "." + secret, "short": s[:len(s)-2], "long": s + "AA",
		"generation zero": zero, "padding": s + "=", "line break": s + "\n", "a megabyte": session + "." + strings.Repeat("A", 1<<20),
	} {
		if got, err := ParseRefresh(in); !errors.Is(err, ErrTokenInvalid) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func FuzzParseRefresh(f *testing.F) {
	f.Add("")
	f.Add(FirstRefresh("0123456789abcdef0123456789abcdef", FamilyKey{}).Reveal())
	f.Add("0123456789abcdef0123456789abcdef.AAAAAQ")
	f.Fuzz(func(t *testing.T, s string) {
		if r, err := ParseRefresh(s); err == nil && r.Reveal() != s {
			t.Fatalf("%q is read as %q", s, r.Reveal())
		}
	})
}
