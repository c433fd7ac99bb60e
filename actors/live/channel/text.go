package channel

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/barrage-live/barrage/internal/fault"
)

const (
	minName  = 2
	maxName  = 32  // letters of a name
	maxTitle = 120 // characters of a title
)

// ParseName checks and folds the name a channel has in addresses: 2 to 32 of a-z, 0-9, "_" and "-", a letter or digit at both
// ends and at least one letter, so that a name is never taken for an id.
func ParseName(s string) (string, error) {
	if len(s) < minName || len(s) > maxName {
		return "", badText("name", "name_length", "a channel name has 2 to 32 letters")
	}
	s = strings.ToLower(s)
	letters := false
	for i := range len(s) {
		c := s[i]
		inner := i > 0 && i < len(s)-1
		switch {
		case 'a' <= c && c <= 'z':
			letters = true
		case '0' <= c && c <= '9', inner && (c == '_' || c == '-'):
		default:
			return "", badText("name", "name_charset", "a channel name is made of a-z, 0-9 and, inside, _ and -")
		}
	}
	if !letters {
		return "", badText("name", "name_no_letter", "a channel name has at least one letter")
	}
	return s, nil
}

// ParseTitle normalises a title and refuses what could not be shown as one line of text. Markup is just text.
func ParseTitle(s string) (string, error) {
	if len(s) > 4*maxTitle || !utf8.ValidString(s) {
		return "", badText("title", "title_length", "a title has 1 to 120 characters")
	}
	s = strings.TrimSpace(norm.NFC.String(s))
	if n := utf8.RuneCountInString(s); n == 0 || n > maxTitle {
		return "", badText("title", "title_length", "a title has 1 to 120 characters")
	}
	if strings.ContainsFunc(s, unshowable) {
		return "", badText("title", "title_control", "a title has no control characters")
	}
	return s, nil
}

// unshowable tells controls, line breaks and the marks that turn the direction of what follows.
func unshowable(r rune) bool {
	return unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' || r == unicode.ReplacementChar
}

func badText(field, code, message string) error {
	return fault.New(fault.Invalid, code, message).In(field)
}
