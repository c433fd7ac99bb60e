package m3u8_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gohlslib/v2/pkg/playlist"
	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/media/m3u8"
)

func config() m3u8.Config {
	return m3u8.Config{Target: 4 * time.Second, PartTarget: 500 * time.Millisecond, Window: 60 * time.Second}
}

// filler writes segments with the names the packager gives them.
type filler struct {
	*m3u8.Writer
	sequence int
	at       time.Time
	init     int
}

func newFiller(cfg m3u8.Config) *filler {
	return &filler{Writer: m3u8.NewWriter(cfg), at: time.Date(2026, 11, 21, 6, 0, 0, 0, time.UTC)}
}

func (f *filler) open(discontinuity, independent bool) {
	f.Open(m3u8.Segment{
		URI: fmt.Sprintf("b/%d.m4s", f.sequence), Map: fmt.Sprintf("b/init-%d.mp4", f.init),
		Time: f.at, Discontinuity: discontinuity, Independent: independent,
	})
}

func (f *filler) part(index int, d time.Duration) {
	f.at = f.at.Add(d)
	f.Part(m3u8.Part{URI: f.uri(f.sequence, index), Duration: d, Independent: index == 0}, f.uri(f.sequence, index+1))
}

func (f *filler) uri(sequence, part int) string { return fmt.Sprintf("b/%d.%d.m4s", sequence, part) }

func (f *filler) close() {
	f.sequence++
	f.Close(f.uri(f.sequence, 0))
}

// segment writes a whole one of n parts of half a second.
func (f *filler) segment(n int, discontinuity bool) {
	f.open(discontinuity, true)
	for i := range n {
		f.part(i, 500*time.Millisecond)
	}
	f.close()
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if flag.Lookup("rewrite").Value.String() == "true" {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; got:\n%s", name, got)
	}
}

func TestMain(m *testing.M) {
	flag.Bool("rewrite", false, "write the golden files")
	flag.Parse()
	os.Exit(m.Run())
}

func TestGolden(t *testing.T) {
	t.Run("the first part", func(t *testing.T) {
		f := newFiller(config())
		f.open(false, true)
		f.part(0, 466_667*time.Microsecond)
		golden(t, "first_part.m3u8", f.Text().Full())
	})
	t.Run("in the middle", func(t *testing.T) {
		f := newFiller(config())
		for i := range 12 {
			f.segment(4, i == 7)
		}
		f.init = 1
		f.segment(3, true)
		f.open(false, true)
		f.part(0, 500*time.Millisecond)
		golden(t, "middle.m3u8", f.Text().Full())
	})
	t.Run("a delta update", func(t *testing.T) {
		f := newFiller(config())
		for i := range 25 {
			f.segment(4, i == 13)
		}
		text := f.Text()
		golden(t, "delta.m3u8", text.Delta())
	})
	t.Run("the window has moved", func(t *testing.T) {
		f := newFiller(config())
		for i := range 40 {
			f.init = i / 20
			f.segment(4, i == 3 || i == 20)
		}
		golden(t, "window.m3u8", f.Text().Full())
	})
	t.Run("the end", func(t *testing.T) {
		f := newFiller(config())
		f.open(false, true)
		f.part(0, 500*time.Millisecond)
		f.close()
		f.open(false, false)
		f.part(0, 500*time.Millisecond)
		f.close()
		f.End()
		golden(t, "end.m3u8", f.Text().Full())
	})
	t.Run("multivariant", func(t *testing.T) {
		golden(t, "multivariant.m3u8", m3u8.AppendMultivariant(nil,
			[]m3u8.Datum{{ID: "live.barrage.start", Value: "2026-11-21T06:00:00.000Z"}},
			[]m3u8.Variant{
				{
					URI: "source/index.m3u8", Bandwidth: 2_600_000, Average: 2_400_000,
					Codecs: []string{"avc1.64001f", "mp4a.40.2"}, Width: 1280, Height: 720, FPS: 29.97,
				},
				{URI: "audio/index.m3u8", Bandwidth: 130_000, Average: 128_000, Codecs: []string{"mp4a.40.2"}},
			}))
	})
}

func parse(t tester, b []byte) *playlist.Media {
	t.Helper()
	var m playlist.Media
	if err := m.Unmarshal(b); err != nil {
		t.Fatalf("another library refuses the playlist: %v\n%s", err, b)
	}
	return &m
}

type tester interface {
	Helper()
	Fatalf(format string, args ...any)
}

