package text

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/internal/fault"
)

func TestLine(t *testing.T) {
	for _, c := range []struct{ name, in, want, code string }{
		{"plain", "hello", "hello", ""},
		{"trimmed", " \t 你好\u3000\n", "你好", ""},
		{"composed", "e\u0301te\u0301", "été", ""},
		{"markup is text", "<b onx=1>", "<b onx=1>", ""},
		{"statement is text", "'; DROP TABLE--", "'; DROP TABLE--", ""},
		{"line break inside", "a\nb", "", "bad_text"},
		{"NUL", "a\x00b", "", "bad_text"},
		{"escape", "a\x1b[31m", "", "bad_text"},
		{"delete", "a\x7f", "", "bad_text"},
		{"C1", "a\u0085b", "", "bad_text"},
		{"line separator", "a\u2028b", "", "bad_text"},
		{"paragraph separator", "a\u2029b", "", "bad_text"},
		{"annotation", "a\ufff9b", "", "bad_text"},
		{"noncharacter", "a\ufffeb", "", "bad_text"},
		{"noncharacter in the middle", "a\ufdd0b", "", "bad_text"},
		{"noncharacter of a high plane", "a\U0010ffffb", "", "bad_text"},
		{"replacement character", "a\ufffd", "", "bad_text"},
		{"not UTF-8", "a\xff", "", "bad_text"},
		{"surrogate", "\xed\xa0\x80", "", "bad_text"},
		{"as long as allowed", strings.Repeat("弹", 20), strings.Repeat("弹", 20), ""},
		{"one too long", strings.Repeat("弹", 21), "", "text_too_long"},
		{"one too long in Arabic", strings.Repeat("م", 21), "", "text_too_long"},
		{"a megabyte", strings.Repeat("x", 1<<20), "", "text_too_long"},
		{"decomposed within the length", strings.Repeat("e\u0301", 20), strings.Repeat("é", 20), ""},
	} {
		checkLine(t, c.name, c.in, c.want, c.code)
	}
}

func TestLineShowsSomething(t *testing.T) {
	for name, in := range map[string]string{
		"nothing": "", "spaces": " \u3000\u00a0\u2003", "zero width": "\u200b\u200d\ufeff\u2060", "fillers": "\u3164\u2800\u115f\u1160\uffa0",
		"accents without a letter": "\u0301\u0301", "soft hyphens": "\u00ad\u00ad", "tags": "\U000E0068\U000E0069", "marks of direction": "\u200e\u200f\u061c",
		"empty isolate": "\u2066\u2069", "variation selectors": "\ufe0f\U000E0100", "blank hieroglyph": "\U00013441", "null notehead": "\U0001D159",
		"Khmer vowels that are not drawn": "\u17b4\u17b5", "Mongolian separator": "\u180e", "unassigned and ignorable": "\U000E01F0", "grapheme joiner": "\u034f",
	} {
		checkLine(t, name, in, "", "bad_text")
		checkLine(t, name+" around a letter", in+"弹"+in, "", "ok")
	}
}

func TestLineInEveryScript(t *testing.T) {
	for name, in := range map[string]string{
		"Persian with a non-joiner":           "می\u200cخواهم",
		"Persian abbreviation with a joiner":  "ه\u200d.ش",
		"Kurdish with a final non-joiner":     "نه\u200c",
		"Arabic with all its signs":           "مُحَمَّدٌ",
		"Hebrew with points and cantillation": "בְּרֵאשִׁ֖ית",
		"Hebrew and Latin with a mark":        "שלום\u200e (abc)",
		"Arabic with a right-to-left mark":    "سعر\u200f 10%",
		"Arabic letter mark":                  "\u061c100",
		"an isolated Latin name":              "אני \u2066Ann\u2069 כאן",
		"isolates in an embedding":            "\u202bא \u2067ب\u2069 \u2068c\u2069\u202c",
		"Hindi with a joiner":                 "क्\u200dष",
		"Sinhala with a joiner":               "ශ්\u200dරී",
		"Malayalam with an old chillu":        "അവന്\u200d",
		"Tamil":                               "வணக்கம்",
		"Thai with two marks on a letter":     "ที่นี่",
		"Tibetan stack":                       "བརྒྱུད",
		"Burmese":                             "ကျွန်ုပ်",
		"Vietnamese":                          "Việt",
		"Korean in syllables":                 "방송왕",
		"emoji family":                        "👨\u200d👩\u200d👧",
		"emoji with a colour of skin":         "👩🏽\u200d💻",
		"eye in a bubble":                     "👁\ufe0f\u200d🗨\ufe0f",
		"couple with colours of skin":         "🧑🏽\u200d❤\ufe0f\u200d💋\u200d🧑🏾",
		"head that nods":                      "🙂\u200d↕\ufe0f",
		"head that shakes":                    "🙂\u200d↔\ufe0f",
		"emoji newer than our Unicode":        "🧑\u200d\U0001faea",
		"heart on fire":                       "❤\ufe0f\u200d🔥",
		"keycap":                              "1\ufe0f\u20e3",
		"flag of a country":                   "🇩🇪",
		"flag of a region":                    "🏴\U000E0067\U000E0062\U000E0073\U000E0063\U000E0074\U000E007F",
		"sign of a number":                    "\u0600",
		"phonetic script":                     "ɔ̃̂ː",
	} {
		checkLine(t, name, in, in, "")
	}
}

