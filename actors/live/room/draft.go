package room

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/barrage-live/barrage/internal/fault"
)

// Bounds of what an author may send.
const (
	// DefaultLength is how many code points a text may have where the owner set nothing.
	DefaultLength = 100
	// MaxLength is the most an owner may allow.
	MaxLength = 1000

	maxKey    = 64
	maxName   = 256 // bytes
	maxUser   = 64  // bytes
	maxColour = 0xFFFFFF
	// edgeSlack is how far a picture may seem to lie ahead of the live edge: clocks differ.
	edgeSlack = 2 * time.Second
)

var (
	errBadKey    = fault.New(fault.Invalid, "bad_key", "a key is 1 to 64 of A-Z, a-z, 0-9, underscore and hyphen").In("key")
	errBadMode   = fault.New(fault.Invalid, "bad_mode", "no such mode").In("mode")
	errBadSize   = fault.New(fault.Invalid, "bad_size", "no such size").In("size")
	errBadColour = fault.New(fault.Invalid, "bad_colour", "a colour is at most 0xFFFFFF").In("colour")
)

// checkKey refuses a key that could not be carried in a URL or a log line as it is.
func checkKey(key string) error {
	if key == "" || len(key) > maxKey {
		return errBadKey
	}
	for i := range len(key) {
		c := key[i]
		if c != '_' && c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return errBadKey
		}
	}
	return nil
}

// normalised returns the draft as the log will hold it, or says what is wrong with it. Everything but the key is checked.
func (d Draft) normalised(maxLength int) (Draft, error) {
	text, err := cleanText(d.Text, maxLength)
	if err != nil {
		return Draft{}, err
	}
	d.Text = text
	if d.Mode == 0 {
		d.Mode = Scroll
	}
	if d.Size == 0 {
		d.Size = Normal
	}
	switch {
	case d.Mode > Bottom:
		return Draft{}, errBadMode
	case d.Size > Large:
		return Draft{}, errBadSize
	case d.Colour > maxColour:
		return Draft{}, errBadColour
	}
	return d, nil
}

// cleanText trims and composes (NFC) a text, or refuses it with the name of what was wrong.
func cleanText(text string, maxLength int) (string, error) {
	// No code point takes more than four bytes and composing shortens a text at most to a third: a longer one could
	// pass only by its padding, and looking at it would let a sender spend our time.
	if len(text) > 3*utf8.UTFMax*maxLength {
		return "", errTooLong(maxLength)
	}
	if !utf8.ValidString(text) {
		return "", badText("the text is not valid UTF-8")
	}
	text = strings.TrimFunc(text, unicode.IsSpace)
	visible := false
	for _, r := range text {
		if what := forbidden(r); what != "" {
			return "", badText("the text holds " + what)
		}
		visible = visible || !invisible(r)
	}
	if !visible {
		return "", badText("the text shows nothing")
	}
	text = norm.NFC.String(text)
	if utf8.RuneCountInString(text) > maxLength {
		return "", errTooLong(maxLength)
	}
	return text, nil
}

// forbidden names what a code point would do to the text around it, empty for a harmless one.
func forbidden(r rune) string {
	switch {
	case r < 0x20, r >= 0x7F && r < 0xA0:
		return "a control character"
	case r >= 0x202A && r <= 0x202E:
		return "a bidirectional override"
	case r >= 0x2066 && r <= 0x2069:
		return "a bidirectional isolate"
	case r == 0x200E, r == 0x200F, r == 0x061C:
		return "a bidirectional mark"
	case r == 0x2028, r == 0x2029:
		return "a line separator"
	case r >= 0xFFF9 && r <= 0xFFFB:
		return "an interlinear annotation"
	case r >= 0xFDD0 && r <= 0xFDEF, r&0xFFFE == 0xFFFE:
		return "a noncharacter"
	}
	return ""
}

// invisible reports whether a code point draws nothing by itself: a text of only such is refused, while inside a text
// they join emoji and shape scripts.
func invisible(r rune) bool {
	switch r {
	case 0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0:
		return true
	}
	return r > 0x7F && unicode.In(r, unicode.Cf, unicode.Z, unicode.Mn, unicode.Me) || r == ' '
}

// mediaTime brings the author's media time onto the clock of the broadcast, which has run for so long: unknown when there is
// none, else between its start and the live edge.
func mediaTime(asked time.Duration, live bool, ran time.Duration) time.Duration {
	if !live || asked < 0 {
		return MediaUnknown
	}
	return min(asked, max(0, ran+edgeSlack)).Truncate(time.Millisecond)
}

func badText(message string) error {
	return fault.New(fault.Invalid, "bad_text", message).In("text")
}

func errTooLong(maxLength int) error {
	return fault.Newf(fault.Invalid, "text_too_long", "the text is longer than %d code points", maxLength).In("text")
}
