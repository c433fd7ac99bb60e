package packager

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/bluenviron/gohlslib/v2/pkg/playlist"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/m3u8"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/recording"
	"github.com/barrage-live/barrage/live/recording/recordingtest"
)

const (
	channel   = id.Channel("77")
	broadcast = id.Broadcast("0123456789abcdef0123456789abcdef")
)

func newRecorder(t *testing.T) Recorder {
	t.Helper()
	return recordingtest.Writer(recordingtest.New(t), channel, broadcast, time.Now())
}

func start(t *testing.T, r Recorder) *Packager {
	t.Helper()
	return startListing(t, r, time.Minute)
}

// startListing starts a Packager whose playlist lists a window of the past.
func startListing(t *testing.T, r Recorder, window time.Duration) *Packager {
	t.Helper()
	p, err := Start(Config{
		Channel: channel, Broadcast: broadcast, Start: time.Now(), Recorder: r, Window: window,
		Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// publisher publishes a Source in real time, which in a bubble is no time at all.
type publisher struct {
	t      *testing.T
	stream *live.Stream
	src    mediatest.Source
}

func attach(t *testing.T, p *Packager, src mediatest.Source) *publisher {
	t.Helper()
	src.Start = time.Now()
	s := live.NewStream(id.NewStream(), src.Tracks())
	if err := p.Attach(s); err != nil {
		t.Fatal(err)
	}
	return &publisher{t, s, src}
}

// play publishes up to a time since its start.
func (b *publisher) play(from, to time.Duration) {
	b.t.Helper()
	for _, u := range b.src.Units(to) {
		if u.Arrival.Sub(b.src.Start) < from {
			continue
		}
		<-time.After(time.Until(u.Arrival))
		if err := b.stream.Write(u); err != nil {
			b.t.Fatal(err)
		}
	}
	<-time.After(time.Until(b.src.Start.Add(to)))
	synctest.Wait()
}

func text(t *testing.T, p *Packager) *playlist.Media {
	t.Helper()
	s, err := p.Playlist(t.Context(), m3u8.Directives{Part: -1})
	if err != nil {
		t.Fatal(err)
	}
	var m playlist.Media
	if err := m.Unmarshal(s.Full().Plain()); err != nil {
		t.Fatalf("%v\n%s", err, s.Full().Plain())
	}
	return &m
}

func read(t *testing.T, p *Packager, name string) []byte {
	t.Helper()
	n, ok := ParseName(name)
	if !ok {
		t.Fatalf("%q is no name", name)
	}
	r, err := p.Open(t.Context(), n)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	defer func() { _ = r.Close() }()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLifeOfABroadcast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := &countingRecorder{Recorder: newRecorder(t)}
		p := start(t, rec)
		first := attach(t, p, mediatest.Source{Sound: true})
		first.play(0, 10*time.Second)
		first.stream.Close(nil)
		synctest.Wait()
		before := text(t, p)
		if n := len(before.Segments); n != 5 || before.Endlist || before.PreloadHint == nil {
			t.Fatalf("interrupted after 10 s: %d segments, %+v", n, before.PreloadHint)
		}
		p.Interrupt()
		<-time.After(20 * time.Second)
		second := attach(t, p, mediatest.Source{Sound: true, From: time.Hour})
		second.play(0, 10*time.Second)
		p.Finish()
		m := text(t, p)
		if len(m.Segments) != 10 || !m.Endlist || m.PreloadHint != nil || m.MediaSequence != 0 {
			t.Fatalf("at the end: %d segments from %d, end %v, hint %+v", len(m.Segments), m.MediaSequence, m.Endlist, m.PreloadHint)
		}
		for i, s := range m.Segments {
			if s.Discontinuity != (i == 5) {
				t.Errorf("segment %d: discontinuity %v", i, s.Discontinuity)
			}
		}
		if gap := m.Segments[5].DateTime.Sub(*m.Segments[4].DateTime); gap != 22*time.Second {
			t.Errorf("the clock went on by %v over the break, want 22 s", gap)
		}
		if err := p.Attach(first.stream); fault.CodeOf(err) != "broadcast_ended" {
			t.Errorf("attach behind the end: %v", err)
		}
		rec.once(t, 10)
	})
}

func TestTakeover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, newRecorder(t))
		a := attach(t, p, mediatest.Source{})
		a.play(0, 5*time.Second)
		b := attach(t, p, mediatest.Source{})
		b.play(0, 5*time.Second)
		if err := a.stream.Write(media.Unit{Key: true, Data: [][]byte{{0x65}}}); err != nil {
			t.Errorf("the owner closes the old stream, not the packager: %v", err)
		}
		p.Finish()
		m := text(t, p)
		var breaks []int
		for i, s := range m.Segments {
			if s.Discontinuity {
				breaks = append(breaks, i)
			}
		}
		if fmt.Sprint(breaks) != "[3]" {
			t.Errorf("discontinuities at %v of %d segments", breaks, len(m.Segments))
		}
	})
}