func TestReadByAnotherLibrary(t *testing.T) {
	f := newFiller(config())
	for i := range 25 {
		f.segment(4, i == 13)
	}
	f.open(false, true)
	f.part(0, 500*time.Millisecond)
	m := parse(t, f.Text().Full())
	if m.TargetDuration != 4 || m.PartInf.PartTarget != 500*time.Millisecond || !m.ServerControl.CanBlockReload {
		t.Errorf("header: %+v", m)
	}
	if *m.ServerControl.PartHoldBack != 1500*time.Millisecond || *m.ServerControl.CanSkipUntil != 24*time.Second {
		t.Errorf("server control: %+v", m.ServerControl)
	}
	if len(m.Segments) != 25 || !m.Segments[13].Discontinuity || m.Map.URI != "b/init-0.mp4" {
		t.Errorf("segments: got %d", len(m.Segments))
	}
	for i, s := range m.Segments {
		if s.DateTime == nil || s.Duration != 2*time.Second {
			t.Errorf("segment %d: %+v", i, s)
		}
		if listed := len(s.Parts) > 0; listed != (i >= 19) {
			t.Errorf("segment %d lists its parts: %v", i, listed)
		}
	}
	if len(m.Parts) != 1 || m.PreloadHint.URI != "b/25.1.m4s" {
		t.Errorf("open segment: %+v, hint %+v", m.Parts, m.PreloadHint)
	}
	d := parse(t, f.Text().Delta())
	if d.Skip.SkippedSegments != 13 || len(d.Segments) != 12 || !d.Segments[0].Discontinuity {
		t.Errorf("delta: skips %+v, lists %d", d.Skip, len(d.Segments))
	}
}

// TestDeltaRebuildsTheFullText drives a playlist at random and holds its promises against a plain model.
func TestDeltaRebuildsTheFullText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := config()
		cfg.Window = time.Duration(rapid.IntRange(0, 90).Draw(t, "window")) * time.Second
		f := newFiller(cfg)
		var discontinuities []bool
		for range rapid.IntRange(1, 120).Draw(t, "segments") {
			d := len(discontinuities) > 0 && rapid.IntRange(0, 9).Draw(t, "discontinuity") == 0
			if d && rapid.Bool().Draw(t, "new init") {
				f.init++
			}
			discontinuities = append(discontinuities, d)
			f.segment(rapid.IntRange(1, 8).Draw(t, "parts"), d)
			text := f.Text()
			removed := int(text.First)
			m := parse(t, text.Full())
			if m.MediaSequence != removed || m.MediaSequence+len(m.Segments) != len(discontinuities) {
				t.Fatalf("sequence %d with %d segments of %d", m.MediaSequence, len(m.Segments), len(discontinuities))
			}
			gone := 0
			for _, d := range discontinuities[:removed] {
				if d {
					gone++
				}
			}
			if got := m.DiscontinuitySequence; (got == nil && gone > 0) || (got != nil && *got != gone) {
				t.Fatalf("discontinuity sequence %v, want %d", got, gone)
			}
			if text.Skipped() > 0 {
				checkDelta(t, text)
			}
		}
	})
}

func checkDelta(t *rapid.T, text *m3u8.Text) {
	full, delta := string(text.Full()), string(text.Delta())
	head, rest, ok := strings.Cut(delta, fmt.Sprintf("#EXT-X-SKIP:SKIPPED-SEGMENTS=%d\n", text.Skipped()))
	if !ok || !strings.HasPrefix(full, head) || !strings.HasSuffix(full, rest) {
		t.Fatalf("the delta update is not a part of the full text:\n%s", delta)
	}
	skipped := full[len(head) : len(full)-len(rest)]
	if n := strings.Count(skipped, "#EXTINF"); n != int(text.Skipped()) {
		t.Fatalf("says it skips %d, skips %d", text.Skipped(), n)
	}
	var left time.Duration
	for _, s := range parse(t, []byte(delta)).Segments {
		left += s.Duration
	}
	if left < 24*time.Second {
		t.Fatalf("only %v are left behind the skip boundary", left)
	}
}

