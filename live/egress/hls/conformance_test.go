package hls_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/bluenviron/gohlslib/v2/pkg/playlist"

	"github.com/barrage-live/barrage/internal/media/mediatest"
)

// sound is the usual publication: 30 pictures a second, an IDR picture every 2 s, with audio.
func sound() mediatest.Source { return mediatest.Source{Sound: true} }

// TestConformance goes through the points of draft-pantos-hls-rfc8216bis-20 and of Apple's low-latency
// profile that apply to a playlist of one rendition. The numbers are those of the list the packager was
// designed to. Not here: 24 (load) is TestWakingManyWaiters, 25 (a day) is TestADay in live/packager, 26
// (tokens) does not apply to public broadcasts. What players make of a lost segment (21) and of the end
// (27) is loadtest/e2e/pages/hole.mjs, HTTP/2 (23) loadtest/e2e/tls_test.go.
func TestConformance(t *testing.T) {
	points := []struct {
		point int
		what  string
		test  func(w *world)
	}{
		{1, "content type, encoding, first line, gzip, CORS on every answer", point1},
		{2, "version, unknown directives, nothing of a query in the text", point2},
		{3, "target duration is constant and no segment is longer", point3},
		{4, "part target is constant, parts keep within it and make the segment", point4},
		{5, "part hold back", point5},
		{6, "independent parts are exactly those with an IDR picture", point6},
		{7, "parts stay listed, and fetchable afterwards", point7},
		{8, "sequence numbers over removals and reconnects", point8},
		{9, "blocking requests are answered when it is there", point9},
		{10, "malformed directives", point10},
		{11, "requests too far ahead", point11},
		{12, "requests for the past", point12},
		{13, "time-out, client gone, end while blocked", point13},
		{14, "plain requests are answered at once and alike", point14},
		{15, "preload hint", point15},
		{16, "delta updates", point16},
		{17, "no rendition report without another rendition", point17},
		{18, "map, codecs, resolution, bandwidth, frame rate", point18},
		{19, "program date time", point19},
		{20, "decode times and offsets", point20},
		{21, "missing time is a discontinuity", point21},
		{22, "cache headers", point22},
		{23, "HEAD and ranges", point23},
		{27, "the end", point27},
	}
	for _, p := range points {
		t.Run(fmt.Sprintf("%02d %s", p.point, p.what), func(t *testing.T) {
			for _, part := range []time.Duration{500 * time.Millisecond, 200 * time.Millisecond} {
				t.Run(part.String(), func(t *testing.T) { bubbleOf(t, part, p.test) })
			}
		})
	}
}

func point1(w *world) {
	w.publish(sound(), 5*time.Second)
	for _, path := range []string{"/live/c/index.m3u8", playlists} {
		rec := w.get(path)
		if got := rec.Header().Get("Content-Type"); got != "application/vnd.apple.mpegurl" {
			w.Errorf("%s: content type %q", path, got)
		}
		if !utf8.Valid(rec.Body.Bytes()) || !strings.HasPrefix(rec.Body.String(), "#EXTM3U\n") {
			w.Errorf("%s does not begin as it should", path)
		}
		zipped := w.do(http.MethodGet, path, "Accept-Encoding", "br, gzip;q=0.8")
		if zipped.Header().Get("Content-Encoding") != "gzip" || ungzip(w.T, zipped.Body) != rec.Body.String() {
			w.Errorf("%s is not the same with gzip", path)
		}
		if w.do(http.MethodGet, path, "Accept-Encoding", "gzip;q=0").Header().Get("Content-Encoding") != "" {
			w.Errorf("%s: gzip was forbidden", path)
		}
	}
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", playlists, 200},
		{"GET", playlists + "?_HLS_part=1", 400},
		{"GET", "/live/nobody/index.m3u8", 404},
		{"GET", base + "99.m4s", 404},
		{"GET", "/live/c/nonsense", 404},
		{"POST", playlists, 405},
		{"OPTIONS", playlists, 204},
	} {
		rec := w.do(c.method, c.path)
		if rec.Code != c.status || rec.Header().Get("Access-Control-Allow-Origin") != "*" {
			w.Errorf("%s %s: status %d, want %d, header %v", c.method, c.path, rec.Code, c.status, rec.Header())
		}
	}
}

func point2(w *world) {
	w.publish(sound(), 40*time.Second)
	full, m := w.text(playlists)
	if m.Version < 9 {
		w.Errorf("version %d", m.Version)
	}
	for _, query := range []string{"?token=secret", "?_HLS_unheard=1&x=%zz", "?_HLS_msn=3&_HLS_part=0&token=secret"} {
		if got, _ := w.text(playlists + query); got != full {
			w.Errorf("%s changes the text", query)
		}
	}
	for _, path := range []string{"/live/c/index.m3u8?token=secret&_HLS_msn=1", playlists + "?_HLS_msn=19&_HLS_skip=YES&token=secret"} {
		if text := w.get(path).Body.String(); strings.Contains(text, "secret") || strings.Contains(text, "_HLS") {
			w.Errorf("%s: the query is in the text", path)
		}
	}
}

