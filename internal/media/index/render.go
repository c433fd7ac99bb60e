package index

import (
	"iter"
	"math"
	"slices"
	"time"

	"github.com/barrage-live/barrage/internal/media/m3u8"
)

// Playlist renders the media playlist of a recording that has ended. The segments are in order.
func Playlist(h *Header, segments []Segment) *m3u8.Text {
	return m3u8.Whole(h.Target, complete(h, segments))
}

// maxHole is how many segments without a row, in a row, are listed as gaps. Behind more a playlist begins
// anew: no window reaches that far back.
const maxHole = 1 << 16

// shortestGap is how long a gap is of which nothing is known: some players take no segment of no length.
const shortestGap = time.Millisecond

// Continue gives the live playlist of a broadcast that goes on from its recording, with the numbers, times
// and discontinuities that it had; parts are not listed. all are its segments as Dense gives them, hint the
// URI of the very next part.
func Continue(h *Header, all []Segment, c m3u8.Config, hint string) *m3u8.Writer {
	first := h.Next
	if len(all) > 0 {
		first = all[0].Sequence
	}
	return m3u8.Resume(c, first, complete(h, all), hint)
}

// Dense puts a gap in the place of every segment that is missing between the first and next. They share the
// media time that is there for them, behind the last segment that until now, as far as a target duration for
// each goes.
func Dense(segments []Segment, next uint64, target, now time.Duration) []Segment {
	out := make([]Segment, 0, len(segments))
	fill := func(before uint64, at time.Duration) {
		n := len(out)
		if n == 0 || out[n-1].Sequence+1 >= before {
			return
		}
		last := out[n-1]
		missing := before - last.Sequence - 1
		if missing > maxHole {
			out = out[:0]
			return
		}
		end := last.Media + last.Duration
		each := min(max((at-end)/time.Duration(missing), shortestGap), target).Truncate(time.Microsecond)
		for i := range missing {
			out = append(out, Segment{
				Sequence: last.Sequence + 1 + i, Init: last.Init, Independent: true, Gap: true,
				Media: end + time.Duration(i)*each, Duration: each,
			})
		}
	}
	for _, s := range segments {
		fill(s.Sequence, s.Media)
		out = append(out, s)
	}
	fill(next, now)
	return out
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

// Variant describes the rendition of a recording for its multivariant playlist: with the codecs of all its
// init segments, those of the newest first, and its largest picture.
func Variant(h *Header, inits []Init, uri string) m3u8.Variant {
	v := m3u8.Variant{URI: uri, FPS: h.FPS}
	for _, i := range slices.Backward(inits) {
		for _, codec := range i.Codecs {
			if !slices.Contains(v.Codecs, codec) && len(v.Codecs) < MaxCodecs {
				v.Codecs = append(v.Codecs, codec)
			}
		}
		if i.Width*i.Height > v.Width*v.Height {
			v.Width, v.Height = i.Width, i.Height
		}
	}
	if h.Duration > 0 {
		v.Average = int(math.Ceil(float64(h.Bytes) * 8 / h.Duration.Seconds()))
	}
	v.Bandwidth = max(int(h.Peak), v.Average)
	return v
}
