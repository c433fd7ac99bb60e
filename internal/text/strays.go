package text

import (
	"slices"
	"strings"
	"unicode"
)

// The formatting characters that are looked at (Unicode section 23.2; UAX #9 section 2; UTS #51 annex C).
const (
	zwnj = 0x200C
	zwj  = 0x200D
	lrm  = 0x200E
	rlm  = 0x200F
	alm  = 0x061C

	lre, rle, pdf      = 0x202A, 0x202B, 0x202C // embeddings and their end
	lri, rli, fsi, pdi = 0x2066, 0x2067, 0x2068, 0x2069
	bom                = 0xFEFF
	blackFlag          = 0x1F3F4
	endOfTags          = 0xE007F
	maxTags            = 7 // a region has at most 6, and the end

	dropped = -1
)

// dropStrays takes the formatting characters out of a text that do nothing where they stand or act beyond
// the text:
//
//   - embeddings and isolates that are not closed, and ends that close nothing, by the nesting of UAX #9,
//   - the second of two equal direction marks (LRM, RLM, ALM),
//   - joiners (ZWJ, ZWNJ) that join nothing: they are kept after letters of a script that shapes them, and
//     ZWJ between emoji,
//   - tags outside of the flag of a region: they would carry hidden text,
//   - the byte order mark, and the deprecated U+206A to U+206F.
func dropStrays(s string) string {
	if !strings.ContainsFunc(s, formatting) {
		return s
	}
	rs := []rune(s)
	dropUnbalanced(rs)
	for i, r := range rs {
		if r == bom || 0x206A <= r && r <= 0x206F {
			rs[i] = dropped
		}
	}
	rs = slices.DeleteFunc(rs, func(r rune) bool { return r == dropped })
	return string(dropIdle(rs))
}

func formatting(r rune) bool {
	switch {
	case r < alm:
		return false
	case r == alm, zwnj <= r && r <= rlm, lre <= r && r <= pdf, lri <= r && r <= 0x206F, r == bom:
		return true
	}
	return tag(r)
}

func tag(r rune) bool     { return 0xE0000 <= r && r <= endOfTags }
func joiner(r rune) bool  { return r == zwj || r == zwnj }
func isolate(r rune) bool { return lri <= r && r <= fsi }

// dropUnbalanced marks directional formatting without its other half. The end of an isolate also ends the
// embeddings within it, the end of an embedding does not end an isolate. Overrides are left to be refused.
func dropUnbalanced(rs []rune) {
	var open []int
	isolates := 0
	for i, r := range rs {
		switch r {
		case lre, rle:
			open = append(open, i)
		case lri, rli, fsi:
			isolates++
			open = append(open, i)
		case pdf:
			if len(open) == 0 || isolate(rs[open[len(open)-1]]) {
				rs[i] = dropped
				continue
			}
			open = open[:len(open)-1]
		case pdi:
			if isolates == 0 {
				rs[i] = dropped
				continue
			}
			isolates--
			for ; !isolate(rs[open[len(open)-1]]); open = open[:len(open)-1] {
				rs[open[len(open)-1]] = dropped
			}
			open = open[:len(open)-1]
		}
	}
	for _, i := range open {
		rs[i] = dropped
	}
}

// dropIdle takes out direction marks, joiners and tags that change nothing where they stand. It overwrites
// rs.
func dropIdle(rs []rune) []rune {
	kept := rs[:0]
	var last, base rune // what was kept last, and the last of it that draws something by itself
	for i := 0; i < len(rs); i++ {
		r := rs[i]
		switch {
		case r == lrm || r == rlm || r == alm:
			if r == last {
				continue
			}
		case joiner(r):
			next := rune(0)
			if i+1 < len(rs) {
				next = rs[i+1]
			}
			if joiner(last) || !shaped(base) && (r != zwj || !emoji(base) || !emoji(next) && !unicode.Is(unicode.Sm, next)) {
				continue
			}
		case tag(r):
			run := rs[i : i+tagsIn(rs[i:])]
			i += len(run) - 1
			if last == blackFlag && region(run) {
				kept = append(kept, run...)
				last = endOfTags
			}
			continue
		case !unicode.In(r, unicode.M, unicode.Cf):
			base = r
		}
		kept = append(kept, r)
		last = r
	}
	return kept
}

// shaped tells letters whose form a joiner can change: those of all scripts but the ones that never join.
func shaped(r rune) bool {
	return unicode.IsLetter(r) && !unicode.In(r, unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Armenian, unicode.Georgian,
		unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo)
}

// emoji tells what a joiner can continue: a symbol, a colour of skin, or what stands where new emoji are
// put, so that those of a newer Unicode than ours are joined too.
func emoji(r rune) bool { return 0x1F000 <= r && r <= 0x1FAFF || unicode.Is(unicode.So, r) }

func tagsIn(rs []rune) int {
	n := slices.IndexFunc(rs, func(r rune) bool { return !tag(r) })
	if n < 0 {
		return len(rs)
	}
	return n
}

// region tells the tags that make a black flag the flag of a region: its letters and digits, and the end.
func region(tags []rune) bool {
	n := len(tags) - 1
	if n < 1 || n >= maxTags || tags[n] != endOfTags {
		return false
	}
	return !slices.ContainsFunc(tags[:n], func(r rune) bool {
		return (r < 0xE0061 || r > 0xE007A) && (r < 0xE0030 || r > 0xE0039)
	})
}