func point3(w *world) {
	check := func() {
		w.Helper()
		text, m := w.text(playlists)
		if strings.Count(text, "#EXT-X-TARGETDURATION:4\n") != 1 {
			w.Errorf("the target duration is not 4:\n%s", text)
		}
		for _, s := range m.Segments {
			if s.Duration.Round(time.Second) > 4*time.Second {
				w.Errorf("%s lasts %v", s.URI, s.Duration)
			}
		}
	}
	w.publish(mediatest.Source{Sound: true, GOP: 300}, 25*time.Second) // 10 s from key to key
	check()
	w.box.Interrupt()
	w.publish(mediatest.Source{FPS: 5, GOP: 50}, 25*time.Second)
	check()
	w.box.Finish()
	check()
}

func point4(w *world) {
	for _, src := range []mediatest.Source{sound(), {FPS: 25, Sound: true, GOP: 75}, {Frame: time.Second * 1001 / 30000, BFrames: 2}} {
		w.publish(src, 15*time.Second)
		_, m := w.text(playlists)
		target := m.PartInf.PartTarget
		if target != w.part {
			w.Errorf("the part target is %v", target)
		}
		for _, s := range m.Segments {
			var sum time.Duration
			var body strings.Builder
			for k, p := range s.Parts {
				sum += p.Duration
				if p.Duration > target || (k < len(s.Parts)-1 && p.Duration*100 < target*85) {
					w.Errorf("%s lasts %v", p.URI, p.Duration)
				}
				body.Write(w.object(p.URI))
			}
			if len(s.Parts) > 0 && (sum != s.Duration || body.String() != string(w.object(s.URI))) {
				w.Errorf("%s is not its parts: %v and %v", s.URI, s.Duration, sum)
			}
		}
		w.box.Interrupt()
	}
}

func point5(w *world) {
	w.publish(sound(), 3*time.Second)
	text, m := w.text(playlists)
	if *m.ServerControl.PartHoldBack != 3*m.PartInf.PartTarget {
		w.Errorf("part hold back %v", *m.ServerControl.PartHoldBack)
	}
	contains(w.T, text, "CAN-BLOCK-RELOAD=YES")
}

func point6(w *world) {
	for _, c := range []struct {
		src   mediatest.Source
		claim bool
	}{{sound(), true}, {mediatest.Source{GOP: 13}, true}, {mediatest.Source{GOP: 300, Sound: true}, false}} {
		w.publish(c.src, 11*time.Second)
		text, m := w.text(playlists)
		for _, p := range parts(m) {
			key := false
			for _, s := range w.read(m.Map.URI, w.object(p.URI))[1].all {
				key = key || s.Data[4]&0x1f == 5
			}
			if key != p.Independent {
				w.Errorf("%s: independent %v, has an IDR picture %v", p.URI, p.Independent, key)
			}
		}
		if claimed := strings.Contains(text, "#EXT-X-INDEPENDENT-SEGMENTS\n"); claimed != c.claim {
			w.Errorf("independent segments are claimed: %v", claimed)
		}
		w.box.Interrupt()
	}
}

func point7(w *world) {
	w.publish(sound(), 4*time.Second+50*time.Millisecond)
	first := parts(w.media())[0].URI
	listed := func() bool {
		return slices.ContainsFunc(parts(w.media()), func(p *playlist.MediaPart) bool { return p.URI == first })
	}
	w.on(9 * time.Second)
	if !listed() {
		w.Error("a part is not listed any more after 13 s")
	}
	w.on(5 * time.Second)
	if listed() {
		w.Error("a part is still listed after 18 s")
	}
	w.object(first)
	w.on(7 * time.Second)
	w.object(first) // three target durations after it was removed
	segment := w.media().Segments[0].URI
	w.on(70 * time.Second)
	if w.media().Segments[0].URI == segment {
		w.Fatal("the window did not move")
	}
	w.on(64 * time.Second) // the window's and a segment's duration after it was removed
	w.object(segment)
}

