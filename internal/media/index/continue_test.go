package index

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/internal/media/m3u8"
)

// live lists a segment as the packager does, in parts.
func live(w *m3u8.Writer, h *Header, s *Segment, parts int) {
	w.Open(m3u8.Segment{
		URI: SegmentName(s.Sequence), Map: InitName(uint64(s.Init)), Time: h.Start.Add(s.Media),
		Discontinuity: s.Discontinuity, Independent: s.Independent,
	})
	for i := range parts {
		d := (s.Duration / time.Duration(parts)).Truncate(time.Microsecond)
		if i == parts-1 {
			d = s.Duration - d*time.Duration(i)
		}
		w.Part(m3u8.Part{URI: fmt.Sprintf("%d.%d.m4s", s.Sequence, i), Duration: d}, "hint")
	}
	w.Close(fmt.Sprintf("%d.0.m4s", s.Sequence+1))
}

// unparted are the lines of a playlist but those of parts.
func unparted(text *m3u8.Text) (out []string) {
	for l := range strings.Lines(string(text.Full())) {
		if !strings.HasPrefix(l, "#EXT-X-PART:") {
			out = append(out, l)
		}
	}
	return out
}

// TestContinuesTheLivePlaylist: the playlist of a process that died and the one made of the rows are the
// same but for the parts, whatever was lost and has left the window, and stay so when both go on.
func TestContinuesTheLivePlaylist(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := header()
		c := m3u8.Config{
			Target: h.Target, PartTarget: 500 * time.Millisecond,
			Window: time.Duration(rapid.IntRange(0, 100).Draw(t, "window")) * time.Second,
		}
		w := m3u8.NewWriter(c)
		var rows []Segment
		at := time.Duration(0)
		next := func() *Segment {
			s := drawSegment(t, uint64(len(rows)))
			s.Media = at
			at += s.Duration
			rows = append(rows, s)
			return &s
		}
		died := rapid.IntRange(0, 60).Draw(t, "segments")
		for range died {
			live(w, &h, next(), rapid.IntRange(1, 4).Draw(t, "parts"))
		}
		for i := range rows { // the archive tells of it at the latest when the parts are no longer listed
			if rows[i].Gap {
				w.Lose(rows[i].Sequence)
			}
		}
		h.Next = uint64(len(rows))
		all := Dense(rows, h.Next, h.Target, at+time.Minute)
		again := Continue(&h, all, c, fmt.Sprintf("%d.0.m4s", h.Next))
		for range rapid.IntRange(0, 20).Draw(t, "segments after that") {
			s := next()
			s.Gap = false
			live(w, &h, s, 1)
			live(again, &h, s, 1)
		}
		w.End() // so that it shows the gaps among the newest as well
		again.End()
		if before, after := w.Text(), again.Text(); died > 0 && (!cmp.Equal(unparted(before), unparted(after)) ||
			before.First != after.First || before.Next != after.Next) {
			t.Fatalf("the playlists of before and after differ:\n%s", cmp.Diff(unparted(before), unparted(after)))
		}
	})
}

// TestPlaylistThatGoesOn: what is there before anybody publishes again.
func TestPlaylistThatGoesOn(t *testing.T) {
	h := header()
	h.Next = 3
	rows := []Segment{
		{Sequence: 0, Independent: true, Duration: 2 * time.Second, Place: place()},
		{Sequence: 2, Independent: true, Media: 6 * time.Second, Duration: 2 * time.Second, Place: place()},
	}
	w := Continue(&h, Dense(rows, h.Next, h.Target, time.Minute), m3u8.Config{
		Target: h.Target, PartTarget: 500 * time.Millisecond, Window: time.Minute,
	}, "3.0.m4s")
	text := w.Text()
	want := `#EXTM3U
#EXT-X-VERSION:9
#EXT-X-TARGETDURATION:4
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5,CAN-SKIP-UNTIL=24.0
#EXT-X-PART-INF:PART-TARGET=0.5
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MAP:URI="init-0.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-03-04T05:06:07.891Z
#EXTINF:2.0,
0.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-03-04T05:06:09.891Z
#EXT-X-GAP
#EXTINF:4.0,
1.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-03-04T05:06:13.891Z
#EXTINF:2.0,
2.m4s
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="3.0.m4s"
`
	if got := string(text.Full()); got != want {
		t.Errorf("got\n%s", got)
	}
	for what, c := range map[string]struct {
		d    m3u8.Directives
		want bool
	}{
		"the playlist":                        {m3u8.Directives{Part: -1}, true},
		"the last segment":                    {m3u8.Directives{Block: true, MSN: 2, Part: -1}, true},
		"a part of it that was being awaited": {m3u8.Directives{Block: true, MSN: 2, Part: 3}, true},
		"the next part":                       {m3u8.Directives{Block: true, MSN: 3, Part: 0}, false},
	} {
		if got := text.Has(c.d); got != c.want {
			t.Errorf("%s is there: %v", what, got)
		}
	}
}

// TestDense puts gaps where rows are missing.
func TestDense(t *testing.T) {
	row := func(n uint64, at int) Segment {
		return Segment{Sequence: n, Init: 7, Media: time.Duration(at) * time.Second, Duration: 2 * time.Second, Place: place()}
	}
	gap := func(n uint64, at, d time.Duration) Segment {
		return Segment{Sequence: n, Init: 7, Independent: true, Gap: true, Media: at, Duration: d}
	}
	const target, now = 4 * time.Second, 100 * time.Second
	for what, c := range map[string]struct {
		rows []Segment
		next uint64
		want []Segment
	}{
		"nothing": {nil, 5, []Segment{}},
		"all":     {[]Segment{row(4, 10), row(5, 12)}, 6, []Segment{row(4, 10), row(5, 12)}},
		"two of between": {
			[]Segment{row(0, 0), row(3, 5)},
			4,
			[]Segment{row(0, 0), gap(1, 2*time.Second, 1500*time.Millisecond), gap(2, 3500*time.Millisecond, 1500*time.Millisecond), row(3, 5)},
		},
		"much time":          {[]Segment{row(0, 0), row(2, 50)}, 3, []Segment{row(0, 0), gap(1, 2*time.Second, target), row(2, 50)}},
		"no time":            {[]Segment{row(0, 0), row(2, 1)}, 3, []Segment{row(0, 0), gap(1, 2*time.Second, time.Millisecond), row(2, 1)}},
		"the last":           {[]Segment{row(0, 95)}, 2, []Segment{row(0, 95), gap(1, 97*time.Second, 3*time.Second)}},
		"a wrong number":     {[]Segment{row(0, 0), row(1<<40, 10)}, 1<<40 + 1, []Segment{row(1<<40, 10)}},
		"a wrong last one":   {[]Segment{row(0, 0)}, 1 << 62, []Segment{}},
		"less than there is": {[]Segment{row(3, 0)}, 1, []Segment{row(3, 0)}},
	} {
		if got := Dense(c.rows, c.next, target, now); !slices.Equal(got, c.want) {
			t.Errorf("%s: %s", what, cmp.Diff(c.want, got))
		}
	}
}
