package conf

import (
	"strconv"
	"strings"
)

// suggest names the nearest known key, as the end of a message.
func (l *loader) suggest(key string) string {
	if lf := l.nearest(key); lf != nil {
		return "; did you mean " + lf.key + "?"
	}
	return ""
}

func (l *loader) suggestEnv(guess string) string {
	if lf := l.nearest(guess); lf != nil {
		return "; did you mean " + lf.env + "?"
	}
	return ""
}

func (l *loader) nearest(key string) *leaf {
	const longest = 64
	if len(key) > longest {
		return nil
	}
	flat := flatKey(key)
	var best *leaf
	least := len(flat)/3 + 1
	for i := range l.leaves {
		lf := &l.leaves[i]
		_, last, _ := cutLast(lf.key)
		away := min(distance(flat, flatKey(lf.key)), distance(flat, flatKey(last))+1)
		if away < least || away == least && best == nil {
			best, least = lf, away
		}
	}
	return best
}

// flatKey drops what people mix up: dots, dashes and underscores.
func flatKey(key string) string {
	return strings.NewReplacer(".", "", "-", "", "_", "").Replace(strings.ToLower(key))
}

func cutLast(key string) (before, last string, found bool) {
	if i := strings.LastIndexByte(key, '.'); i >= 0 {
		return key[:i], key[i+1:], true
	}
	return "", key, false
}

// distance is the number of bytes to insert, delete or replace to make a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func quoted(s string) string { return " " + strconv.Quote(clip(s)) }

// printableKey makes an unknown key fit for a message whatever it holds.
func printableKey(key string) string {
	if q := strconv.Quote(clip(key)); q[1:len(q)-1] != key {
		return q
	}
	return key
}
