package channel

import (
	"strings"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/text"
)

const (
	minName  = 2
	maxName  = 32  // letters of a name
	maxTitle = 120 // characters of a title
)

// ParseName checks and folds the name a channel has in addresses: 2 to 32 of a-z, 0-9, "_" and "-", a
// letter or digit at both ends and at least one letter, so that a name is never taken for an id.
func ParseName(s string) (string, error) {
	if len(s) < minName || len(s) > maxName {
		return "", badName("name_length", "a channel name has 2 to 32 letters")
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
			return "", badName("name_charset", "a channel name is made of a-z, 0-9 and, inside, _ and -")
		}
	}
	if !letters {
		return "", badName("name_no_letter", "a channel name has at least one letter")
	}
	return s, nil
}

// ParseTitle normalises a title, one line of text of at most 120 characters (see text.Line), or refuses it
// with a code of that rule. Markup is just text.
func ParseTitle(s string) (string, error) {
	title, err := text.Line(s, maxTitle)
	if err != nil {
		return "", fault.From(err).In("title")
	}
	return title, nil
}

func badName(code, message string) error {
	return fault.New(fault.Invalid, code, message).In("name")
}
