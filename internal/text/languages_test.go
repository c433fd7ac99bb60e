package text

import (
	"strings"
	"testing"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
	"golang.org/x/text/unicode/norm"
)

// TestLineTakesWhatLanguagesWrite gives Line the names of all languages in all languages, as Unicode's
// locale data spell them.
func TestLineTakesWhatLanguagesWrite(t *testing.T) {
	t.Parallel()
	names := 0
	for _, in := range display.Supported.Tags() {
		namer := display.Languages(in)
		if namer == nil {
			continue
		}
		for _, of := range display.Values.BaseLanguages() {
			tag, err := language.Compose(of)
			if err != nil {
				t.Fatal(err)
			}
			name := norm.NFC.String(namer.Name(tag))
			want := strings.NewReplacer("\ufeff", "", "\u200c\u200c", "\u200c").Replace(name) // slips of the data
			if name == "" {
				continue
			}
			names++
			if line, err := Line(name, 100); line != want || err != nil {
				t.Errorf("%v in %v: %+q gives %+q, %v", of, in, name, line, err)
			}
		}
	}
	if names < 10000 {
		t.Errorf("only %d names were found", names)
	}
}
