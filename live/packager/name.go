package packager

import (
	"strconv"
	"strings"

	"github.com/barrage-live/barrage/internal/media/index"
)

// Kind tells what a Name names.
type Kind uint8

// The kinds of objects of a broadcast.
const (
	Segment Kind = iota
	Part
	Init
)

// Name is the file name of one object of a broadcast: "12.m4s" is segment 12, "12.3.m4s" its part 3,
// "init-1.mp4" the init segment number 1.
type Name struct {
	Kind Kind
	// Number is the sequence number of the segment, or the number of the init segment.
	Number uint64
	// Part is the index of a part.
	Part int
}

// String gives the file name.
func (n Name) String() string {
	switch n.Kind {
	case Part:
		return strconv.FormatUint(n.Number, 10) + "." + strconv.Itoa(n.Part) + ".m4s"
	case Init:
		return index.InitName(n.Number)
	default:
		return index.SegmentName(n.Number)
	}
}

// ParseName reads a file name in exactly the form String gives, so that one object has one URL.
func ParseName(s string) (Name, bool) {
	if len(s) > 64 {
		return Name{}, false
	}
	var n Name
	var ok bool
	if rest, is := strings.CutPrefix(s, "init-"); is {
		rest, ok = strings.CutSuffix(rest, ".mp4")
		n.Kind = Init
		n.Number, ok = number(rest, ok)
		return n, ok
	}
	rest, ok := strings.CutSuffix(s, ".m4s")
	if segment, part, is := strings.Cut(rest, "."); is {
		var p uint64
		p, ok = number(part, ok)
		n.Kind, n.Part, rest = Part, int(p), segment
	}
	n.Number, ok = number(rest, ok)
	return n, ok
}

// number reads a canonical decimal below 2^31 or says why not by its second result, which also passes on a
// no.
func number(s string, ok bool) (uint64, bool) {
	v, err := strconv.ParseUint(s, 10, 31)
	return v, ok && err == nil && strconv.FormatUint(v, 10) == s
}
