package index

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/media/m3u8"
)

var rewrite = flag.Bool("rewrite", false, "write the golden vectors anew")

func header() Header {
	start := time.Date(2026, time.March, 4, 5, 6, 7, 891_234_567, time.UTC)
	return Header{
		Channel: "4503599627370497", Room: "4503599627370498", Title: "Evening 弹幕", Start: start, Target: 4 * time.Second,
		State: Ended, End: start.Add(time.Hour), Listed: Listed{Next: 1800}, Duration: time.Hour - 3*time.Millisecond, Bytes: 1 << 30,
		Peak: 6_000_000, FPS: 29.97, Objects: 60,
	}
}

func place() Place { return Place{Object: 59, Offset: 13_000_000, Length: 1_250_000, Sum: 0xdeadbeef} }

// TestGoldenVectors holds the rows to bytes that were once written: recordings are kept for years.
func TestGoldenVectors(t *testing.T) {
	h := header()
	o := header()
	o.State, o.End, o.PartTarget = Open, time.Time{}, 500*time.Millisecond
	l := o
	l.NextInit = 3
	i := Init{Number: 1, Place: place(), Codecs: []string{"avc1.64001f", "mp4a.40.2"}, Width: 1920, Height: 1080}
	s := Segment{Sequence: 7, Init: 1, Independent: true, Media: 14*time.Second + 1, Duration: 2_002_333 * time.Microsecond, Place: place()}
	g := Segment{Sequence: 8, Init: 1, Discontinuity: true, Gap: true, Media: 16 * time.Second, Duration: time.Second}
	for _, c := range []struct {
		name   string
		encode func() ([]byte, error)
		decode func(b []byte) (any, error)
		want   any
	}{
		{"header", h.Encode, func(b []byte) (any, error) { return DecodeHeader(b) }, h},
		{"open", o.Encode, func(b []byte) (any, error) { return DecodeHeader(b) }, o},
		{"listed", l.Encode, func(b []byte) (any, error) { return DecodeHeader(b) }, l},
		{"init", i.Encode, func(b []byte) (any, error) { return DecodeInit(1, b) }, i},
		{"segment", s.Encode, func(b []byte) (any, error) { return DecodeSegment(7, b) }, s},
		{"gap", g.Encode, func(b []byte) (any, error) { return DecodeSegment(8, b) }, g},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := c.encode()
			if err != nil {
				t.Fatal(err)
			}
			stored := golden(t, c.name+".hex", b)
			if got, err := c.decode(stored); err != nil || !cmp.Equal(got, c.want) {
				t.Errorf("decoded as %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

// golden holds bytes to those of a file, or rewrites it, and gives what the file has.
func golden(t *testing.T, name string, encoded []byte) (stored []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(file, []byte(hex.EncodeToString(encoded)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(encoded) + "\n"; got != string(text) {
		t.Errorf("encoded as\n%swant\n%s", got, text)
	}
	if stored, err = hex.DecodeString(strings.TrimSpace(string(text))); err != nil {
		t.Fatal(err)
	}
	return stored
}

func TestRowsThatNobodyWrites(t *testing.T) {
	for name, change := range map[string]func(*Header){
		"no channel":    func(h *Header) { h.Channel = "" },
		"no state":      func(h *Header) { h.State = 0 },
		"a later state": func(h *Header) { h.State = Removed + 1 },
		"no target":     func(h *Header) { h.Target = 0 },
		"a long part":   func(h *Header) { h.PartTarget = h.Target + 1 },
		"no part":       func(h *Header) { h.PartTarget = -1 },
		"half a target": func(h *Header) { h.Target = 1500 * time.Millisecond },
		"too long":      func(h *Header) { h.Duration = 11 * 365 * 24 * time.Hour },
		"less than no":  func(h *Header) { h.Bytes = -1 },
		"a long title":  func(h *Header) { h.Title = strings.Repeat("x", MaxRow) },
	} {
		h := header()
		change(&h)
		b, err := h.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeHeader(b); fault.CodeOf(err) != "bad_index_row" {
			t.Errorf("a header with %s: %v", name, err)
		}
	}
	for name, p := range map[string]Place{
		"nothing": {}, "before": {Offset: -1, Length: 1}, "less than nothing": {Length: -1}, "far away": {Offset: MaxObject, Length: 1},
		"overflow": {Offset: 1, Length: 1<<63 - 1},
	} {
		s := Segment{Place: p}
		b, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeSegment(0, b); fault.CodeOf(err) != "bad_index_row" {
			t.Errorf("a segment whose place is %s: %v", name, err)
		}
	}
	for _, codec := range []string{"", "avc1\n#EXT-X-ENDLIST", `a"b`, "a,b", strings.Repeat("x", MaxRow)} {
		i := Init{Place: place(), Codecs: []string{codec}}
		b, err := i.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeInit(0, b); fault.CodeOf(err) != "bad_index_row" {
			t.Errorf("the codec %.20q: %v", codec, err)
		}
	}
}

func drawSegment(t *rapid.T, sequence uint64) Segment {
	s := Segment{
		Sequence: sequence, Init: rapid.Uint32Range(0, 3).Draw(t, "init"), Discontinuity: rapid.Bool().Draw(t, "discontinuity"),
		Independent: rapid.Bool().Draw(t, "independent"), Gap: rapid.IntRange(0, 5).Draw(t, "gap") == 0,
		Media:    time.Duration(rapid.Int64Range(-int64(time.Second), int64(24*time.Hour)).Draw(t, "media")),
		Duration: time.Duration(rapid.Int64Range(0, 4_000_000).Draw(t, "us")) * time.Microsecond,
	}
	if !s.Gap {
		s.Place = Place{
			Object: rapid.Uint32().Draw(t, "object"), Offset: rapid.Int64Range(0, MaxObject/2).Draw(t, "offset"),
			Length: rapid.Int64Range(1, MaxObject/2).Draw(t, "length"), Sum: rapid.Uint32().Draw(t, "sum"),
		}
	}
	return s
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSegment(t, rapid.Uint64().Draw(t, "sequence"))
		b, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := DecodeSegment(s.Sequence, b); err != nil || got != s {
			t.Fatalf("%+v came back as %+v, %v", s, got, err)
		}
	})
}

// TestRendersWhatTheLivePlaylistSaid plays segments into a live playlist, as the packager does, and holds
// the lines of each against those rendered from its rows.
func TestRendersWhatTheLivePlaylistSaid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := header()
		w := m3u8.NewWriter(m3u8.Config{Target: h.Target, PartTarget: 500 * time.Millisecond, Window: 1000 * time.Hour})
		var rows []Segment
		for n := range rapid.IntRange(1, 30).Draw(t, "segments") {
			s := drawSegment(t, uint64(n))
			w.Open(m3u8.Segment{
				URI: SegmentName(s.Sequence), Map: InitName(uint64(s.Init)), Time: h.Start.Add(s.Media),
				Discontinuity: s.Discontinuity, Independent: s.Independent,
			})
			w.Part(m3u8.Part{URI: fmt.Sprintf("%d.0.m4s", n), Duration: s.Duration}, "")
			w.Close("")
			if s.Gap {
				w.Lose(s.Sequence)
			}
			rows = append(rows, s)
		}
		w.End()
		live, whole := lines(w.Text().Full()), lines(Playlist(&h, rows).Full())
		if !cmp.Equal(live, whole) {
			t.Fatalf("the live playlist and the rendered one differ:\n%s", cmp.Diff(live, whole))
		}
	})
}

// lines are those of a playlist that are about segments, without those about parts.
func lines(text []byte) (out []string) {
	for l := range strings.Lines(string(text)) {
		name, _, _ := strings.Cut(strings.TrimSpace(l), ":")
		switch name {
		case "#EXTM3U", "#EXT-X-VERSION", "#EXT-X-TARGETDURATION", "#EXT-X-SERVER-CONTROL", "#EXT-X-PART-INF", "#EXT-X-PART", "#EXT-X-PLAYLIST-TYPE":
		default:
			out = append(out, l)
		}
	}
	return out
}

func TestMissingRowsLeaveADiscontinuity(t *testing.T) {
	h := header()
	text := string(Playlist(&h, []Segment{
		{Sequence: 3, Independent: true, Duration: 2 * time.Second, Place: place()},
		{Sequence: 6, Independent: true, Media: 6 * time.Second, Duration: 2 * time.Second, Place: place()},
	}).Full())
	want := `#EXTM3U
#EXT-X-VERSION:8
#EXT-X-TARGETDURATION:4
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MAP:URI="init-0.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-03-04T05:06:07.891Z
#EXTINF:2.0,
3.m4s
#EXT-X-DISCONTINUITY
#EXT-X-PROGRAM-DATE-TIME:2026-03-04T05:06:13.891Z
#EXTINF:2.0,
6.m4s
#EXT-X-ENDLIST
`
	if text != want {
		t.Errorf("got\n%s", text)
	}
}

func TestVariant(t *testing.T) {
	h := header()
	h.Bytes, h.Duration, h.Peak = 1_000_000, 4*time.Second, 2_500_000
	inits := []Init{
		{Codecs: []string{"avc1.64001f", "mp4a.40.2"}, Width: 1280, Height: 720},
		{Number: 1, Codecs: []string{"avc1.64001f", "opus"}, Width: 360, Height: 640},
		{Number: 2, Codecs: []string{"hvc1.1.6.L93.B0", "mp4a.40.2"}, Width: 640, Height: 360},
	}
	got := Variant(&h, inits, "source/index.m3u8")
	want := m3u8.Variant{
		URI: "source/index.m3u8", Bandwidth: 2_500_000, Average: 2_000_000,
		Codecs: []string{"hvc1.1.6.L93.B0", "mp4a.40.2", "avc1.64001f", "opus"}, Width: 1280, Height: 720, FPS: 29.97,
	}
	if !cmp.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
	h.Peak = 0 // of a recording whose peak nobody has measured
	if got := Variant(&h, nil, ""); got.Bandwidth != 2_000_000 {
		t.Errorf("a peak below the mean: %+v", got)
	}
}

func FuzzDecode(f *testing.F) {
	for _, name := range []string{"header", "open", "listed", "init", "segment", "gap"} {
		text, err := os.ReadFile(filepath.Join("testdata", name+".hex"))
		if err != nil {
			f.Fatal(err)
		}
		b, err := hex.DecodeString(strings.TrimSpace(string(text)))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := DecodeHeader(b)
		if err != nil {
			h = header()
		}
		var rows []Segment
		if s, err := DecodeSegment(1, b); err == nil {
			again, err := s.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if same, err := DecodeSegment(1, again); err != nil || same != s {
				t.Fatalf("%+v came back as %+v, %v", s, same, err)
			}
			rows = append(rows, s)
		}
		if n := len(Playlist(&h, rows).Full()); n > 1000 {
			t.Fatalf("a playlist of one segment has %d bytes", n)
		}
		if i, err := DecodeInit(1, b); err == nil {
			text := string(m3u8.AppendMultivariant(nil, nil, []m3u8.Variant{Variant(&h, []Init{i}, "index.m3u8")}))
			if n := strings.Count(text, "\n"); n != 4 {
				t.Fatalf("a multivariant playlist of one variant has %d lines:\n%s", n, text)
			}
		}
	})
}
