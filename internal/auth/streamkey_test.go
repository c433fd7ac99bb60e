package auth

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestStreamKeyRoundTrip(t *testing.T) {
	k := NewStreamKey("4503599627370497")
	got, err := ParseStreamKey(k.Reveal())
	if err != nil || got != k || !got.Hash().Equal(k.Hash()) {
		t.Errorf("got %v, %v", got, err)
	}
	if len(k.secret) != 32 || len(k.Hint()) != keyHint {
		t.Errorf("secret of %d letters", len(k.secret))
	}
	if other := NewStreamKey(k.Channel); other.Hash().Equal(k.Hash()) {
		t.Error("two keys are equal")
	}
	for _, s := range []string{fmt.Sprint(k), fmt.Sprintf("%v", k)} {
		if strings.Contains(s, k.secret) {
			t.Errorf("%q shows the secret", s)
		}
	}
}

func TestParseStreamKeyRefusals(t *testing.T) {
	secret := strings.Repeat("0", 32)
	cases := []struct{ name, in string }{
		{"empty", ""},
		{"no hyphen", "42" + secret},
		{"no channel", "-" + secret},
		{"no secret", "42-"},
		{"channel zero", "0-" + secret},
		{"channel with a leading zero", "042-" + secret},
		{"channel over 2^53", "9007199254740993-" + secret},
		{"negative channel", "-42-" + secret},
		{"short secret", "42-" + secret[1:]},
		{"long secret", "42-" + secret + "0"},
		{"upper case", "42-" + strings.Repeat("A", 32)},
		{"letters outside the alphabet", "42-" + strings.Repeat("u", 32)},
		{"a query", "42-" + secret[:26] + "?a=b&c"},
		{"a path", "../../etc/passwd"},
		{"a line break", "42-" + secret[:31] + "\n"},
		{"a megabyte", "42-" + strings.Repeat("0", 1<<20)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if k, err := ParseStreamKey(c.in); !errors.Is(err, ErrStreamKey) {
				t.Errorf("got %v, %v", k, err)
			}
		})
	}
}

func FuzzParseStreamKey(f *testing.F) {
	for _, s := range []string{"", "-", "42-" + strings.Repeat("0", 32), "42-" + strings.Repeat("\n", 32), "0-0", "9007199254740991-zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if k, err := ParseStreamKey(s); err == nil && k.Reveal() != s {
			t.Fatalf("%q is read as %q", s, k.Reveal())
		}
	})
}
