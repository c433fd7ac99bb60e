package channel

import (
	"strings"
	"testing"

	"github.com/barrage-live/barrage/internal/fault"
)

func TestParseName(t *testing.T) {
	cases := []struct{ in, want, code string }{
		{"ann", "ann", ""},
		{"Ann-1_x", "ann-1_x", ""},
		{"4ever", "4ever", ""},
		{strings.Repeat("a", 32), strings.Repeat("a", 32), ""},
		{"", "", "name_length"},
		{"a", "", "name_length"},
		{strings.Repeat("a", 33), "", "name_length"},
		{"12345", "", "name_no_letter"},
		{"-ann", "", "name_charset"},
		{"ann-", "", "name_charset"},
		{"an n", "", "name_charset"},
		{"../etc", "", "name_charset"},
		{"弹幕", "", "name_charset"},
		{"ann?x=1", "", "name_charset"},
		{"a\x00b", "", "name_charset"},
	}
	for _, c := range cases {
		t.Run(c.in, func(t *testing.T) {
			got, err := ParseName(c.in)
			if got != c.want || fault.CodeOf(err) != c.code {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

// TestParseTitle shows that a title is a line of package text, which has the tests of the rule.
func TestParseTitle(t *testing.T) {
	cases := []struct{ name, in, want, code string }{
		{"plain", " Live tonight ", "Live tonight", ""},
		{"markup is text", "<script>alert(1)</script>", "<script>alert(1)</script>", ""},
		{"120 characters", strings.Repeat("弹", 120), strings.Repeat("弹", 120), ""},
		{"emoji with joiner", "👩‍💻 codes", "👩‍💻 codes", ""},
		{"an isolate that is not closed", "a\u2066b", "ab", ""},
		{"121 characters", strings.Repeat("a", 121), "", "text_too_long"},
		{"empty", "", "", "bad_text"},
		{"a filler", "\u3164", "", "bad_text"},
		{"line break", "a\nb", "", "bad_text"},
		{"99 accents", "a" + strings.Repeat("\u0336", 99), "", "text_marks"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseTitle(c.in)
			if got != c.want || fault.CodeOf(err) != c.code {
				t.Errorf("got %q, %v", got, err)
			}
			if err != nil && fault.From(err).Field != "title" {
				t.Errorf("names field %q", fault.From(err).Field)
			}
		})
	}
}
