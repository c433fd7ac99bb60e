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

func TestParseTitle(t *testing.T) {
	cases := []struct{ name, in, want, code string }{
		{"plain", " Live tonight ", "Live tonight", ""},
		{"markup is text", "<script>alert(1)</script>", "<script>alert(1)</script>", ""},
		{"statement is text", "'; DROP TABLE channel; --", "'; DROP TABLE channel; --", ""},
		{"120 characters", strings.Repeat("弹", 120), strings.Repeat("弹", 120), ""},
		{"emoji with joiner", "👩‍💻 codes", "👩‍💻 codes", ""},
		{"121 characters", strings.Repeat("a", 121), "", "title_length"},
		{"empty", "", "", "title_length"},
		{"blank", " \u3000", "", "title_length"},
		{"line break", "a\nb", "", "title_control"},
		{"escape", "a\x1b[31mb", "", "title_control"},
		{"right to left override", "a\u202eb", "", "title_control"},
		{"isolate", "a\u2066b", "", "title_control"},
		{"line separator", "a\u2028b", "", "title_control"},
		{"not text", "a\xff", "", "title_length"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseTitle(c.in)
			if got != c.want || fault.CodeOf(err) != c.code {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}
