package m3u8

import (
	"bytes"
	"slices"
	"strconv"
	"time"
)

// Config is what stays the same for the life of a playlist.
type Config struct {
	// Target is the target duration, in whole seconds.
	Target time.Duration
	// PartTarget bounds every part.
	PartTarget time.Duration
	// Window is how much of the past is listed.
	Window time.Duration
}

// Segment is what is known of a segment when it begins.
type Segment struct {
	// URI and Map (of its init segment) are written as they are.
	URI, Map string
	// Time is the wall clock time of its first picture.
	Time time.Time
	// Discontinuity says that it does not continue the one before.
	Discontinuity bool
	// Independent says that it can be decoded without any other.
	Independent bool
}

// Part is one part of the segment that is being filled.
type Part struct {
	URI      string
	Duration time.Duration
	// Independent says that it contains a picture from which decoding can start.
	Independent bool
}

// SkipBoundary and KeepParts are in target durations.
const (
	skipTargets = 6
	keepTargets = 3
)

const gap = "#EXT-X-GAP\n"

// Writer holds the text of one media playlist. It is not safe for concurrent use; its Texts are.
type Writer struct {
	cfg  Config
	head []byte // the tags that never change

	first         uint64 // sequence number of the first segment listed
	discontinuity uint64 // discontinuities removed
	dependent     bool   // a segment without a key picture at its start was listed
	ended         bool

	old    []byte  // lines of complete segments listed without parts
	listed []entry // all complete segments; the first len(listed)-len(recent) have their lines in old
	recent []lines
	open   *lines
	length time.Duration // of all complete segments
	hint   string
}

// entry is what is remembered of a complete segment.
type entry struct {
	at            int // offset of its lines in old; meaningless while recent
	duration      time.Duration
	discontinuity bool
	uriMap        string
	statesMap     bool // in its own lines, because it changed there
	lost          bool // its lines in old say so
}

// lines are those of a segment whose parts are still listed.
type lines struct {
	tags, parts, end []byte
	filled           time.Duration
	count            int // of parts
	lost             bool
}

// NewWriter makes an empty playlist whose first segment has sequence number 0.
func NewWriter(cfg Config) *Writer {
	return &Writer{cfg: cfg, head: appendHead(nil, cfg)}
}

// Open begins a segment. The one before must be closed.
func (w *Writer) Open(s Segment) {
	states := len(w.listed) > 0 && w.listed[len(w.listed)-1].uriMap != s.Map
	l := &lines{tags: appendTags(nil, s, states), end: append([]byte(s.URI), '\n')}
	w.dependent = w.dependent || !s.Independent
	w.open = l
	w.listed = append(w.listed, entry{discontinuity: s.Discontinuity, uriMap: s.Map, statesMap: states})
}

// Part adds a part to the open segment. hint is the URI of the very next part, empty when none will come.
func (w *Writer) Part(p Part, hint string) {
	l := w.open
	l.parts = append(l.parts, "#EXT-X-PART:DURATION="...)
	l.parts = appendSeconds(l.parts, p.Duration)
	l.parts = append(l.parts, `,URI="`...)
	l.parts = append(l.parts, p.URI...)
	l.parts = append(l.parts, '"')
	if p.Independent {
		l.parts = append(l.parts, ",INDEPENDENT=YES"...)
	}
	l.parts = append(l.parts, '\n')
	l.filled += p.Duration
	l.count++
	w.hint = hint
}

// Close completes the open segment, whose duration is the sum of its parts.
func (w *Writer) Close(hint string) {
	l := w.open
	uri := l.end
	l.end = append([]byte("#EXTINF:"), appendSeconds(nil, l.filled)...)
	l.end = append(append(l.end, ",\n"...), uri...)
	w.listed[len(w.listed)-1].duration = l.filled
	w.length += l.filled
	w.recent = append(w.recent, *l)
	w.open, w.hint = nil, hint
	w.age()
	w.trim()
}

// Lose marks a complete segment whose bytes will not be there as a gap (EXT-X-GAP): from now on, or from
// the time its parts are not listed any longer, or from the end of the playlist. One that is not listed is
// none.
func (w *Writer) Lose(sequence uint64) {
	old := len(w.listed) - w.unaged()
	i := int(sequence - w.first)
	switch {
	case sequence < w.first || sequence-w.first >= uint64(old+len(w.recent)):
	case i >= old:
		w.recent[i-old].lost = true
	case !w.listed[i].lost:
		w.loseOld(i)
	}
}

// loseOld rewrites the old text with a gap in the i-th segment, in new memory, because Texts hold what was.
func (w *Writer) loseOld(i int) {
	old := w.listed[:len(w.listed)-w.unaged()]
	at := old[i].at + bytes.Index(w.old[old[i].at:], []byte("#EXTINF:"))
	w.old = slices.Concat(w.old[:at], []byte(gap), w.old[at:])
	old[i].lost = true
	for k := range old[i+1:] {
		old[i+1+k].at += len(gap)
	}
}

// End marks the playlist as complete. An open segment must be closed before.
func (w *Writer) End() { w.ended, w.hint = true, "" }

// age moves segments whose parts need not be listed any longer to the old text.
func (w *Writer) age() {
	var behind time.Duration
	keep := len(w.recent)
	for keep > 0 && behind < keepTargets*w.cfg.Target {
		keep--
		behind += w.recent[keep].filled
	}
	for i := range keep {
		l := &w.recent[i]
		e := &w.listed[len(w.listed)-len(w.recent)+i]
		e.at, e.lost = len(w.old), l.lost
		w.old = append(w.old, l.tags...)
		if l.lost {
			w.old = append(w.old, gap...)
		}
		w.old = append(w.old, l.end...)
	}
	w.recent = slices.Delete(w.recent, 0, keep)
}