func TestLineDropsStrays(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"embedding", "a\u202ab", "ab"},
		{"isolate", "a\u2066b", "ab"},
		{"pop isolate", "a\u2069b", "ab"},
		{"pop embedding", "a\u202cb", "ab"},
		{"crossed", "a\u2066b\u202bc\u2069d\u202ce", "a\u2066bc\u2069de"},
		{"an end too many", "\u2066a\u2069\u2069b", "\u2066a\u2069b"},
		{"the inner of two beginnings", "\u2067\u2067a\u2069b", "\u2067a\u2069b"},
		{"two equal marks", "a\u200e\u200eb", "a\u200eb"},
		{"two equal marks of Arabic", "1\u061c\u061c2", "1\u061c2"},
		{"two different marks", "a\u200e\u200fb", "a\u200e\u200fb"},
		{"isolate that hides white space at the end", "a \u2066", "a"},
		{"pop isolate that hides white space at the start", "\u2069 a", "a"},
		{"between a letter and its accent", "e\u2066\u0301", "é"},
		{"tag between a letter and its accent", "e\U000E0041\u0301", "é"},
		{"joiner between Latin letters", "an\u200dn", "ann"},
		{"joiner between Chinese letters", "弹\u200c幕", "弹幕"},
		{"joiner at the start", "\u200dक", "क"},
		{"joiner after a space", "क \u200cक", "क क"},
		{"two joiners", "م\u200c\u200cم", "م\u200cم"},
		{"joiner after the last emoji", "👨\u200d", "👨"},
		{"joiner between an emoji and a letter", "👨\u200da", "👨a"},
		{"non-joiner between emoji", "👨\u200c👩", "👨👩"},
		{"hidden text in tags", "hi\U000E0068\U000E0069", "hi"},
		{"the flag of a region without the flag", "a\U000E0067\U000E0062\U000E007F", "a"},
		{"hidden text after a flag", "🏴" + strings.Repeat("\U000E0061", 7) + "\U000E007F", "🏴"},
		{"tags of a flag without the end", "🏴\U000E0067\U000E0062", "🏴"},
		{"byte order mark", "\ufeffa\ufeffb", "ab"},
		{"deprecated formatting", "a\u206ab\u206fc", "abc"},
	} {
		checkLine(t, c.name, c.in, c.want, "")
	}
	for _, in := range []string{"a\u202eb", "a\u202db", "a\u202eb\u202c", "\u2066a\u202eb\u202c\u2069", "\u202d\u2066a\u2069\u202c"} {
		checkLine(t, "override", in, "", "bad_text")
	}
}

func TestLineRefusesPiledMarks(t *testing.T) {
	for _, c := range []struct{ name, in, code string }{
		{"four accents", "x\u0316\u0317\u0318\u0319", ""},
		{"five accents", "x\u0316\u0317\u0318\u0319\u031a", "text_marks"},
		{"five accents on the last of several letters", "abx\u0316\u0317\u0318\u0319\u031a", "text_marks"},
		{"four accents on each of two letters", "x\u0316\u0317\u0318\u0319x\u0316\u0317\u0318\u0319", ""},
		{"accents with joiners between", "x\u0316\u200b\u0317\u200b\u0318\u200b\u0319\u200b\u031a", "text_marks"},
		{"six marks of one script", "ק\u05b0\u05bc\u0591\u0592\u0593\u0594", ""},
		{"seven marks of one script", "ק\u05b0\u05bc\u0591\u0592\u0593\u0594\u0595", "text_marks"},
		{"seven Thai vowels", "ท" + strings.Repeat("\u0e34", 7), "text_marks"},
		{"a hundred", "a" + strings.Repeat("\u0336", 99), "text_marks"},
		{"circles", "a" + strings.Repeat("\u20dd", 5), "text_marks"},
		{"marks with vowels beside them", "ক" + strings.Repeat("\u09be\u0981", 7), "text_marks"},
		{"vowels beside a letter", "ক" + strings.Repeat("\u09be", 8), ""},
	} {
		want := c.in
		if c.code != "" {
			want = ""
		}
		checkLineOf(t, c.name, c.in, want, c.code, 120)
	}
}

func checkLine(t *testing.T, name, in, want, code string) {
	t.Helper()
	checkLineOf(t, name, in, want, code, 20)
}

