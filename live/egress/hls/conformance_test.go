package hls_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
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

// TestConformance goes through the points of draft-pantos-hls-rfc8216bis-20 and of Apple's low-latency profile that apply
// to a playlist of one rendition. The numbers are those of the list the packager was designed to. Not here: 24 (load) is
// TestWakingManyWaiters, 25 (a day) is TestADay in live/packager, 26 (tokens) does not apply to public broadcasts.
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
		t.Run(fmt.Sprintf("%02d %s", p.point, p.what), func(t *testing.T) { bubble(t, p.test) })
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
		{"GET", playlists, 200}, {"GET", playlists + "?_HLS_part=1", 400}, {"GET", "/live/nobody/index.m3u8", 404},
		{"GET", "/live/c/source/" + broadcast + "/99.m4s", 404}, {"GET", "/live/c/nonsense", 404}, {"POST", playlists, 405},
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
		if target != 500*time.Millisecond {
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
	removed, breaks := 0, 0
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
			if (s.Discontinuity) != ((m.MediaSequence+i)%15 == 0 && m.MediaSequence+i > 0) {
				w.Errorf("segment %d: discontinuity %v", m.MediaSequence+i, s.Discontinuity)
			}
		}
		if m.MediaSequence+len(m.Segments) != 15*(round+1) {
			w.Errorf("round %d: %d segments from %d", round, len(m.Segments), m.MediaSequence)
		}
		if m.MediaSequence < removed {
			w.Errorf("the media sequence went back from %d to %d", removed, m.MediaSequence)
		}
		removed, breaks = m.MediaSequence, (m.MediaSequence-1)/15
		if m.DiscontinuitySequence != nil && *m.DiscontinuitySequence != breaks {
			w.Errorf("discontinuity sequence %d with %d segments removed", *m.DiscontinuitySequence, removed)
		}
	}
}

