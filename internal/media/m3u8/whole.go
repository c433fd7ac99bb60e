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
		t.old = appendTags(t.old, s.Segment, s.Map != stated)
		stated = s.Map
		if s.Gap {
			t.old = append(t.old, gap...)
		}
		t.old = append(t.old, "#EXTINF:"...)
		t.old = append(appendSeconds(t.old, s.Duration), ",\n"...)
		t.old = append(append(t.old, s.URI...), '\n')
	}
	t.tail = []byte("#EXT-X-ENDLIST\n")
	return t
}