// checkLineOf takes "ok" for a code to mean: any line, without a refusal.
func checkLineOf(t *testing.T, name, in, want, code string, most int) {
	t.Helper()
	got, err := Line(in, most)
	if code == "ok" {
		code, want = "", got
	}
	if got != want || fault.CodeOf(err) != code {
		t.Errorf("%s: %+q gives %+q, %v; want %+q, %q", name, in, got, err, want, code)
	}
	if err != nil && fault.KindOf(err) != fault.Invalid {
		t.Errorf("%s: %v is not Invalid", name, err)
	}
}

// TestPlainCharactersNeedNoLook holds the quick way against the rule, for every character.
func TestPlainCharactersNeedNoLook(t *testing.T) {
	t.Parallel()
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		if !plain(r) {
			continue
		}
		p := norm.NFC.PropertiesString(string(r))
		if !shows(r) || forbidden(r) != "" || formatting(r) || unicode.IsSpace(r) || unicode.IsMark(r) || !p.BoundaryBefore() || norm.NFC.String(string(r)) != string(r) {
			t.Errorf("%U is not plain", r)
		}
	}
}

// texts draws texts full of what the rule is about.
func texts() *rapid.Generator[string] {
	alphabet := []rune("aé弹가کकक्ש 👨❤\u3000\u0301\u0316\u05b0\u200b\u200c\u200d\u200e\u200f\u061c\u202a\u202b\u202c\u2066\u2067\u2068\u2069\ufeff\ufe0f🏴\U000E0061\U000E007F\u034f\u3164\n")
	return rapid.StringOfN(rapid.OneOf(rapid.SampledFrom(alphabet), rapid.SampledFrom(alphabet), rapid.Rune()), 0, 30, -1)
}

func TestLineOfALineIsTheLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { lawfulLine(t, texts().Draw(t, "text"), rapid.IntRange(1, 40).Draw(t, "most")) })
}

func FuzzLine(f *testing.F) {
	for _, s := range []string{"hello", "弹幕 😀", "e\u2066\u0301", "a\u202eb", "👨\u200d👩", "🏴\U000E0067\U000E0062\U000E007F", "\u202b\u2067\u202c\u2069", "می\u200cخواهم", "x\u0316\u200b\u0317"} {
		f.Add(s, 100)
	}
	f.Fuzz(func(t *testing.T, s string, most int) { lawfulLine(t, s, 1+(most&0x7FFFFFFF)%1000) })
}

// lawfulLine checks what holds for every text.
func lawfulLine(t rapid.TB, s string, most int) {
	line, err := Line(s, most)
	if err != nil {
		if line != "" || fault.KindOf(err) != fault.Invalid {
			t.Fatalf("%+q: %+q, %v", s, line, err)
		}
		return
	}
	if !utf8.ValidString(line) || !norm.NFC.IsNormalString(line) || utf8.RuneCountInString(line) > most || strings.TrimSpace(line) != line || Piled(line) {
		t.Fatalf("%+q became %+q", s, line)
	}
	if !strings.ContainsFunc(line, shows) || strings.ContainsFunc(line, func(r rune) bool { return unicode.Is(unicode.Cc, r) || forbidden(r) != "" }) {
		t.Fatalf("%+q became %+q, which shows nothing or holds what is forbidden", s, line)
	}
	if depth := nesting(line); depth != 0 {
		t.Fatalf("%+q became %+q, which leaves %d directions open", s, line, depth)
	}
	if again, err := Line(line, most); err != nil || again != line {
		t.Fatalf("%+q became %+q and then %+q, %v", s, line, again, err)
	}
}

// nesting counts, by kind, what is opened and not closed.
func nesting(s string) (open int) {
	embeddings, isolates := 0, 0
	for _, r := range s {
		switch r {
		case '\u202a', '\u202b':
			embeddings++
		case '\u202c':
			embeddings--
		case '\u2066', '\u2067', '\u2068':
			isolates++
		case '\u2069':
			isolates--
		}
		if embeddings < 0 || isolates < 0 {
			return -1
		}
	}
	return embeddings + isolates
}

func TestPlainLinesCostNoAllocation(t *testing.T) {
	for _, s := range benchTexts() {
		if n := testing.AllocsPerRun(100, func() { _, _ = Line(s.text, 100) }); s.free && n != 0 {
			t.Errorf("%s: %v allocations", s.name, n)
		}
	}
}

type benchText struct {
	name, text string
	free       bool
}

func benchTexts() []benchText {
	return []benchText{
		{"ascii", "that was the best run of the whole evening, well played", true},
		{"chinese", strings.Repeat("前方高能预警！", 5) + "哈哈哈哈", true},
		{"emoji", "哈哈哈 😂😂😂 gg", true},
		{"arabic", "هذا أفضل بث شاهدته على الإطلاق", true},
		{"persian with joiners", "می\u200cخواهم این را ببینم", false},
		{"family", "👨\u200d👩\u200d👧 hello", false},
	}
}

func BenchmarkLine(b *testing.B) {
	for _, s := range benchTexts() {
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Line(s.text, 100); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
