package text

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestSkeleton(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "ann": "ann", "admin": "adrnin", "ADMIN": "admln", "0": "o", "1": "l", "I": "l", "b0b": "bob", "сор": "cop", "раураӏ": "paypal", "как": "kak", "ёр": "ëp",
		"ʟᴇɴᴀ": "lena", "ᴍ": "rn", "ロ": "口", "é": "é", "e\u0301": "é", "弹幕": "弹幕", "_-": "_-", "#": "#", "😀": "😀",
	} {
		if got := Skeleton(in); got != want {
			t.Errorf("%q has the skeleton %q, want %q", in, got, want)
		}
	}
}

// TestTableOfLookalikesIsPinned fails for whoever changes the table without a thought for the keys that are
// made of it.
func TestTableOfLookalikesIsPinned(t *testing.T) {
	const pinned = "9abaee1ddb27a3a0cf397bfbc7a5ed16abae89358335c6eb6714146eff6c42b0"
	if sum := sha256.Sum256([]byte(confusables)); hex.EncodeToString(sum[:]) != pinned {
		t.Errorf("the table has changed to %x: names that are taken would be free. Read internal/docs/adr/0011-look-alike-names.md", sum)
	}
	last, entries := rune(0), 0
	for line := range strings.Lines(confusables) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		source, like, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		r, size := utf8.DecodeRuneInString(source)
		if !ok || size != len(source) || r <= last || like == "" || !norm.NFKD.IsNormalString(source) {
			t.Fatalf("%q stands in the wrong place or is of another form", line)
		}
		if got := looksLike(r); got != like {
			t.Errorf("%U is found to look like %q, not %q", r, got, like)
		}
		last = r
		entries++
	}
	if entries < 2700 || !strings.HasPrefix(confusables, "# Unicode confusables.txt, version 18.0.0\n") {
		t.Errorf("%d entries", entries)
	}
}

func BenchmarkSkeleton(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if Skeleton("AnnBonny_1720") == "" {
			b.Fatal("no skeleton")
		}
	}
}
