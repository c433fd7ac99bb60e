package m3u8

import (
	"iter"
	"strconv"
	"time"
)

// Complete is a segment of which everything is known.
type Complete struct {
	Segment

	Duration time.Duration
	// Gap says that its bytes are not there.
	Gap bool
}

// wholeVersion is that of playlists with EXT-X-GAP (draft section 8); it includes EXT-X-MAP.
const wholeVersion = 8

// Whole makes the playlist of segments to which nothing will ever be added (EXT-X-PLAYLIST-TYPE:VOD). The
// target is in whole seconds. The segments are passed over twice and must be the same both times.
func Whole(target time.Duration, segments iter.Seq[Complete]) *Text {
	t := &Text{Ended: true}
	dependent := false
	for s := range segments {
		t.Next++
		dependent = dependent || !s.Independent
	}
	t.head = append(t.head, "#EXTM3U\n#EXT-X-VERSION:"...)
	t.head = strconv.AppendInt(t.head, wholeVersion, 10)
	t.head = append(t.head, "\n#EXT-X-TARGETDURATION:"...)
	t.head = strconv.AppendInt(t.head, int64(target/time.Second), 10)
	t.head = append(t.head, "\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-MEDIA-SEQUENCE:0\n"...)
	if !dependent {
		t.head = append(t.head, "#EXT-X-INDEPENDENT-SEGMENTS\n"...)
	}
	stated := ""
	for s := range segments {
		if t.firstMap == nil {
			t.firstMap, stated = appendMap(nil, s.Map), s.Map
		}
		t.old = appendComplete(t.old, &s, s.Map != stated)
		stated = s.Map
	}
	t.tail = []byte("#EXT-X-ENDLIST\n")
	return t
}

// Resume makes a Writer that goes on behind segments that another one had listed, of which the first has this
// sequence number. Their parts are not listed. hint is as that of Close.
func Resume(cfg Config, first uint64, past iter.Seq[Complete], hint string) *Writer {
	w := NewWriter(cfg)
	w.first, w.hint = first, hint
	for s := range past {
		w.restore(&s)
	}
	return w
}

// restore lists a segment without its parts, behind the others.
func (w *Writer) restore(s *Complete) {
	states := len(w.listed) > 0 && w.listed[len(w.listed)-1].uriMap != s.Map
	w.listed = append(w.listed, entry{
		at: len(w.old), duration: s.Duration, discontinuity: s.Discontinuity, uriMap: s.Map, statesMap: states, lost: s.Gap,
	})
	w.old = appendComplete(w.old, s, states)
	w.dependent = w.dependent || !s.Independent
	w.length += s.Duration
	w.trim()
}

// appendComplete writes the lines of a segment without those of its parts.
func appendComplete(dst []byte, s *Complete, statesMap bool) []byte {
	dst = appendTags(dst, s.Segment, statesMap)
	if s.Gap {
		dst = append(dst, gap...)
	}
	dst = append(dst, "#EXTINF:"...)
	dst = append(appendSeconds(dst, s.Duration), ",\n"...)
	return append(append(dst, s.URI...), '\n')
}
