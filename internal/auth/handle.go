package auth

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/text"
)

// Bounds of a handle in characters, and of what is looked at in bytes.
const (
	minHandle   = 2
	maxHandle   = 32
	handleBytes = 256
)

// Handle is the name an account is known by, in the forms that matter.
type Handle struct {
	// Shown is what people see: NFKC, case kept.
	Shown string
	// Folded is what a login compares: Shown with its case folded.
	Folded string
	// Skeleton is what Folded looks like (text.Skeleton), by which an account is found.
	Skeleton string
	// Likeness is what Shown looks like. It differs from Skeleton where a capital looks like another
	// letter: "Ivan" like "lvan".
	Likeness string
}

// Skeletons are what must be nobody else's: all that a handle looks like, as it is shown and in small
// letters, sorted, each once. Two handles that share one could be taken for each other.
func (h Handle) Skeletons() []string {
	all := []string{h.Skeleton, h.Likeness}
	slices.Sort(all)
	return slices.Compact(all)
}

// ParseHandle normalises and checks a handle: 2 to 32 letters, digits, "_" and "-" with a letter or digit
// at both ends and at least one letter; letters of one script, where the East Asian scripts count as one
// and may also stand beside plain Latin, as the highly restrictive level of Unicode UTS 39 has it. Letters
// that are not drawn, and marks piled on a letter, are none.
func ParseHandle(s string) (Handle, error) {
	if len(s) > handleBytes || !utf8.ValidString(s) {
		return Handle{}, badHandle("handle_length", "a handle has 2 to 32 characters")
	}
	shown := norm.NFKC.String(s)
	folded := text.Fold(shown)
	if n := utf8.RuneCountInString(folded); n < minHandle || n > maxHandle {
		return Handle{}, badHandle("handle_length", "a handle has 2 to 32 characters")
	}
	if err := checkScripts(folded); err != nil {
		return Handle{}, err
	}
	if strings.ContainsFunc(shown, text.Invisible) || text.Piled(folded) {
		return Handle{}, badHandle("handle_charset", "a handle is made of letters, digits, _ and -")
	}
	return Handle{shown, folded, text.Skeleton(folded), text.Skeleton(shown)}, nil
}

func badHandle(code, message string) error {
	return fault.New(fault.Invalid, code, message).In("handle")
}

func checkScripts(s string) error {
	var script string
	letters := 0
	latinOnlyASCII := true
	for i, r := range s {
		last := i+utf8.RuneLen(r) == len(s)
		switch {
		case r == '_' || r == '-':
			if i == 0 || last {
				return badHandle("handle_edge", "a handle begins and ends with a letter or digit")
			}
			continue
		case '0' <= r && r <= '9':
			continue
		}
		sc := scriptOf(r)
		if sc == "" || unicode.IsMark(r) && letters == 0 {
			return badHandle("handle_charset", "a handle is made of letters, digits, _ and -")
		}
		letters++
		if sc == "Latin" && r > unicode.MaxASCII {
			latinOnlyASCII = false
		}
		switch {
		case script == "" || script == sc:
			script = sc
		case script == "Latin" && sc == eastAsian && latinOnlyASCII, script == eastAsian && sc == "Latin" && latinOnlyASCII:
			script = eastAsian
		default:
			return badHandle("handle_mixed_scripts", "the letters of a handle are of one script")
		}
	}
	if letters == 0 {
		return badHandle("handle_no_letter", "a handle has at least one letter")
	}
	return nil
}

const eastAsian = "EastAsian"

// scriptOf names the script of a letter, or of a mark that belongs to one script; empty for everything
// else, which leaves out combining accents, invisible characters, bidirectional controls, symbols and
// emoji.
func scriptOf(r rune) string {
	if r == 'ー' { // the long vowel sign, common to both kana
		return eastAsian
	}
	if !unicode.IsLetter(r) && !unicode.IsMark(r) {
		return ""
	}
	if unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo) {
		return eastAsian
	}
	for name, t := range unicode.Scripts {
		if name != "Common" && name != "Inherited" && unicode.Is(t, r) {
			return name
		}
	}
	return ""
}
