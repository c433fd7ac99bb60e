package text

import (
	_ "embed"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// confusables are lines of a character, a space and what it looks like, in the order of the characters;
// notes begin with "#". See gen.go.
//
//go:embed confusables.txt
var confusables string

// Skeleton is equal for names that look the same (UTS #39 section 4), whatever scripts they are written in:
// "сор" in Cyrillic has the skeleton of "cop", "0" that of "O", "1" that of "l", "m" that of "rn". Case is
// folded in the end, so that "b0b" has the skeleton of "bob". It is a key and never shown.
//
// It is meant for names of letters, marks and digits in NFKC; other characters stay as they are. It depends
// on the pinned table confusables.txt: whoever changes that moves stored keys.
func Skeleton(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 8)
	for _, r := range norm.NFD.String(s) {
		r = lettersLike(r)
		if like := looksLike(r); like != "" {
			b.WriteString(like)
		} else {
			b.WriteRune(r)
		}
	}
	return Fold(b.String())
}

// looksLike finds a character in the table; empty if it looks like itself only.
func looksLike(r rune) string {
	if r < utf8.RuneSelf {
		switch r { // the same entries, found quickly: most names have no others
		case 'I', '1':
			return "l"
		case '0':
			return "O"
		case 'm':
			return "rn"
		}
		return ""
	}
	for lo, hi := 0, len(confusables); lo < hi; {
		mid := int(uint(lo+hi) / 2)
		begin := strings.LastIndexByte(confusables[:mid], '\n') + 1
		end := begin + strings.IndexByte(confusables[begin:], '\n')
		source, size := utf8.DecodeRuneInString(confusables[begin:])
		switch {
		case source == r:
			return confusables[begin+size+1 : end]
		case source < r:
			lo = end + 1
		default:
			hi = begin
		}
	}
	return ""
}

// lettersLike adds to the table what it leaves apart although people read it as Latin: small capitals, and
// letters whose likeness it gives to a small capital.
func lettersLike(r rune) rune {
	const from = "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢ" + "ĸкκτη"
	const to = "abcdefghijklmnopqrstuvwyz" + "kkktn"
	if r < 0x138 {
		return r
	}
	at := 0
	for _, f := range from {
		if f == r {
			return rune(to[at])
		}
		at++
	}
	return r
}