func point8(w *world) {
	content := map[int]string{}
	removed := 0
	for round := range 4 {
		w.publish(sound(), 30*time.Second)
		w.stream.Close(nil)
		synctest.Wait()
		m := w.media()
		for i, s := range m.Segments {
			body := string(w.object(s.URI))
			if was, ok := content[m.MediaSequence+i]; ok && was != body {
				w.Errorf("segment %d has changed", m.MediaSequence+i)
			}
			content[m.MediaSequence+i] = body
			if s.Discontinuity != ((m.MediaSequence+i)%15 == 0 && m.MediaSequence+i > 0) {
				w.Errorf("segment %d: discontinuity %v", m.MediaSequence+i, s.Discontinuity)
			}
		}
		if m.MediaSequence+len(m.Segments) != 15*(round+1) {
			w.Errorf("round %d: %d segments from %d", round, len(m.Segments), m.MediaSequence)
		}
		if m.MediaSequence < removed {
			w.Errorf("the media sequence went back from %d to %d", removed, m.MediaSequence)
		}
		removed = m.MediaSequence
		said := 0 // what players take it for when it is not there
		if m.DiscontinuitySequence != nil {
			said = *m.DiscontinuitySequence
		}
		if breaks := (m.MediaSequence - 1) / 15; said != breaks {
			w.Errorf("discontinuity sequence %d with %d segments removed, want %d", said, removed, breaks)
		}
	}
	if removed <= 15 {
		w.Errorf("only %d segments were removed, and no discontinuity with them", removed)
	}
}

func point9(w *world) {
	w.publish(sound(), 4*time.Second+40*time.Millisecond) // segments 0 and 1
	within := int(2 * time.Second / w.part)               // parts of a segment
	early := w.part - 20*time.Millisecond
	for _, c := range []struct {
		query, has string
		after      time.Duration
	}{
		{"_HLS_msn=2&_HLS_part=0", "\"2.0.m4s\",INDEP", early},
		{"_HLS_msn=2&_HLS_part=2", "\"2.2.m4s\"\n", 2*w.part + early},
		{"_HLS_msn=2", "\n2.m4s\n", 1980 * time.Millisecond},
		{fmt.Sprintf("_HLS_msn=2&_HLS_part=%d", within), "\"3.0.m4s\",INDEP", 2*time.Second + early}, // part 0 of the next
		{"_HLS_msn=3&_HLS_part=0", "\"3.0.m4s\",INDEP", 2*time.Second + early},
	} {
		defer func(got <-chan answer) {
			a := <-got
			if late := a.after - c.after; a.Code != 200 || late < -30*time.Millisecond || late > 70*time.Millisecond {
				w.Errorf("%s was answered %d after %v, want %v", c.query, a.Code, a.after, c.after)
			}
			contains(w.T, a.Body.String(), c.has)
		}(w.ask(playlists + "?" + c.query))
	}
	w.on(3 * time.Second)
	if rec := w.get(fmt.Sprintf("%s?_HLS_msn=1&_HLS_part=%d", playlists, within)); rec.Code != 200 {
		w.Errorf("a part behind the end of an old segment: %d", rec.Code)
	}
}

func point10(w *world) {
	w.publish(sound(), 3*time.Second)
	for _, query := range []string{
		"_HLS_part=0", "_HLS_msn=x", "_HLS_msn=-1", "_HLS_msn=1.5", "_HLS_msn=", "_HLS_msn=1&_HLS_part=x", "_HLS_msn=1&_HLS_msn=2",
		"_HLS_msn=99999999999999999999",
	} {
		if rec := w.get(playlists + "?" + query); rec.Code != 400 {
			w.Errorf("%s: %d", query, rec.Code)
		}
	}
}

func point11(w *world) {
	w.publish(sound(), 6*time.Second+w.part+100*time.Millisecond) // the last complete segment is 2; 3 has one part
	limit := 1 + int(3*time.Second/w.part)
	began := time.Now()
	for query, tooFar := range map[string]bool{
		"_HLS_msn=5": true, "_HLS_msn=1000000": true, "_HLS_msn=18446744073709551615": true, "_HLS_msn=5&_HLS_part=0": true,
		fmt.Sprintf("_HLS_msn=3&_HLS_part=%d", limit): true, "_HLS_msn=3&_HLS_part=1000": true,
	} {
		if rec := w.get(playlists + "?" + query); (rec.Code == 400) != tooFar {
			w.Errorf("%s: %d", query, rec.Code)
		}
	}
	if d := time.Since(began); d != 0 {
		w.Errorf("the refusals took %v", d)
	}
	within := []<-chan answer{w.ask(playlists + "?_HLS_msn=4"), w.ask(fmt.Sprintf("%s?_HLS_msn=3&_HLS_part=%d", playlists, limit-1))}
	w.on(5 * time.Second)
	for _, got := range within {
		if a := <-got; a.Code != 200 {
			w.Errorf("a request that is not too far: %d", a.Code)
		}
	}
}

func point12(w *world) {
	w.publish(sound(), 100*time.Second)
	full, m := w.text(playlists)
	if m.MediaSequence == 0 {
		w.Fatal("the window did not move")
	}
	for _, query := range []string{"_HLS_msn=0", "_HLS_msn=3&_HLS_part=2", "_HLS_msn=0&_HLS_skip=YES"} {
		if got, _ := w.text(playlists + "?" + query); got != full {
			w.Errorf("%s is not answered with the full playlist", query)
		}
	}
}
