package auth

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/text"
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
		{"a letter that is not drawn", "\u115f\u115f", "", "", "handle_charset"},
		{"a filler between letters", "방\u3164송", "", "", "handle_charset"},
		{"a filler in half width", "방\uffa0송", "", "", "handle_charset"},
		{"a vowel that is not drawn", "ក\u17b4ក", "", "", "handle_charset"},
		{"a selector of variants", "ᠠ\u180bᠠ", "", "", "handle_charset"},
		{"six marks of one script", "ק\u05b0\u05bc\u0591\u0592\u0593\u0594ק", "ק\u05b0\u05bc\u0591\u0592\u0593\u0594ק", "ק\u05b0\u05bc\u0591\u0592\u0593\u0594ק", ""},
		{"seven marks of one script", "ק\u05b0\u05bc\u0591\u0592\u0593\u0594\u0595ק", "", "", "handle_charset"},
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

// TestHandlesThatLookAlikeShareASkeleton lists pairs of which one account only can have one, and pairs of
// which two can.
func TestHandlesThatLookAlikeShareASkeleton(t *testing.T) {
	for _, c := range []struct {
		name, a, b string
		alike      bool
	}{
		{"case", "ANN", "ann", true},
		{"sharp s", "Straße", "STRASSE", true},
		{"full width", "ｃｏｐ", "cop", true},
		{"Cyrillic as a whole", "сор", "cop", true},
		{"Cyrillic in capitals", "СОР", "cop", true},
		{"Cyrillic with letters that are like no small Latin ones", "һарос", "hapoc", true},
		{"Cyrillic paypal", "раураӏ", "paypal", true},
		{"Cyrillic and Latin k", "как", "kak", true},
		{"Greek as a whole", "κατο", "kato", true},
		{"Latin capitals and Cyrillic ones", "BOP", "ВОР", true},
		{"small capitals", "ʟᴇɴᴀ", "lena", true},
		{"small capital i", "ɪvan", "Ivan", true},
		{"Han and katakana", "口口", "ロロ", true},
		{"hiragana and katakana", "へへ", "ヘヘ", true},
		{"dotless i", "ıvan", "ivan", true},
		{"capital i and small l", "Ivan", "lvan", true},
		{"capital i and one", "IVAN", "1VAN", true},
		{"m and rn", "modern", "modem", true},
		{"zero and o", "b0b", "bob", true},
		{"zero and O", "B0B", "BOB", true},
		{"one and l", "player1", "playerl", true},
		{"one and capital i", "player1", "playerI", true},

		{"i and l in small letters", "ivan", "lvan", false},
		{"i and one in small letters", "ivan", "1van", false},
		{"other digits", "player1", "player2", false},
		{"an accent", "Amélie", "Amelie", false},
		{"Cyrillic that is like Latin in capitals only", "нет", "het", false},
		{"Greek in small letters and Latin", "ναν", "nan", false},
		{"words of Chinese", "小明", "小红", false},
		{"syllables of Korean", "앙아", "아앙", false},
	} {
		a, errA := ParseHandle(c.a)
		b, errB := ParseHandle(c.b)
		if errA != nil || errB != nil {
			t.Errorf("%s: %v, %v", c.name, errA, errB)
			continue
		}
		alike := slices.ContainsFunc(a.Skeletons(), func(s string) bool { return slices.Contains(b.Skeletons(), s) })
		if alike != c.alike {
			t.Errorf("%s: %q and %q: %q, %q", c.name, c.a, c.b, a.Skeletons(), b.Skeletons())
		}
	}
}

// TestPeopleKeepTheirCapitals shows that a capital that looks like another letter costs nobody the way they
// write their name.
func TestPeopleKeepTheirCapitals(t *testing.T) {
	for shown, folded := range map[string]string{
		"Ivan": "ivan", "IVAN": "ivan", "Ian": "ian", "ОЛЕГ": "олег", "Олег": "олег", "Μαρία": "μαρία", "ΜΑΡΊΑ": "μαρία", "Weiß": "weiss", "Øre": "øre", "Mira": "mira",
	} {
		h, err := ParseHandle(shown)
		if err != nil || h.Shown != shown || h.Folded != folded || !slices.IsSorted(h.Skeletons()) {
			t.Errorf("%s: %+v, %v", shown, h, err)
		}
	}
}

// A handle that was accepted is accepted again in each of its forms, and folding it again changes nothing:
// else two accounts could share what people take for one name.
func TestHandleNormalisationIsStable(t *testing.T) {
	alphabet := []rune("aAzßéİıſ弹スー가ЖжАОо09_-ſﬁΣσς\u0301\u200dＡ①ǅꭷᎧᏸᏰ")
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOfN(rapid.SampledFrom(alphabet), 1, 40, -1).Draw(t, "handle")
		h, err := ParseHandle(s)
		if err != nil {
			return
		}
		for _, again := range []string{h.Shown, h.Folded} {
			stableHandle(t, h, again)
		}
	})
}

// stableHandle parses a form of a handle again.
func stableHandle(t rapid.TB, h Handle, form string) {
	t.Helper()
	g, err := ParseHandle(form)
	if err != nil || g.Folded != h.Folded || g.Skeleton != h.Skeleton || form == h.Shown && g != h {
		t.Fatalf("%+q gives %+v, of %+v, %v", form, g, h, err)
	}
	if h.Skeleton != text.Skeleton(h.Folded) || h.Likeness != text.Skeleton(h.Shown) || len(h.Skeletons()) > 2 {
		t.Fatalf("%+v", h)
	}
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
			stableHandle(t, h, again)
		}
	})
}
