package text

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/barrage-live/barrage/internal/fault"
)

// Line gives a text as it is stored and shown in one line, or says what is wrong with it. most is the
// longest it may be, in code points of the result.
//
// Formatting characters that do nothing where they stand, or that would act on what comes after the text,
// are dropped (see strays); then white space at both ends is, and the rest is composed (NFC). Refused are
//
//   - "bad_text": what is not UTF-8; control characters, line breaks, directional overrides, interlinear
//     annotations, noncharacters and the replacement character; and a text that shows nothing,
//   - "text_too_long": more than most code points, or so many bytes that only padding could bring it below,
//   - "text_marks": more marks above and below a letter than a script needs (see Piled).
//
// Line of a line is the same line.
func Line(s string, most int) (string, error) {
	// No code point takes more than four bytes and composing shortens a text at most to a third: a longer
	// one could pass only by its padding, and looking at it would let a sender spend our time.
	if len(s) > 3*utf8.UTFMax*most {
		return "", tooLong(most)
	}
	if line, n := plainLine(s); line != "" && n <= most {
		return line, nil
	}
	if !utf8.ValidString(s) {
		return "", bad("the text is not valid UTF-8")
	}
	// Strays first: one of them may hide white space at an edge, or stand between a letter and its accent.
	s = norm.NFC.String(strings.TrimFunc(dropStrays(s), unicode.IsSpace))
	length, shown := 0, false
	for _, r := range s {
		if what := forbidden(r); what != "" {
			return "", bad("the text holds " + what)
		}
		length++
		shown = shown || shows(r)
	}
	switch {
	case !shown:
		return "", bad("the text shows nothing")
	case length > most:
		return "", tooLong(most)
	case Piled(s):
		return "", fault.Newf(fault.Invalid, "text_marks", "a letter has more than %d accents or %d marks", maxAccents, maxMarks)
	}
	return s, nil
}

func bad(message string) error { return fault.New(fault.Invalid, "bad_text", message) }

func tooLong(most int) error {
	return fault.Newf(fault.Invalid, "text_too_long", "the text is longer than %d code points", most)
}

// plainLine is the quick way for most texts: it gives the trimmed text and its length in code points if all
// of it is plain, else "" and 0. It reads once and allocates nothing.
func plainLine(s string) (line string, length int) {
	s = strings.Trim(s, " ")
	for i := 0; i < len(s); length++ {
		c := s[i]
		if c < utf8.RuneSelf {
			if c < ' ' || c == 0x7F {
				return "", 0
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if !plain(r) {
			return "", 0
		}
		i += size
	}
	return s, length
}

// plain tells characters above ASCII that always show, and that neither composing nor strays change
// whatever plain ones stand beside them: letters of Latin, Greek, Cyrillic, Hebrew, Arabic, Chinese,
// Japanese and Korean, much of their punctuation, and the common emoji.
func plain(r rune) bool {
	switch {
	case r <= 0x45F:
		return 0xA1 <= r && r <= 0x24F && r != 0xAD || 0x391 <= r && r <= 0x3CE || r >= 0x400
	case r <= 0x6D3:
		return 0x5D0 <= r && r <= 0x5EA || 0x620 <= r && r <= 0x64A || 0x660 <= r && r <= 0x66D || r >= 0x671
	case r < 0x3000:
		return 0x2010 <= r && r <= 0x2027
	case r <= 0x30FF:
		return 0x3001 <= r && r <= 0x3003 || 0x3008 <= r && r <= 0x3011 || 0x3041 <= r && r <= 0x3096 || 0x30A0 <= r
	case r <= 0xD7A3:
		return 0x3400 <= r && r <= 0x9FFF || 0xAC00 <= r
	}
	return 0xFF01 <= r && r <= 0xFF5E || 0x1F300 <= r && r <= 0x1F64F
}

// forbidden names what a code point would do to the text around it; it is empty for a harmless one.
func forbidden(r rune) string {
	switch {
	case r < 0x20, r >= 0x7F && r < 0xA0:
		return "a control character"
	case r < 0x2028:
		return ""
	case r == 0x202D, r == 0x202E:
		return "a directional override"
	case r == 0x2028, r == 0x2029:
		return "a line separator"
	case r >= 0xFFF9 && r <= 0xFFFB:
		return "an interlinear annotation"
	case r == unicode.ReplacementChar:
		return "a character that was lost before it came here"
	case r >= 0xFDD0 && r <= 0xFDEF, r&0xFFFE == 0xFFFE:
		return "a noncharacter"
	}
	return ""
}
