package auth

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/internal/fault"
)

func TestParseHandle(t *testing.T) {
	cases := []struct{ name, in, shown, folded, code string }{
		{"plain", "ann", "ann", "ann", ""},
		{"case is kept and folded", "AnnBonny", "AnnBonny", "annbonny", ""},
		{"full width", "Ａｎｎ１", "Ann1", "ann1", ""},
		{"sharp s", "Weiß", "Weiß", "weiss", ""},
		{"composed and decomposed are one", "Ame\u0301lie", "Amélie", "amélie", ""},
		{"Chinese", "弹幕君", "弹幕君", "弹幕君", ""},
		{"Chinese with plain Latin", "小明abc", "小明abc", "小明abc", ""},
		{"plain Latin with Japanese", "luckyスター", "luckyスター", "luckyスター", ""},
		{"Korean", "방송왕", "방송왕", "방송왕", ""},
		{"Russian", "Зритель", "Зритель", "зритель", ""},
		{"Hindi with its vowel signs", "हिंदी", "हिंदी", "हिंदी", ""},
		{"Cherokee in small letters, which folds to capitals", "ꭷꮝ0", "ꭷꮝ0", "ᎧᏍ0", ""},
		{"digits, hyphen, underscore", "a-1_b", "a-1_b", "a-1_b", ""},
		{"32 characters", strings.Repeat("弹", 32), strings.Repeat("弹", 32), strings.Repeat("弹", 32), ""},
		{"33 characters", strings.Repeat("a", 33), "", "", "handle_length"},
		{"one character", "a", "", "", "handle_length"},
		{"empty", "", "", "", "handle_length"},
		{"grows over the limit when folded", strings.Repeat("ß", 17), "", "", "handle_length"},
		{"one letter that compatibility makes eighteen", "ﷺa", "", "", "handle_charset"},
		{"a megabyte", strings.Repeat("a", 1<<20), "", "", "handle_length"},
		{"not text", "a\xffb", "", "", "handle_length"},
		{"space", "a b", "", "", "handle_charset"},
		{"line break", "a\nb", "", "", "handle_charset"},
		{"zero width joiner", "an\u200dn", "", "", "handle_charset"},
		{"soft hyphen", "an\u00adn", "", "", "handle_charset"},
		{"right to left override", "an\u202en", "", "", "handle_charset"},
		{"emoji", "ann😀", "", "", "handle_charset"},
		{"stacked accents", "a\u0323\u0334b", "", "", "handle_charset"},
		{"markup", "<b>ann</b>", "", "", "handle_edge_or_charset"},
		{"statement", "a'; drop--", "", "", "handle_charset"},
		{"path", "../ann", "", "", "handle_charset"},
		{"Latin with one Cyrillic letter", "pаypal", "", "", "handle_mixed_scripts"},
		{"Latin with Greek", "αnn", "", "", "handle_mixed_scripts"},
		{"accented Latin with Chinese", "é小明", "", "", "handle_mixed_scripts"},
		{"Cyrillic with Chinese", "小明д", "", "", "handle_mixed_scripts"},
		{"leading hyphen", "-ann", "", "", "handle_edge"},
		{"trailing underscore", "ann_", "", "", "handle_edge"},
		{"a number", "12345", "", "", "handle_no_letter"},
		{"Arabic digits", "ann١٢", "", "", "handle_charset"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h, err := ParseHandle(c.in)
			code := fault.CodeOf(err)
			if c.code == "handle_edge_or_charset" && code != "" {
				return
			}
			if h.Shown != c.shown || h.Folded != c.folded || code != c.code {
				t.Errorf("got %+v, %v", h, err)
			}
			if err != nil && fault.From(err).Field != "handle" {
				t.Errorf("names field %q", fault.From(err).Field)
			}
		})
	}
}

func TestLookalikesShareASkeleton(t *testing.T) {
	for _, pair := range [][2]string{{"cop", "сор"}, {"hapoc", "һарос"}, {"ANN", "ann"}, {"Straße", "STRASSE"}, {"ｃｏｐ", "cop"}} {
		a, errA := ParseHandle(pair[0])
		b, errB := ParseHandle(pair[1])
		if errA != nil || errB != nil || a.Skeleton != b.Skeleton {
			t.Errorf("%q and %q: %q, %q, %v", pair[0], pair[1], a.Skeleton, b.Skeleton, errA)
		}
	}
	a, _ := ParseHandle("player1")
	b, _ := ParseHandle("playerl")
	if a.Skeleton == b.Skeleton {
		t.Error("a digit must not block a letter")
	}
}

func TestLookalikeTableMapsLettersToLatin(t *testing.T) {
	mapped := 0
	for r := rune(utf8.RuneSelf); r < 0x3000; r++ {
		if l := latinLookalike(r); l != r {
			mapped++
			if l < 'a' || l > 'z' {
				t.Errorf("%c becomes %c", r, l)
			}
		}
	}
	if mapped != 33 {
		t.Errorf("%d letters are mapped", mapped)
	}
}

// A handle that was accepted is accepted again in each of its forms, and folding it again changes nothing: else two accounts
// could share what people take for one name.
func TestHandleNormalisationIsStable(t *testing.T) {
	alphabet := []rune("aAzßéİıſ弹スー가ЖжАОо09_-ſﬁΣσς\u0301\u200dＡ①ǅꭷᎧᏸᏰ")
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOfN(rapid.SampledFrom(alphabet), 1, 40, -1).Draw(t, "handle")
		h, err := ParseHandle(s)
		if err != nil {
			return
		}
		for _, again := range []string{h.Shown, h.Folded} {
			g, err := ParseHandle(again)
			if err != nil || g.Folded != h.Folded || g.Skeleton != h.Skeleton {
				t.Fatalf("%q gives %+v, then %+v, %v", s, h, g, err)
			}
		}
	})
}

func FuzzParseHandle(f *testing.F) {
	for _, s := range []string{"ann", "小明abc", "a\u0301", "\xff", "İstanbul", "--", "ﷺ", "ꭷ0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := ParseHandle(s)
		if err != nil {
			return
		}
		for _, again := range []string{h.Shown, h.Folded} {
			if g, err := ParseHandle(again); err != nil || g.Folded != h.Folded || g.Skeleton != h.Skeleton {
				t.Fatalf("%q gives %+v and then %+v, %v", s, h, g, err)
			}
		}
	})
}