func point9(w *world) {
	w.publish(sound(), 4*time.Second+40*time.Millisecond) // segments 0 and 1
	for _, c := range []struct {
		query, has string
		after      time.Duration
	}{
		{"_HLS_msn=2&_HLS_part=0", "/2.0.m4s\",INDEP", 480 * time.Millisecond},
		{"_HLS_msn=2&_HLS_part=2", "/2.2.m4s\"\n", 1480 * time.Millisecond},
		{"_HLS_msn=2", "/2.m4s\n", 1980 * time.Millisecond},
		{"_HLS_msn=2&_HLS_part=4", "/3.0.m4s\",INDEP", 2480 * time.Millisecond}, // part 0 of the next
		{"_HLS_msn=3&_HLS_part=0", "/3.0.m4s\",INDEP", 2480 * time.Millisecond},
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
	if rec := w.get(playlists + "?_HLS_msn=1&_HLS_part=4"); rec.Code != 200 {
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
	w.publish(sound(), 6*time.Second+600*time.Millisecond) // the last complete segment is 2; 3 has one part
	began := time.Now()
	for query, tooFar := range map[string]bool{
		"_HLS_msn=5": true, "_HLS_msn=1000000": true, "_HLS_msn=18446744073709551615": true, "_HLS_msn=5&_HLS_part=0": true,
		"_HLS_msn=3&_HLS_part=7": true, "_HLS_msn=3&_HLS_part=1000": true,
	} {
		if rec := w.get(playlists + "?" + query); (rec.Code == 400) != tooFar {
			w.Errorf("%s: %d", query, rec.Code)
		}
	}
	if d := time.Since(began); d != 0 {
		w.Errorf("the refusals took %v", d)
	}
	within := []<-chan answer{w.ask(playlists + "?_HLS_msn=4"), w.ask(playlists + "?_HLS_msn=3&_HLS_part=6")}
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

func point13(w *world) {
	w.publish(sound(), 3*time.Second)
	w.stream.Close(nil)
	synctest.Wait()
	late := w.ask(playlists + "?_HLS_msn=2")
	if a := <-late; a.Code != 503 || a.after != 12*time.Second || a.Header().Get("Retry-After") != "1" {
		w.Errorf("status %d after %v", a.Code, a.after)
	}
	ctx, leave := context.WithCancel(w.Context())
	left := make(chan struct{})
	go func() {
		defer close(left)
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, playlists+"?_HLS_msn=2", nil)
		w.handler.ServeHTTP(httptest.NewRecorder(), r)
	}()
	synctest.Wait()
	if n := w.box.Waiting(); n != 1 {
		w.Errorf("%d requests wait", n)
	}
	leave()
	<-left
	if n := w.box.Waiting(); n != 0 {
		w.Errorf("%d requests wait after the client is gone", n)
	}
	blocked := w.ask(playlists + "?_HLS_msn=2&_HLS_part=1")
	w.box.Finish()
	a := <-blocked
	contains(w.T, a.Body.String(), "#EXT-X-ENDLIST\n")
	text, _ := w.text(playlists + "?_HLS_msn=50&_HLS_part=3")
	contains(w.T, text, "#EXT-X-ENDLIST\n")
}

func point14(w *world) {
	w.publish(sound(), 10*time.Second+100*time.Millisecond)
	began := time.Now()
	first, _ := w.text(playlists)
	for range 10 {
		if again, _ := w.text(playlists); again != first {
			w.Error("two viewers get different texts")
		}
	}
	if d := time.Since(began); d != 0 {
		w.Errorf("it took %v", d)
	}
}

func point15(w *world) {
	w.publish(sound(), 3*time.Second+50*time.Millisecond)
	for range 10 {
		hint := w.media().PreloadHint.URI
		got := w.ask("/live/c/source/" + hint)
		w.on(500 * time.Millisecond)
		a := <-got
		all := parts(w.media())
		last := all[len(all)-1]
		if a.Code != 200 || last.URI != hint {
			w.Fatalf("%s was hinted, %s came; the request was answered %d", hint, last.URI, a.Code)
		}
		if a.Body.String() != string(w.object(hint)) {
			w.Errorf("%s is not what was hinted", hint)
		}
	}
	w.box.Finish()
	if text, m := w.text(playlists); m.PreloadHint != nil || strings.Contains(text, "PRELOAD") {
		w.Error("there is a hint behind the end")
	}
}

func point16(w *world) {
	w.publish(sound(), 20*time.Second)
	if text, _ := w.text(playlists + "?_HLS_skip=YES"); strings.Contains(text, "#EXT-X-SKIP") {
		w.Error("there is nothing to skip yet")
	}
	w.stream.Close(nil)
	w.publish(sound(), 40*time.Second)
	full, m := w.text(playlists)
	last := m.MediaSequence + len(m.Segments) - 1
	delta, d := w.text(playlists + "?_HLS_skip=YES&_HLS_msn=" + strconv.Itoa(last))
	if until := *m.ServerControl.CanSkipUntil; until < 6*time.Duration(m.TargetDuration)*time.Second {
		w.Errorf("can skip until %v", until)
	}
	n := d.Skip.SkippedSegments
	if n <= 0 || n+len(d.Segments) != len(m.Segments) || d.MediaSequence != m.MediaSequence {
		w.Fatalf("skips %d, lists %d of %d", n, len(d.Segments), len(m.Segments))
	}
	head, rest, _ := strings.Cut(delta, fmt.Sprintf("#EXT-X-SKIP:SKIPPED-SEGMENTS=%d\n", n))
	skipped := strings.TrimSuffix(strings.TrimPrefix(full, head), rest)
	if head+skipped+rest != full || strings.Count(skipped, "#EXTINF") != n {
		w.Error("the full playlist cannot be put together again")
	}
	if text, _ := w.text(playlists + "?_HLS_skip=YES&_HLS_msn=1"); strings.Contains(text, "#EXT-X-SKIP") {
		w.Error("a player that knows too little got a delta update")
	}
	if text, _ := w.text(playlists + "?_HLS_skip=v2"); !strings.Contains(text, "#EXT-X-SKIP") {
		w.Error("v2 is not understood")
	}
}

func point17(w *world) {
	w.publish(sound(), 5*time.Second)
	if text, _ := w.text(playlists); strings.Contains(text, "RENDITION-REPORT") {
		w.Error("there is a rendition report")
	}
}

func point18(w *world) {
	w.publish(mediatest.Source{Sound: true, Size: 8000}, 20*time.Second)
	var mv playlist.Multivariant
	if err := mv.Unmarshal(w.get("/live/c/index.m3u8").Body.Bytes()); err != nil {
		w.Fatal(err)
	}
	v := mv.Variants[0]
	if v.URI != "source/index.m3u8" || v.Resolution != "1920x1080" || strings.Join(v.Codecs, ",") != "avc1.42c028,mp4a.40.2" || *v.FrameRate != 30 {
		w.Errorf("got %+v", v)
	}
	_, m := w.text(playlists)
	bits, peak := 0.0, 0.0
	var span time.Duration
	for _, s := range m.Segments {
		b := float64(len(w.object(s.URI))) * 8
		bits, span, peak = bits+b, span+s.Duration, max(peak, b/s.Duration.Seconds())
	}
	if mean := bits / span.Seconds(); float64(v.Bandwidth) < peak || float64(*v.AverageBandwidth) < 0.9*mean || float64(*v.AverageBandwidth) > 1.1*mean {
		w.Errorf("bandwidth %d and %d, measured %.0f and %.0f", v.Bandwidth, *v.AverageBandwidth, peak, mean)
	}
	w.stream.Close(nil)
	units := mediatest.Source{Sound: true, Start: time.Now()}.Units(6 * time.Second)
	for i := range units {
		if units[i].Track == 0 && units[i].DTS == 2*time.Second {
			units[i].SPS, units[i].PPS = mediatest.OtherSPS(), mediatest.PPS()
		}
	}
	w.feed(sound(), units)
	text, _ := w.text(playlists)
	contains(w.T, text,
		"#EXT-X-MAP:URI=\""+broadcast+"/init-0.mp4\"\n#EXT-X-PROGRAM",
		"#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\""+broadcast+"/init-1.mp4\"\n")
	if string(w.object(broadcast+"/init-0.mp4")) == string(w.object(broadcast+"/init-1.mp4")) {
		w.Error("the second init segment is the first")
	}
}

func point19(w *world) {
	w.publish(sound(), 20*time.Second)
	w.stream.Close(nil)
	<-time.After(7 * time.Second)
	w.publish(sound(), 20*time.Second)
	m := w.media()
	at := w.started // the picture of media time 0 was captured when it was sent
	for i, s := range m.Segments {
		if s.Discontinuity {
			at = w.started.Add(27 * time.Second)
		}
		if d := s.DateTime.Sub(at); d < -100*time.Millisecond || d > 0 {
			w.Errorf("segment %d is off by %v", i, d)
		}
		if at = at.Add(s.Duration); at.After(time.Now()) {
			w.Errorf("segment %d ends in the future", i)
		}
	}
	text, _ := w.text(playlists)
	if n := strings.Count(text, "#EXT-X-PROGRAM-DATE-TIME:"); n < len(m.Segments) {
		w.Errorf("%d of %d segments have their time", n, len(m.Segments))
	}
	contains(w.T, text, "#EXT-X-PROGRAM-DATE-TIME:2000-01-01T00:00:00.000Z\n")
	contains(w.T, w.get("/live/c/index.m3u8").Body.String(), `DATA-ID="live.barrage.broadcast-start",VALUE="2000-01-01T00:00:00.000Z"`)
}

func point20(w *world) {
	for _, src := range []mediatest.Source{sound(), {Sound: true, BFrames: 2, GOP: 61, Millis: true}} {
		w.publish(src, 12*time.Second)
		_, m := w.text(playlists)
		ends := map[uint32]uint64{}
		for _, s := range m.Segments {
			if s.Discontinuity {
				clear(ends)
			}
			for _, p := range s.Parts {
				in := w.read(m.Map.URI, w.object(p.URI))
				for track, x := range in {
					if end, ok := ends[track]; ok && end != x.from {
						w.Errorf("%s: track %d starts at %d, it ended at %d", p.URI, track, x.from, end)
					}
					ends[track] = x.to
				}
				if d := float64(in[1].from)/90000 - float64(in[2].from)/48000; d > 0.034 || d < -0.034 {
					w.Errorf("%s: picture and sound start %.3f s apart", p.URI, d)
				}
			}
		}
		w.stream.Close(nil)
		synctest.Wait()
	}
}

func point21(w *world) {
	src := sound()
	src.Start = time.Now()
	units := src.Units(20 * time.Second)
	from, to := mediatest.Index(units, 8*time.Second), mediatest.Index(units, 11*time.Second)
	w.feed(src, append(units[:from:from], units[to:]...))
	m := w.media()
	breaks := 0
	for i, s := range m.Segments {
		if s.Discontinuity {
			breaks++
			if gap := s.DateTime.Sub(m.Segments[i-1].DateTime.Add(m.Segments[i-1].Duration)); gap < 2900*time.Millisecond || gap > 3100*time.Millisecond {
				w.Errorf("the clock has a gap of %v", gap)
			}
		}
	}
	if breaks != 1 {
		w.Errorf("%d discontinuities", breaks)
	}
}

func point22(w *world) {
	w.publish(sound(), 5*time.Second)
	forever, never := "public, max-age=31536000, immutable", "no-store"
	m := w.media()
	for path, want := range map[string]string{
		"/live/c/source/" + m.Segments[0].URI:                   forever,
		"/live/c/source/" + parts(m)[0].URI:                     forever,
		"/live/c/source/" + m.Map.URI:                           forever,
		playlists:                                               "public, max-age=1",
		playlists + "?_HLS_msn=1":                               "public, max-age=4",
		"/live/c/index.m3u8":                                    "public, max-age=1",
		"/live/c/source/" + broadcast + "/99.m4s":               never,
		"/live/c/source/" + broadcast + "/2.9.m4s":              never,
		"/live/c/source/" + broadcast + "/x":                    never,
		"/live/nobody/index.m3u8":                               never,
		playlists + "?_HLS_msn=99":                              never,
		"/live/c/source/ffffffffffffffffffffffffffffffff/0.m4s": never,
	} {
		rec := w.get(path)
		if got := rec.Header().Get("Cache-Control"); got != want {
			w.Errorf("%s: %q, want %q", path, got, want)
		}
		if want == never && (rec.Code < 400 || rec.Body.Len() == 0) {
			w.Errorf("%s: %d with %d bytes", path, rec.Code, rec.Body.Len())
		}
	}
}

func point23(w *world) {
	w.publish(sound(), 5*time.Second)
	segment := "/live/c/source/" + w.media().Segments[0].URI
	for _, path := range []string{segment, playlists, "/live/c/index.m3u8"} {
		get, head := w.get(path), w.do(http.MethodHead, path)
		if head.Code != 200 || head.Body.Len() != 0 || fmt.Sprint(head.Header()) != fmt.Sprint(get.Header()) {
			w.Errorf("HEAD %s: %d, %d bytes, %v, GET %v", path, head.Code, head.Body.Len(), head.Header(), get.Header())
		}
	}
	whole := w.get(segment).Body.String()
	rec := w.do(http.MethodGet, segment, "Range", "bytes=100-199")
	if rec.Code != 206 || rec.Body.String() != whole[100:200] ||
		rec.Header().Get("Content-Range") != fmt.Sprintf("bytes 100-199/%d", len(whole)) {
		w.Errorf("range: %d, %v", rec.Code, rec.Header())
	}
	if rec := w.do(http.MethodGet, segment, "Range", fmt.Sprintf("bytes=%d-", len(whole))); rec.Code != 416 {
		w.Errorf("a range behind the end: %d", rec.Code)
	}
	if rec := w.do(http.MethodGet, segment, "Range", "bytes=0-1,5-6"); rec.Code != 200 || rec.Body.String() != whole {
		w.Errorf("several ranges: %d", rec.Code)
	}
}

func point27(w *world) {
	w.publish(sound(), 10*time.Second)
	before := w.media()
	w.box.Finish()
	text, m := w.text(playlists)
	if !m.Endlist || !strings.HasSuffix(text, "#EXT-X-ENDLIST\n") {
		w.Errorf("no end:\n%s", text)
	}
	var sum time.Duration
	for i, s := range m.Segments {
		sum += s.Duration
		w.object(s.URI)
		if i < len(before.Segments) && (s.URI != before.Segments[i].URI || !s.DateTime.Equal(*before.Segments[i].DateTime)) {
			w.Errorf("segment %d has changed", i)
		}
	}
	if sum.Round(100*time.Millisecond) != 10*time.Second {
		w.Errorf("the whole lasts %v", sum)
	}
}
