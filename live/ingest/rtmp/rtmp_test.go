package rtmp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib/pkg/message"
	"go.uber.org/goleak"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/ingest/rtmp"
	"github.com/barrage-live/barrage/live/livetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// closedBy is how many connections were closed for a reason.
func closedBy(t *testing.T, w *livetest.World, code string) float64 {
	t.Helper()
	families, err := w.Metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "barrage_rtmp_closed_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			if m.GetLabel()[0].GetValue() == code {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

func counted(t *testing.T, w *livetest.World, code string, n float64) {
	t.Helper()
	livetest.Eventually(t, 30*time.Second, code+" is counted", func() bool { return closedBy(t, w, code) >= n })
}

// reader follows a channel's stream.
func reader(t *testing.T, w *livetest.World, channel string) *live.Reader {
	t.Helper()
	livetest.Eventually(t, 30*time.Second, "the stream begins", func() bool { return w.Live(channel) != nil })
	r := w.Live(channel).NewReader()
	t.Cleanup(r.Close)
	return r
}

func next(t *testing.T, r *live.Reader) media.Unit {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	u, err := r.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestUnitsArriveAsSent(t *testing.T) {
	cases := []struct {
		name string
		src  mediatest.Source
	}{
		{"video and audio", mediatest.Source{Sound: true}},
		{"no audio", mediatest.Source{}},
		{"B-frames", mediatest.Source{Sound: true, BFrames: 2, GOP: 61}},
		{"timestamps over 24 bits", mediatest.Source{Sound: true, From: 5 * time.Hour}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := livetest.New(t, livetest.Config{})
			c.src.Millis = true
			before := time.Now()
			p := publish(t, w, "a")
			played := make(chan error, 1)
			go func() { played <- p.tryPlay(c.src, 3*time.Second) }()
			r := reader(t, w, "a")
			want := c.src.Units(3 * time.Second)
			u := next(t, r) // the newest IDR picture when the reader came
			first := slices.IndexFunc(want, func(x media.Unit) bool { return x.Track == u.Track && x.DTS == u.DTS })
			for i := max(first, 0); i < len(want); i++ {
				if i > first {
					u = next(t, r)
				}
				if u.Track != want[i].Track || u.DTS != want[i].DTS || u.PTS != want[i].PTS || u.Key != want[i].Key {
					t.Fatalf("unit %d: got %+v, want %+v", i, u, want[i])
				}
				if !bytes.Equal(u.Data[len(u.Data)-1], want[i].Data[0]) {
					t.Fatalf("unit %d has another payload", i)
				}
				if u.Key && u.Track == 0 && (!bytes.Equal(u.Data[0], mediatest.SPS()) || !bytes.Equal(u.Data[1], mediatest.PPS())) {
					t.Fatalf("unit %d has no parameter sets", i)
				}
				if u.Arrival.Before(before) || u.Arrival.After(time.Now()) {
					t.Fatalf("unit %d arrived at %v", i, u.Arrival)
				}
			}
			if err := <-played; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestNewParameterSetsAreMarked(t *testing.T) {
	w := livetest.New(t, livetest.Config{})
	p := publish(t, w, "a")
	p.play(mediatest.Source{}, time.Second)
	r := reader(t, w, "a")
	p.send(avc(mediatest.OtherSPS(), mediatest.PPS()))
	if err := p.unit(media.Unit{DTS: time.Second, PTS: time.Second, Data: [][]byte{{0x41, 1}}}); err != nil {
		t.Fatal(err)
	}
	if err := p.unit(media.Unit{DTS: 2 * time.Second, PTS: 2 * time.Second, Key: true, Data: [][]byte{{0x65, 1}}}); err != nil {
		t.Fatal(err)
	}
	for {
		u := next(t, r)
		if u.DTS == 2*time.Second {
			if !u.Config.Equal(mediatest.Config(mediatest.OtherSPS(), mediatest.PPS())) || !bytes.Equal(u.Data[0], mediatest.OtherSPS()) {
				t.Errorf("got %+v", u.Config)
			}
			return
		}
		if u.Config != nil {
			t.Fatalf("marked at %v", u.DTS)
		}
	}
}

func TestNothingIsPublished(t *testing.T) {
	w := livetest.New(t, livetest.Config{RTMP: rtmp.Config{Detect: 300 * time.Millisecond}})
	p := publish(t, w, "a")
	if got := p.status(); got != "NetStream.Publish.Rejected" {
		t.Errorf("the client sees %s", got)
	}
	counted(t, w, "no_tracks", 1)
}

func TestBitrateIsBounded(t *testing.T) {
	w := livetest.New(t, livetest.Config{RTMP: rtmp.Config{MaxBitrate: 1_000_000}}) // 500 kB at once
	p := publish(t, w, "a")
	p.play(mediatest.Source{}, time.Second)
	reader(t, w, "a")
	// Twice the burst, and less beyond it than the server reads after its refusal.
	if err := p.unit(media.Unit{DTS: time.Second, PTS: time.Second, Data: [][]byte{make([]byte, 1_000_000)}}); err != nil {
		t.Fatal(err)
	}
	if got := p.status(); got != "NetStream.Publish.Rejected" || !p.closed() {
		t.Errorf("the publisher sees %s", got)
	}
	counted(t, w, "bitrate_too_high", 1)
	livetest.Eventually(t, 30*time.Second, "the end is told", func() bool {
		n, err := w.Ends("a")
		return n == 1 && fault.CodeOf(err) == "bitrate_too_high"
	})
}

func TestSilentPublisherIsClosed(t *testing.T) {
	w := livetest.New(t, livetest.Config{RTMP: rtmp.Config{Idle: 2 * time.Second}})
	p := publish(t, w, "a")
	p.play(mediatest.Source{}, time.Second)
	if !p.closed() {
		t.Error("the connection stays open")
	}
	livetest.Eventually(t, 30*time.Second, "the end is told", func() bool {
		n, err := w.Ends("a")
		return n == 1 && fault.CodeOf(err) == "publisher_silent"
	})
}

func TestProperEnd(t *testing.T) {
	w := livetest.New(t, livetest.Config{})
	p := publish(t, w, "a")
	p.play(mediatest.Source{}, time.Second)
	p.send(&message.CommandAMF0{ChunkStreamID: 3, Name: "FCUnpublish", CommandID: 4, Arguments: []any{nil, "k-a"}})
	livetest.Eventually(t, 30*time.Second, "the end is told", func() bool {
		n, err := w.Ends("a")
		return n == 1 && errors.Is(err, live.ErrEnded)
	})
}

func TestBrokenConnection(t *testing.T) {
	w := livetest.New(t, livetest.Config{})
	p := publish(t, w, "a")
	p.play(mediatest.Source{}, time.Second)
	reader(t, w, "a")
	_ = p.nc.Close()
	livetest.Eventually(t, 30*time.Second, "the end is told", func() bool {
		n, err := w.Ends("a")
		return n == 1 && fault.CodeOf(err) == "publisher_lost"
	})
}

// TestTheGateHearsOfRefusals of publishers whose key is good, whatever for, and of nobody else.
func TestTheGateHearsOfRefusals(t *testing.T) {
	w := livetest.New(t, livetest.Config{})
	early := publish(t, w, "a")
	early.raw(chunk(7, 8, 6, []byte("\x2fsound"))) // MP3
	late := publish(t, w, "b")
	late.play(mediatest.Source{}, time.Second)
	reader(t, w, "b")
	late.raw(chunk(7, 8, 6, []byte("\x2fsound")))
	stranger := connect(t, w, "live", "publish", "k-c-1")
	for _, c := range []*client{early, late, stranger} {
		if !c.closed() {
			t.Error("a connection stays open")
		}
	}
	gone := publish(t, w, "d")
	gone.play(mediatest.Source{}, time.Second)
	reader(t, w, "d")
	_ = gone.nc.Close()
	counted(t, w, "publisher_lost", 1)
	for key, want := range map[string]string{"k-a": "codec_unsupported", "k-b": "codec_unsupported", "k-c-1": "", "k-d": ""} {
		if err := w.Refusal(key); (err == nil) != (want == "") || err != nil && fault.CodeOf(err) != want {
			t.Errorf("%s: the Gate has heard of %v, want %q", key, err, want)
		}
	}
}

func TestTakeover(t *testing.T) {
	w := livetest.New(t, livetest.Config{})
	old := publish(t, w, "a")
	old.play(mediatest.Source{}, time.Second)
	reader(t, w, "a")
	first := w.Live("a")
	newer := publish(t, w, "a")
	newer.play(mediatest.Source{}, time.Second)
	if got := old.status(); got != "NetStream.Publish.BadName" || !old.closed() {
		t.Errorf("the old publisher sees %s", got)
	}
	counted(t, w, "taken_over", 1)
	if s := w.Live("a"); s == nil || s == first || s.Err() != nil {
		t.Error("the new publisher is not on")
	}
}

func TestConnectionLimit(t *testing.T) {
	w := livetest.New(t, livetest.Config{RTMP: rtmp.Config{MaxConns: 2}})
	publish(t, w, "a")
	publish(t, w, "b")
	third := connect(t, w, "live", "publish", "k-c")
	if got := third.status(); got != "NetStream.Publish.Denied" || !third.closed() {
		t.Errorf("a third publisher sees %s", got)
	}
	counted(t, w, "too_many_connections", 1)
}

// TestAKeyDoesNotTakeEverySlot: connections that show one key and then nothing leave room for other keys.
func TestAKeyDoesNotTakeEverySlot(t *testing.T) {
	w := livetest.New(t, livetest.Config{RTMP: rtmp.Config{MaxConns: 3, Detect: time.Minute}})
	const silent = 10
	for range silent {
		livetest.Eventually(t, 30*time.Second, "the next one is let in", func() bool { // an older one may not be gone yet
			return connect(t, w, "live", "publish", "k-a").status() == "NetStream.Publish.Start"
		})
	}
	counted(t, w, "taken_over", silent-1)
	publish(t, w, "b").play(mediatest.Source{}, time.Second)
	reader(t, w, "b")
}

// TestManySmallMessagesAreBounded: messages without a body count for more than their one byte.
func TestManySmallMessagesAreBounded(t *testing.T) {
	w := livetest.New(t, livetest.Config{RTMP: rtmp.Config{MaxBitrate: 1_000_000}})
	p := publish(t, w, "a")
	p.raw(chunk(4, 18, 0, nil))
	p.raw(bytes.Repeat([]byte{0xc4}, 4096)) // each the whole of another one
	if got := p.status(); got != "NetStream.Publish.Rejected" || !p.closed() {
		t.Errorf("the publisher sees %s", got)
	}
	counted(t, w, "bitrate_too_high", 1)
}

// TestSilentConnectionsKeepNobodyOut opens more connections from one address than there are slots of
// publishers.
func TestSilentConnectionsKeepNobodyOut(t *testing.T) {
	const open, perAddress = 40, 16
	w := livetest.New(t, livetest.Config{RTMP: rtmp.Config{MaxConns: 2, MaxUnverified: 8 * perAddress, Handshake: 20 * time.Second}})
	for range open {
		_ = dial(t, w, "127.0.0.1")
	}
	counted(t, w, "too_many_connections", open-perAddress)
	p := connectFrom(t, w, "127.0.0.2", "live", "publish", "k-a")
	if got := p.status(); got != "NetStream.Publish.Start" {
		t.Fatalf("the publisher sees %s", got)
	}
	p.play(mediatest.Source{}, time.Second)
	reader(t, w, "a")
	if n := closedBy(t, w, "too_many_connections"); n != open-perAddress {
		t.Errorf("%v of %d were refused", n, open)
	}
}

func TestCloseTellsTheGate(t *testing.T) {
	w := livetest.New(t, livetest.Config{})
	for i := range 3 {
		publish(t, w, string(rune('a'+i))).play(mediatest.Source{}, time.Second)
		reader(t, w, string(rune('a'+i)))
	}
	connect(t, w, "live", "publish", "k-d") // has not published yet
	if err := w.RTMP.Close(); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if n, err := w.Ends(string(rune('a' + i))); n != 1 || fault.CodeOf(err) != "server_stopping" {
			t.Errorf("channel %d: %d ends, %v", i, n, err)
		}
	}
}

func TestParsePath(t *testing.T) {
	for path, want := range map[string]string{
		"/live/abc": "abc", "/live//abc": "abc", "//live/abc/": "abc", "/live/k-1_2.3~": "k-1_2.3~", "/live/live/abc": "abc",
		"/live/live": "", "/live/live/live": "", "/live/live/a/b": "", "/live/live/live/abc": "",
		"/live": "", "/live/": "", "": "", "/other/abc": "", "/live/a/b": "", "/live/a b": "", "/live/é": "", "/live/a\x00": "",
		"/live/a\"": "", "/LIVE/abc": "", "/live/" + fmt.Sprintf("%0300d", 0): "",
	} {
		got, err := rtmp.ParsePath(path)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v", path, got, err)
		}
	}
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"/live/key", "/live//key/", "live/a/b", "/live/%2e%2e", "/live/\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		key, err := rtmp.ParsePath(path)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid || key != "" {
				t.Fatalf("%q, %v", key, err)
			}
			return
		}
		if again, err := rtmp.ParsePath("/live/" + key); err != nil || again != key {
			t.Fatalf("%q is read as %q", key, again)
		}
	})
}