// trim removes segments that fell out of the window.
func (w *Writer) trim() {
	n := 0
	for n < len(w.listed)-len(w.recent) && w.length-w.listed[n].duration >= max(w.cfg.Window, keepTargets*w.cfg.Target) {
		e := &w.listed[n]
		w.length -= e.duration
		if e.discontinuity {
			w.discontinuity++
		}
		n++
	}
	if n == 0 {
		return
	}
	w.first += uint64(n)
	cut := len(w.old)
	if n < len(w.listed)-len(w.recent) {
		cut = w.listed[n].at
	}
	w.old = w.old[cut:] // a Text may still hold what is cut; the next growth leaves it behind
	w.listed = slices.Delete(w.listed, 0, n)
	for i := range len(w.listed) - len(w.recent) {
		w.listed[i].at -= cut
	}
}

// Text gives the playlist as it stands.
func (w *Writer) Text() *Text {
	t := &Text{First: w.first, Ended: w.ended, Next: w.first + uint64(len(w.listed)), partTarget: w.cfg.PartTarget}
	if w.open != nil {
		t.Next--
		t.Parts = w.open.count
	}
	if n := len(w.recent); n > 0 {
		t.lastParts = w.recent[n-1].count
	} else if t.Next > t.First {
		t.lastParts = maxPart + 1 // whatever it had when its parts were listed, all of it is there
	}
	t.head = append(make([]byte, 0, len(w.head)+96), w.head...)
	t.head = append(t.head, "#EXT-X-MEDIA-SEQUENCE:"...)
	t.head = strconv.AppendUint(t.head, w.first, 10)
	if w.discontinuity > 0 {
		t.head = append(t.head, "\n#EXT-X-DISCONTINUITY-SEQUENCE:"...)
		t.head = strconv.AppendUint(t.head, w.discontinuity, 10)
	}
	t.head = append(t.head, '\n')
	if !w.dependent {
		t.head = append(t.head, "#EXT-X-INDEPENDENT-SEGMENTS\n"...)
	}
	if len(w.listed) > 0 && !w.listed[0].statesMap {
		t.firstMap = appendMap(nil, w.listed[0].uriMap)
	}
	t.old = slices.Clip(w.old)
	t.tail = w.appendTail(make([]byte, 0, 4096))
	t.skipped, t.rest = w.skip()
	return t
}

// skip counts the segments that a delta update leaves out, and where in old the rest begins.
func (w *Writer) skip() (n uint64, rest int) {
	left := w.length
	if w.open != nil {
		left += w.open.filled
	}
	old := w.listed[:len(w.listed)-w.unaged()]
	for i := range old {
		left -= old[i].duration
		if left < skipTargets*w.cfg.Target {
			return uint64(i), old[i].at
		}
	}
	return uint64(len(old)), len(w.old)
}

// unaged is how many of listed have their lines not in old.
func (w *Writer) unaged() int {
	if w.open != nil {
		return len(w.recent) + 1
	}
	return len(w.recent)
}

func (w *Writer) appendTail(dst []byte) []byte {
	for i := range w.recent {
		l := &w.recent[i]
		dst = append(append(dst, l.tags...), l.parts...)
		if l.lost && w.ended { // nothing moves its lines any more
			dst = append(dst, gap...)
		}
		dst = append(dst, l.end...)
	}
	if l := w.open; l != nil {
		dst = append(append(dst, l.tags...), l.parts...)
	}
	switch {
	case w.ended:
		dst = append(dst, "#EXT-X-ENDLIST\n"...)
	case w.hint != "":
		dst = append(dst, `#EXT-X-PRELOAD-HINT:TYPE=PART,URI="`...)
		dst = append(append(dst, w.hint...), "\"\n"...)
	}
	return dst
}

func appendHead(dst []byte, c Config) []byte {
	dst = append(dst, "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:"...)
	dst = strconv.AppendInt(dst, int64(c.Target/time.Second), 10)
	dst = append(dst, "\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK="...)
	dst = appendSeconds(dst, 3*c.PartTarget)
	dst = append(dst, ",CAN-SKIP-UNTIL="...)
	dst = appendSeconds(dst, skipTargets*c.Target)
	dst = append(dst, "\n#EXT-X-PART-INF:PART-TARGET="...)
	dst = appendSeconds(dst, c.PartTarget)
	return append(dst, '\n')
}

// appendTags writes what stands before the parts, or the duration, of a segment.
func appendTags(dst []byte, s Segment, statesMap bool) []byte {
	if s.Discontinuity {
		dst = append(dst, "#EXT-X-DISCONTINUITY\n"...)
	}
	if statesMap {
		dst = appendMap(dst, s.Map)
	}
	dst = append(dst, "#EXT-X-PROGRAM-DATE-TIME:"...)
	dst = s.Time.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z07:00")
	return append(dst, '\n')
}

func appendMap(dst []byte, uri string) []byte {
	return append(append(append(dst, `#EXT-X-MAP:URI="`...), uri...), "\"\n"...)
}

// appendSeconds writes whole microseconds as a decimal without a needless tail.
func appendSeconds(dst []byte, d time.Duration) []byte {
	us := d.Round(time.Microsecond).Microseconds()
	dst = strconv.AppendInt(dst, us/1e6, 10)
	dst = append(dst, '.')
	rest := us % 1e6
	for scale := int64(1e5); scale > 0; scale /= 10 {
		dst = append(dst, byte('0'+rest/scale))
		if rest %= scale; rest == 0 {
			break
		}
	}
	return dst
}
