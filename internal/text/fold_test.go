package text

import (
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "Ann_1": "ann_1", "Weiß": "weiss", "ＡＮＮ": "ann", "Ame\u0301lie": "amélie", "ΜΑΡΊΑΣ": "μαρίασ", "ΐ": "ΐ",
		"ꭷ": "Ꭷ", "Ꭷ": "Ꭷ", "ᏸ": "Ᏸ", "İ": "i\u0307", "ﬁ": "fi", "A\xffB": "a\ufffdb", "Ä\xe5": "ä\ufffd",
	} {
		if got := Fold(in); got != want {
			t.Errorf("%q folds to %q (%+q), want %q", in, got, got, want)
		}
	}
}

// TestFoldIsStableForEveryCharacter goes through all of Unicode: each character folds to what folds to
// itself, and what differs from it in case only folds to the same.
func TestFoldIsStableForEveryCharacter(t *testing.T) {
	t.Parallel()
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		once := Fold(string(r))
		if twice := Fold(once); twice != once {
			t.Errorf("%U folds to %+q and then to %+q", r, once, twice)
		}
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			if got := Fold(string(other)); got != once {
				t.Errorf("%U folds to %+q, %U to %+q", r, once, other, got)
			}
		}
	}
}

func TestFoldIsStableForEveryString(t *testing.T) {
	alphabet := []rune("aAzßéİıſ弹スー가ЖжᾳΙι\u0345\u0301\u0308\u0323\u200dＡ①ǅﬁΣσςꭷᎧᏸᏰẞŉΰ")
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOfN(rapid.OneOf(rapid.SampledFrom(alphabet), rapid.Rune()), 0, 40, -1).Draw(t, "text")
		once := Fold(s)
		if twice := Fold(once); twice != once {
			t.Fatalf("%+q folds to %+q and then to %+q", s, once, twice)
		}
	})
}
