package text

import (
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold makes strings that people read as the same compare as the same: compatibility forms are taken apart
// and composed (NFKC) and case is folded in full, as Unicode's toNFKC_Casefold has it (section 3.13), but
// for invisible characters, which stay. The second normalisation is needed because folding can undo the
// first. Bytes that are no UTF-8 become U+FFFD.
func Fold(s string) string {
	if isPlain(s) {
		return strings.ToLower(s)
	}
	return norm.NFKC.String(strings.Map(capitalCherokee, cases.Fold().String(norm.NFKC.String(s))))
}

// isPlain reports whether s is ASCII alone, which no normalisation changes.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// capitalCherokee folds Cherokee, the one script that folds to capitals, because its small letters came
// later (CaseFolding.txt). It is applied after cases.Fold, which changes each of these letters for the
// other case, so that folding twice would unfold.
func capitalCherokee(r rune) rune {
	switch {
	case 0xAB70 <= r && r <= 0xABBF:
		return r - 0xAB70 + 0x13A0
	case 0x13F8 <= r && r <= 0x13FD:
		return r - 0x13F8 + 0x13F0
	}
	return r
}