func TestPartsMakeTheSegment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, newRecorder(t))
		attach(t, p, mediatest.Source{Sound: true}).play(0, 7*time.Second)
		for _, s := range text(t, p).Segments {
			var joined strings.Builder
			for _, part := range s.Parts {
				joined.Write(read(t, p, strings.TrimPrefix(part.URI, string(broadcast)+"/")))
			}
			if whole := read(t, p, strings.TrimPrefix(s.URI, string(broadcast)+"/")); string(whole) != joined.String() {
				t.Errorf("%s is not its parts in a row", s.URI)
			}
		}
	})
}

func TestMediaOutliveTheirListing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, newRecorder(t))
		pub := attach(t, p, mediatest.Source{Sound: true})
		pub.play(0, 4*time.Second+100*time.Millisecond)
		segment := read(t, p, "0.m4s")
		part := read(t, p, "0.0.m4s")
		pub.play(pub.since(), 20*time.Second) // the part has left the playlist, its grace lasts
		if listed(text(t, p), string(broadcast)+"/0.0.m4s") {
			t.Error("a part is listed for more than three target durations")
		}
		if got := read(t, p, "0.0.m4s"); string(got) != string(part) {
			t.Error("the part has changed")
		}
		pub.play(pub.since(), 40*time.Second) // the grace is over; the segment comes from the blob store
		if _, err := p.Open(t.Context(), Name{Kind: Part, Part: 0}); fault.CodeOf(err) != "no_media" {
			t.Errorf("the part is still there: %v", err)
		}
		if got := read(t, p, "0.m4s"); string(got) != string(segment) {
			t.Error("the segment has changed")
		}
		if n := len(p.mu.memory.segments); n > 16 {
			t.Errorf("%d segments are in memory", n)
		}
		p.Close()
		if got := read(t, p, "0.m4s"); string(got) != string(segment) {
			t.Error("the segment is gone with the packager")
		}
	})
}

// TestCloseFreesTheMedia: whoever still holds a closed Packager, such as a cache, must not keep its last
// seconds in memory.
func TestCloseFreesTheMedia(t *testing.T) {
	p := start(t, newRecorder(t))
	stream := func() weak.Pointer[live.Stream] {
		src := mediatest.Source{Sound: true, Start: time.Now()}
		s := live.NewStream(id.NewStream(), src.Tracks())
		if err := p.Attach(s); err != nil {
			t.Fatal(err)
		}
		for _, u := range src.Units(3 * time.Second) {
			if err := s.Write(u); err != nil {
				t.Fatal(err)
			}
		}
		s.Close(nil)
		return weak.Make(s)
	}()
	<-p.pump.done
	p.Close()
	for range 3 {
		runtime.GC()
	}
	if stream.Value() != nil || len(p.mu.memory.segments) > 0 {
		t.Error("a closed packager holds media")
	}
	runtime.KeepAlive(p)
}

// brokenRecorder fails, or never returns, as long as it is told to.
type brokenRecorder struct {
	Recorder
	mu   sync.Mutex
	fail bool
	hang chan struct{}
}

func (b *brokenRecorder) Keep(ctx context.Context, p recording.Piece) error {
	b.mu.Lock()
	fail, hang := b.fail, b.hang
	b.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if fail {
		return fault.New(fault.Unavailable, "storage_failed", "the disk is broken")
	}
	return b.Recorder.Keep(ctx, p)
}

func TestBrokenRecorderDoesNotStopTheBroadcast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := &brokenRecorder{Recorder: newRecorder(t), fail: true}
		p := start(t, rec)
		pub := attach(t, p, mediatest.Source{})
		pub.play(0, 30*time.Second)
		rec.mu.Lock()
		rec.fail = false
		rec.mu.Unlock()
		pub.play(pub.since(), 60*time.Second)
		m := text(t, p)
		gaps := 0
		for i, s := range m.Segments {
			if s.Gap {
				gaps++
			} else {
				read(t, p, fmt.Sprintf("%d.m4s", m.MediaSequence+i))
			}
		}
		if len(m.Segments) < 29 || gaps == 0 || gaps > 15 {
			t.Errorf("%d of %d segments are gaps", gaps, len(m.Segments))
		}
	})
}

func TestSlowRecorderIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := &brokenRecorder{Recorder: newRecorder(t), hang: make(chan struct{})}
		p := start(t, rec)
		pub := attach(t, p, mediatest.Source{GOP: 30, Size: 10})
		pub.play(0, 3*time.Minute)
		p.mu.Lock()
		n := len(p.mu.memory.segments)
		p.mu.Unlock()
		if n > archiveQueue+40 {
			t.Errorf("%d segments are in memory", n)
		}
		close(rec.hang)
		synctest.Wait()
		pub.play(pub.since(), 3*time.Minute+10*time.Second)
		read(t, p, "185.m4s")
	})
}

func TestMultivariantTellsTheTruth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, newRecorder(t))
		pub := attach(t, p, mediatest.Source{Sound: true, Size: 8000})
		pub.play(0, 20*time.Second)
		d, err := p.Multivariant(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		var m playlist.Multivariant
		if err := m.Unmarshal(d.Plain()); err != nil {
			t.Fatalf("%v\n%s", err, d.Plain())
		}
		v := m.Variants[0]
		if v.Resolution != "1920x1080" || *v.FrameRate != 30 || strings.Join(v.Codecs, " ") != "avc1.42c028 mp4a.40.2" {
			t.Errorf("got %+v", v)
		}
		bits := 0.0
		for i := range 9 {
			bits += float64(len(read(t, p, fmt.Sprintf("%d.m4s", i)))) * 8
		}
		mean := bits / 18
		if float64(v.Bandwidth) < mean || float64(v.Bandwidth) > mean*1.25 {
			t.Errorf("bandwidth %d for %.0f bit/s", v.Bandwidth, mean)
		}
		if r := float64(*v.AverageBandwidth) / mean; r < 0.95 || r > 1.05 {
			t.Errorf("average bandwidth %d for %.0f bit/s", *v.AverageBandwidth, mean)
		}
		if !strings.Contains(string(d.Plain()), "BANDWIDTH") || len(d.Gzip()) == 0 {
			t.Error("no documents")
		}
	})
}

func TestHealthWarns(t *testing.T) {
	cases := []struct {
		name string
		src  mediatest.Source
		want string
	}{
		{"nothing", mediatest.Source{Sound: true}, "[]"},
		{"keyframes", mediatest.Source{Sound: true, GOP: 300}, "[keyframe_gap]"},
		{"B-frames", mediatest.Source{Sound: true, BFrames: 2, GOP: 61}, "[b_frames]"},
		{"sound", mediatest.Source{}, "[no_audio]"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := start(t, newRecorder(t))
				if w := p.Health().Warnings; w != nil {
					t.Errorf("before anything was attached: %v", w)
				}
				attach(t, p, c.src).play(0, 12*time.Second)
				var codes []string
				for _, w := range p.Health().Warnings {
					codes = append(codes, w.Code)
				}
				if fmt.Sprint(codes) != c.want {
					t.Errorf("got %v, want %v", codes, c.want)
				}
			})
		})
	}
}

func TestParseName(t *testing.T) {
	for _, s := range []string{"0.m4s", "12.m4s", "12.3.m4s", "init-0.mp4"} {
		if n, ok := ParseName(s); !ok || n.String() != s {
			t.Errorf("%s: got %+v, %v", s, n, ok)
		}
	}
	for _, s := range []string{
		"", "01.m4s", "1.mp4", "init-.mp4", "init-1.m4s", "1.2.3.m4s", "-1.m4s", "a.m4s", ".m4s", "1..m4s", "2147483648.m4s",
		"../1.m4s", "1.02.m4s", "index.m3u8",
	} {
		if n, ok := ParseName(s); ok {
			t.Errorf("%q was read as %+v", s, n)
		}
	}
}

func FuzzParseName(f *testing.F) {
	for _, s := range []string{"0.m4s", "12.3.m4s", "init-1.mp4", "../x", "1.2.3.m4s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, ok := ParseName(s); ok && n.String() != s {
			t.Fatalf("%q was read as %q", s, n)
		}
	})
}
