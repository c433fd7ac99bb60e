package room

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/barrage-live/barrage/internal/fault"
)

func TestText(t *testing.T) {
	for _, c := range []struct{ name, in, want, code string }{
		{"plain", "hello", "hello", ""},
		{"trimmed", " \t 你好\u3000\n", "你好", ""},
		{"composed", "e\u0301te\u0301", "été", ""},
		{"emoji family with joiners", "👨‍👩‍👧", "👨‍👩‍👧", ""},
		{"flag of tags", "🏴\U000E0067\U000E0062\U000E007F", "🏴\U000E0067\U000E0062\U000E007F", ""},
		{"persian non-joiner", "می\u200cخواهم", "می\u200cخواهم", ""},
		{"markup is text", "<b onx=1>", "<b onx=1>", ""},
		{"empty", "", "", "bad_text"},
		{"spaces only", " \u3000\u00a0", "", "bad_text"},
		{"zero width only", "\u200b\u200d\ufeff\u2060", "", "bad_text"},
		{"fillers only", "\u3164\u2800\u115f", "", "bad_text"},
		{"combining only", "\u0301\u0301", "", "bad_text"},
		{"not UTF-8", "a\xff", "", "bad_text"},
		{"surrogate", "\xed\xa0\x80", "", "bad_text"},
		{"newline inside", "a\nb", "", "bad_text"},
		{"NUL", "a\x00b", "", "bad_text"},
		{"C1", "a\u0085b", "", "bad_text"},
		{"escape", "a\x1b[31m", "", "bad_text"},
		{"override", "a\u202eb", "", "bad_text"},
		{"embedding", "a\u202ab", "", "bad_text"},
		{"isolate", "a\u2066b", "", "bad_text"},
		{"pop isolate", "a\u2069b", "", "bad_text"},
		{"left-to-right mark", "a\u200eb", "", "bad_text"},
		{"right-to-left mark", "a\u200fb", "", "bad_text"},
		{"arabic letter mark", "a\u061cb", "", "bad_text"},
		{"line separator", "a\u2028b", "", "bad_text"},
		{"annotation", "a\ufff9b", "", "bad_text"},
		{"noncharacter", "a\ufffeb", "", "bad_text"},
		{"as long as allowed", strings.Repeat("弹", 10), strings.Repeat("弹", 10), ""},
		{"one too long", strings.Repeat("弹", 11), "", "text_too_long"},
		{"a megabyte", strings.Repeat("x", 1<<20), "", "text_too_long"},
		{"decomposed within the length", strings.Repeat("e\u0301", 10), strings.Repeat("é", 10), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := cleanText(c.in, 10)
			if got != c.want || fault.CodeOf(err) != c.code {
				t.Errorf("got %q, %v; want %q, code %q", got, err, c.want, c.code)
			}
			if err != nil && (fault.KindOf(err) != fault.Invalid || fault.From(err).Field != "text") {
				t.Errorf("%v is not an Invalid text", err)
			}
		})
	}
}

func TestKey(t *testing.T) {
	for _, c := range []struct {
		key  string
		good bool
	}{
		{"a", true},
		{"AZaz09_-", true},
		{strings.Repeat("k", 64), true},
		{strings.Repeat("k", 65), false},
		{"", false},
		{"a b", false},
		{"ä", false},
		{"a/b", false},
		{"a\x00", false},
	} {
		if err := checkKey(c.key); (err == nil) != c.good {
			t.Errorf("checkKey(%q) = %v", c.key, err)
		}
	}
}

func TestMediaTime(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	start := now.Add(-time.Minute)
	for _, c := range []struct {
		name        string
		asked, want time.Duration
		live        bool
	}{
		{"in the broadcast", 30 * time.Second, 30 * time.Second, true},
		{"whole milliseconds", 1500 * time.Microsecond, time.Millisecond, true},
		{"unknown", MediaUnknown, MediaUnknown, true},
		{"unknown in milliseconds", -time.Millisecond, MediaUnknown, true},
		{"before the start", -time.Second, MediaUnknown, true},
		{"just ahead of the edge", 61 * time.Second, 61 * time.Second, true},
		{"far ahead of the edge", time.Hour, 62 * time.Second, true},
		{"no broadcast", 30 * time.Second, MediaUnknown, false},
	} {
		if got := mediaTime(c.asked, c.live, now.Sub(start)); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
	if got := mediaTime(time.Second, true, -time.Hour); got != 0 {
		t.Errorf("a broadcast that starts later: got %v, want 0", got)
	}
}

func FuzzDraft(f *testing.F) {
	f.Add("k", "hello", 100)
	f.Add("", "\u202e", 1)
	f.Add("a-b_c", strings.Repeat("e\u0301", 100), 100)
	f.Add("k", "\xff\xfe", 3)
	f.Fuzz(func(t *testing.T, key, text string, length int) {
		length = 1 + (length&0x7FFFFFFF)%MaxLength
		_ = checkKey(key)
		d, err := Draft{Key: key, Text: text}.normalised(length)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		visible := strings.ContainsFunc(d.Text, func(r rune) bool { return !invisible(r) })
		if !utf8.ValidString(d.Text) || utf8.RuneCountInString(d.Text) > length || !visible ||
			strings.ContainsFunc(d.Text, func(r rune) bool { return unicode.Is(unicode.Cc, r) || forbidden(r) != "" }) {
			t.Fatalf("%q became %q", text, d.Text)
		}
		again, err := d.normalised(length)
		if err != nil || again != d {
			t.Fatalf("%q is not stable: %q, %v", d.Text, again.Text, err)
		}
	})
}
