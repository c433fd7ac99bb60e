package room

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/barrage-live/barrage/internal/fault"
)

// TestText shows that a danmaku is a line of package text, which has the tests of the rule.
func TestText(t *testing.T) {
	for _, c := range []struct{ name, in, want, code string }{
		{"plain", "hello", "hello", ""},
		{"trimmed and composed", " \t e\u0301te\u0301\u3000\n", "été", ""},
		{"a right-to-left mark", "שלום\u200e 1", "שלום\u200e 1", ""},
		{"an isolate that is not closed", "a\u2066b", "ab", ""},
		{"spaces only", " \u3000\u00a0", "", "bad_text"},
		{"override", "a\u202eb", "", "bad_text"},
		{"five accents", "a\u0316\u0317\u0318\u0319\u031a", "", "text_marks"},
		{"as long as allowed", strings.Repeat("弹", 10), strings.Repeat("弹", 10), ""},
		{"one too long", strings.Repeat("弹", 11), "", "text_too_long"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := Draft{Key: "k", Text: c.in}.normalised(10)
			if d.Text != c.want || fault.CodeOf(err) != c.code {
				t.Errorf("got %q, %v; want %q, code %q", d.Text, err, c.want, c.code)
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
		if d.Text == "" || !utf8.ValidString(d.Text) || utf8.RuneCountInString(d.Text) > length || strings.ContainsFunc(d.Text, unicode.IsControl) {
			t.Fatalf("%q became %q", text, d.Text)
		}
		again, err := d.normalised(length)
		if err != nil || again != d {
			t.Fatalf("%q is not stable: %q, %v", d.Text, again.Text, err)
		}
	})
}
