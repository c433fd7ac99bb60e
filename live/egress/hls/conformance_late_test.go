package hls_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing/synctest"
	"time"

	"github.com/bluenviron/gohlslib/v2/pkg/playlist"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"github.com/barrage-live/barrage/internal/media/mediatest"
)

func point13(w *world) {
	w.publish(sound(), 3*time.Second)
	w.stream.Close(nil)
	synctest.Wait()
	late := w.ask(playlists + "?_HLS_msn=2")
	before := w.get(playlists).Body.String()
	if a := <-late; a.Code != 200 || a.after != 4*time.Second || a.Body.String() != before || a.Header().Get("Cache-Control") != "no-store" {
		w.Errorf("status %d after %v, %v", a.Code, a.after, a.Header())
	}
	hint := w.ask(base + w.media().PreloadHint.URI)
	if a := <-hint; a.Code != 503 || a.after != 4*time.Second || a.Header().Get("Retry-After") != "1" {
		w.Errorf("the hinted part: status %d after %v", a.Code, a.after)
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
		got := w.ask(base + hint)
		w.on(w.part)
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
	src := mediatest.Source{Sound: true, Size: 8000, Start: time.Now()}
	w.feed(src, mediatest.Swell(src.Units(20*time.Second), 8*time.Second, 12*time.Second, 3))
	v := w.variant()
	if v.URI != broadcast+"/source/index.m3u8" || *v.FrameRate != 30 {
		w.Errorf("got %+v", v)
	}
	_, m := w.text(playlists)
	describes(w, v, "init-0.mp4")
	bits, peak := 0.0, 0.0
	var span time.Duration
	for _, s := range m.Segments {
		b := float64(len(w.object(s.URI))) * 8
		bits, span, peak = bits+b, span+s.Duration, max(peak, b/s.Duration.Seconds())
	}
	mean := bits / span.Seconds()
	if peak < 2*mean {
		w.Fatalf("a peak of %.0f over a mean of %.0f shows nothing", peak, mean)
	}
	if float64(v.Bandwidth) < peak || float64(v.Bandwidth) > 1.2*peak {
		w.Errorf("bandwidth %d, measured a peak of %.0f", v.Bandwidth, peak)
	}
	if average := float64(*v.AverageBandwidth); average < 0.9*mean || average > 1.1*mean {
		w.Errorf("average bandwidth %.0f, measured %.0f", average, mean)
	}
	w.stream.Close(nil)
	units := mediatest.Source{Sound: true, Start: time.Now()}.Units(6 * time.Second)
	for i := range units {
		if units[i].Track == 0 && units[i].DTS == 2*time.Second {
			units[i].Config = mediatest.Config(mediatest.OtherSPS(), mediatest.PPS())
		}
	}
	w.feed(sound(), units)
	text, _ := w.text(playlists)
	contains(w.T, text,
		"#EXT-X-MAP:URI=\"init-0.mp4\"\n#EXT-X-PROGRAM",
		"#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"init-1.mp4\"\n")
	if string(w.object("init-0.mp4")) == string(w.object("init-1.mp4")) {
		w.Error("the second init segment is the first")
	}
	describes(w, w.variant(), "init-1.mp4")
}

// variant is the one of the multivariant playlist.
func (w *world) variant() *playlist.MultivariantVariant {
	w.Helper()
	var mv playlist.Multivariant
	if err := mv.Unmarshal(w.get("/live/c/index.m3u8").Body.Bytes()); err != nil || len(mv.Variants) != 1 {
		w.Fatalf("%d variants, %v", len(mv.Variants), err)
	}
	return mv.Variants[0]
}

// describes checks that a variant says of its media what their init segment says.
func describes(w *world, v *playlist.MultivariantVariant, initURI string) {
	w.Helper()
	var in fmp4.Init
	if err := in.Unmarshal(bytes.NewReader(w.object(initURI))); err != nil {
		w.Fatal(err)
	}
	var names []string
	size := ""
	for _, t := range in.Tracks {
		switch c := t.Codec.(type) {
		case *codecs.H264:
			var sps h264.SPS
			if err := sps.Unmarshal(c.SPS); err != nil {
				w.Fatal(err)
			}
			names, size = append(names, fmt.Sprintf("avc1.%x", c.SPS[1:4])), fmt.Sprintf("%dx%d", sps.Width(), sps.Height())
		case *codecs.MPEG4Audio:
			object := c.Config.Type
			if c.Config.ExtensionType != 0 { // HE-AAC is named by what is added to the core
				object = c.Config.ExtensionType
			}
			names = append(names, fmt.Sprintf("mp4a.40.%d", object))
		}
	}
	if len(names) != 2 || !slices.Equal(names, v.Codecs) || size != v.Resolution {
		w.Errorf("%s holds %q of %s, announced are %q of %s", initURI, names, size, v.Codecs, v.Resolution)
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
				if len(in) < 2 { // a short one at the end of a segment may have a picture and no sound
					continue
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
	from, to := mediatest.Index(units, 8*time.Second), mediatest.Index(units, 15*time.Second)
	w.feed(src, append(units[:from:from], units[to:]...))
	m := w.media() // what follows the discontinuity starts with the IDR picture at 16 s
	breaks := 0
	for i, s := range m.Segments {
		if s.Discontinuity {
			breaks++
			if gap := s.DateTime.Sub(m.Segments[i-1].DateTime.Add(m.Segments[i-1].Duration)); gap < 7900*time.Millisecond || gap > 8100*time.Millisecond {
				w.Errorf("the clock has a gap of %v", gap)
			}
		}
	}
	if breaks != 1 || !m.IndependentSegments {
		w.Errorf("%d discontinuities, independent %v", breaks, m.IndependentSegments)
	}
}

func point22(w *world) {
	w.publish(sound(), 5*time.Second)
	forever, never := "public, max-age=31536000, immutable", "no-store"
	m := w.media()
	for path, want := range map[string]string{
		base + m.Segments[0].URI:   forever,
		base + parts(m)[0].URI:     forever,
		base + m.Map.URI:           forever,
		playlists:                  "public, max-age=1",
		playlists + "?_HLS_msn=1":  "public, max-age=4",
		"/live/c/index.m3u8":       "public, max-age=1",
		base + "99.m4s":            never,
		base + "2.9.m4s":           never,
		base + "x":                 never,
		"/live/nobody/index.m3u8":  never,
		playlists + "?_HLS_msn=99": never,
		"/live/c/ffffffffffffffffffffffffffffffff/source/0.m4s": never,
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
	segment := base + w.media().Segments[0].URI
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
	if rec := w.do(http.MethodGet, segment, "Range", "seconds=0-1"); rec.Code != 200 || rec.Body.String() != whole {
		w.Errorf("a range of an unknown unit: %d, %d bytes", rec.Code, rec.Body.Len())
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
