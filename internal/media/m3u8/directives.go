package m3u8

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/barrage-live/barrage/internal/fault"
)

// Directives are what a player asks of a media playlist (draft section 6.2.5).
type Directives struct {
	// Block says that the answer is to wait for segment MSN, or for its part Part when that is not negative.
	Block bool
	MSN   uint64
	Part  int
	// Skip asks for a delta update.
	Skip bool
}

// maxQuery bounds what is looked at; maxPart is far beyond any part a segment can have.
const (
	maxQuery = 1024
	maxPart  = 1 << 20
)

// ParseDirectives reads the delivery directives in a raw URL query. Other parameters are none of its
// business, malformed or not. It fails with fault.Invalid: code "bad_directive" for a value that is no
// decimal-integer, a directive given twice, or _HLS_part without _HLS_msn; code "query_too_long" over a
// kilobyte.
func ParseDirectives(query string) (Directives, error) {
	d := Directives{Part: -1}
	if len(query) > maxQuery {
		return d, fault.New(fault.Invalid, "query_too_long", "the query is longer than a kilobyte")
	}
	seen := map[string]bool{}
	for pair := range strings.SplitSeq(query, "&") {
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil || (name != "_HLS_msn" && name != "_HLS_part" && name != "_HLS_skip") {
			continue
		}
		if seen[name] {
			return d, badDirective(name, "is given twice")
		}
		seen[name] = true
		value, err := url.QueryUnescape(rawValue)
		if err != nil {
			return d, badDirective(name, "cannot be read")
		}
		if err := d.set(name, value); err != nil {
			return d, err
		}
	}
	if d.Part >= 0 && !d.Block {
		return d, badDirective("_HLS_part", "needs _HLS_msn")
	}
	return d, nil
}

func (d *Directives) set(name, value string) error {
	switch name {
	case "_HLS_msn":
		n, err := decimal(value)
		if err != nil {
			return badDirective(name, "is not a decimal integer")
		}
		d.Block, d.MSN = true, n
	case "_HLS_part":
		n, err := decimal(value)
		if err != nil {
			return badDirective(name, "is not a decimal integer")
		}
		d.Part = int(min(n, maxPart))
	default:
		d.Skip = value == "YES" || value == "v2"
	}
	return nil
}

// decimal reads digits only: ParseUint alone would take a sign or underscores in other bases.
func decimal(s string) (uint64, error) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseUint(s, 10, 64)
}

func badDirective(name, what string) error {
	return fault.New(fault.Invalid, "bad_directive", name+" "+what).In(name)
}