func TestHasAndTooFar(t *testing.T) {
	f := newFiller(config())
	f.segment(4, false)
	f.segment(4, false)
	f.open(false, true)
	f.part(0, 500*time.Millisecond)
	text := f.Text() // segments 0 and 1 are complete, segment 2 has part 0
	cases := []struct {
		query       string
		has, tooFar bool
	}{
		{"", true, false},
		{"_HLS_msn=0", true, false},
		{"_HLS_msn=1", true, false},
		{"_HLS_msn=2", false, false},
		{"_HLS_msn=3", false, false},
		{"_HLS_msn=4", false, true},
		{"_HLS_msn=1&_HLS_part=3", true, false},
		{"_HLS_msn=1&_HLS_part=4", true, false}, // counts as part 0 of segment 2
		{"_HLS_msn=2&_HLS_part=0", true, false},
		{"_HLS_msn=2&_HLS_part=1", false, false},
		{"_HLS_msn=2&_HLS_part=6", false, false},
		{"_HLS_msn=2&_HLS_part=7", false, true},
		{"_HLS_msn=3&_HLS_part=0", false, false},
		{"_HLS_msn=3&_HLS_part=6", false, true},
	}
	for _, c := range cases {
		t.Run(c.query, func(t *testing.T) {
			d, err := m3u8.ParseDirectives(c.query)
			if err != nil {
				t.Fatal(err)
			}
			if got := text.Has(d); got != c.has {
				t.Errorf("has: got %v, want %v", got, c.has)
			}
			if got := text.TooFar(d); got != c.tooFar {
				t.Errorf("too far: got %v, want %v", got, c.tooFar)
			}
		})
	}
	t.Run("a part behind the last, before the next segment began", func(t *testing.T) {
		g := newFiller(config())
		g.segment(4, false)
		if g.Text().Has(m3u8.Directives{Block: true, MSN: 0, Part: 4}) {
			t.Error("part 4 of 4 must wait for part 0 of the next segment")
		}
	})
}

func TestParseDirectives(t *testing.T) {
	cases := []struct {
		name, query string
		want        m3u8.Directives
		refused     bool
	}{
		{name: "none", query: "", want: m3u8.Directives{Part: -1}},
		{name: "segment", query: "_HLS_msn=12", want: m3u8.Directives{Block: true, MSN: 12, Part: -1}},
		{name: "part", query: "_HLS_msn=12&_HLS_part=3", want: m3u8.Directives{Block: true, MSN: 12, Part: 3}},
		{name: "in another order", query: "_HLS_part=3&_HLS_msn=12", want: m3u8.Directives{Block: true, MSN: 12, Part: 3}},
		{name: "skip", query: "_HLS_skip=YES", want: m3u8.Directives{Part: -1, Skip: true}},
		{name: "skip with date ranges", query: "_HLS_skip=v2", want: m3u8.Directives{Part: -1, Skip: true}},
		{name: "unknown skip", query: "_HLS_skip=maybe", want: m3u8.Directives{Part: -1}},
		{name: "unknown directive", query: "_HLS_push=1&_HLS_msn=1", want: m3u8.Directives{Block: true, MSN: 1, Part: -1}},
		{name: "escaped name", query: "%5FHLS_msn=7", want: m3u8.Directives{Block: true, MSN: 7, Part: -1}},
		{name: "foreign rubbish", query: "a=%zz&;=", want: m3u8.Directives{Part: -1}},
		{name: "part alone", query: "_HLS_part=3", refused: true},
		{name: "word", query: "_HLS_msn=abc", refused: true},
		{name: "negative", query: "_HLS_msn=-1", refused: true},
		{name: "sign", query: "_HLS_msn=%2B1", refused: true},
		{name: "empty", query: "_HLS_msn=", refused: true},
		{name: "fraction", query: "_HLS_msn=1&_HLS_part=1.5", refused: true},
		{name: "over 64 bits", query: "_HLS_msn=18446744073709551616", refused: true},
		{name: "twice", query: "_HLS_msn=1&_HLS_msn=1", refused: true},
		{name: "long", query: strings.Repeat("a", 1025), refused: true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := m3u8.ParseDirectives(c.query)
			if c.refused {
				if err == nil || fault.KindOf(err) != fault.Invalid {
					t.Fatalf("got %+v, %v; want it refused", got, err)
				}
				return
			}
			if err != nil || got != c.want {
				t.Fatalf("got %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

func FuzzParseDirectives(f *testing.F) {
	for _, s := range []string{"", "_HLS_msn=1", "_HLS_msn=1&_HLS_part=2&_HLS_skip=YES", "_HLS_part=1", "%5FHLS_msn=%31", "a&&=;"} {
		f.Add(s)
	}
	text := newFiller(config()).Text()
	f.Fuzz(func(t *testing.T, query string) {
		d, err := m3u8.ParseDirectives(query)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		if d.Part >= 0 && !d.Block {
			t.Fatal("a part without a segment was accepted")
		}
		if text.Has(d) && text.TooFar(d) {
			t.Fatal("what is there cannot be too far")
		}
	})
}

func BenchmarkText(b *testing.B) {
	cfg := config()
	cfg.Window = 30 * time.Minute
	f := newFiller(cfg)
	for range 1000 {
		f.segment(4, false)
	}
	b.ReportAllocs()
	for b.Loop() {
		f.Text()
	}
}
