package m3u8

import (
	"strconv"
	"time"
)

// Text is a media playlist at one instant, immutable.
type Text struct {
	// First is the sequence number of the first segment listed, Next that of the first one not complete.
	First, Next uint64
	// Parts is how many parts of segment Next there are.
	Parts int
	// Ended says that nothing will be added.
	Ended bool

	head, firstMap, old, tail []byte
	skipped                   uint64
	rest                      int
	lastParts                 int // of the last complete segment
	partTarget                time.Duration
}

// Has reports whether the playlist holds what the directives wait for (draft section 6.2.5.2). A part
// after the last of its segment counts as the first of the next one.
func (t *Text) Has(d Directives) bool {
	switch {
	case !d.Block || t.Ended:
		return true
	case d.Part < 0 || d.MSN+1 < t.Next:
		return d.MSN < t.Next
	case d.MSN+1 == t.Next:
		return d.Part < t.lastParts || t.Parts > 0
	}
	return d.MSN == t.Next && d.Part < t.Parts
}

// TooFar reports whether the directives wait for what no player can know of: a segment more than two after
// the last complete one, or a part further ahead than three seconds' worth.
func (t *Text) TooFar(d Directives) bool {
	if !d.Block || t.Ended {
		return false
	}
	limit := 3
	if t.partTarget > 0 && t.partTarget < time.Second {
		limit = int((3*time.Second + t.partTarget - 1) / t.partTarget)
	}
	switch {
	case d.MSN > t.Next+1:
		return true
	case d.MSN == t.Next:
		return d.Part >= t.Parts+limit
	}
	return d.MSN > t.Next && d.Part >= limit
}

// DeltaFor reports whether a delta update serves a player that asks with these directives: it must already
// know every segment that is left out.
func (t *Text) DeltaFor(d Directives) bool {
	return d.Skip && t.skipped > 0 && (!d.Block || d.MSN >= t.First+t.skipped)
}

// Full gives the whole text, newly allocated.
func (t *Text) Full() []byte {
	b := make([]byte, 0, len(t.head)+len(t.firstMap)+len(t.old)+len(t.tail))
	b = append(append(b, t.head...), t.firstMap...)
	return append(append(b, t.old...), t.tail...)
}

// Skipped is how many segments a delta update leaves out; zero means that there is none to be had.
func (t *Text) Skipped() uint64 { return t.skipped }

// Delta gives the text without the skipped segments, newly allocated. Call it only when Skipped is not zero.
func (t *Text) Delta() []byte {
	b := make([]byte, 0, len(t.head)+64+len(t.old)-t.rest+len(t.tail))
	b = append(append(b, t.head...), "#EXT-X-SKIP:SKIPPED-SEGMENTS="...)
	b = append(strconv.AppendUint(b, t.skipped, 10), '\n')
	return append(append(b, t.old[t.rest:]...), t.tail...)
}
