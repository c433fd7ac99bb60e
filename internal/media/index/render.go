package index

import (
	"iter"
	"math"

	"github.com/barrage-live/barrage/internal/media/m3u8"
)

// Playlist renders the media playlist of a recording that has ended. The segments are in order.
func Playlist(h *Header, segments []Segment) *m3u8.Text {
	return m3u8.Whole(h.Target, complete(h, segments))
}

// complete gives segments as a playlist lists them.
func complete(h *Header, segments []Segment) iter.Seq[m3u8.Complete] {
	return func(yield func(m3u8.Complete) bool) {
		for i, s := range segments {
			missing := i > 0 && s.Sequence != segments[i-1].Sequence+1
			c := m3u8.Complete{
				Segment: m3u8.Segment{
					URI: SegmentName(s.Sequence), Map: InitName(uint64(s.Init)), Time: h.Start.Add(s.Media),
					Discontinuity: s.Discontinuity || missing, Independent: s.Independent,
				},
				Duration: s.Duration, Gap: s.Gap,
			}
			if !yield(c) {
				return
			}
		}
	}
}

// Variant describes the rendition of a recording for its multivariant playlist. init is the one that stands
// for it: the newest.
func Variant(h *Header, init *Init, uri string) m3u8.Variant {
	v := m3u8.Variant{URI: uri, Codecs: init.Codecs, Width: init.Width, Height: init.Height, FPS: h.FPS}
	if h.Duration > 0 {
		v.Average = int(math.Ceil(float64(h.Bytes) * 8 / h.Duration.Seconds()))
	}
	v.Bandwidth = max(int(h.Peak), v.Average)
	return v
}
