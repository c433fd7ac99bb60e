package livetest_test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gohlslib/v2/pkg/playlist"

	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/internal/media/rtmptest"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/livetest"
)

// combination is a pair of codecs, how ffprobe calls them, and how the playlist does.
type combination struct {
	video, audio media.Codec
	streams      []string
	names        []string
}

func combinations() []combination {
	return []combination{
		{media.H264, media.AAC, []string{"h264", "aac"}, []string{"avc1.42c00d", "mp4a.40.2"}},
		{media.H265, media.AAC, []string{"hevc", "aac"}, []string{"hvc1.1.6.L60.90", "mp4a.40.2"}},
		{media.AV1, media.Opus, []string{"av1", "opus"}, []string{"av01.0.00M.08", "opus"}},
		{media.VP9, media.Opus, []string{"vp9", "opus"}, []string{"vp09.00.20.08", "opus"}},
		{media.H264, media.Opus, []string{"h264", "opus"}, []string{"avc1.42c00d", "opus"}},
		{"", media.Opus, []string{"opus"}, []string{"opus"}},
		{media.AV1, "", []string{"av1"}, []string{"av01.0.00M.08"}},
	}
}

func (c combination) String() string { return strings.TrimSpace(string(c.video + " " + c.audio)) }

// plays holds that the playlist of a channel that has ended tells the codecs, and that ffprobe and ffmpeg
// find all of the pictures in it.
func (c combination) plays(t *testing.T, w *livetest.World, channel string, pictures int) {
	t.Helper()
	status, _, body := w.Get(t, w.URL(channel, "index.m3u8"))
	var m playlist.Multivariant
	if err := m.Unmarshal(body); err != nil || status != 200 {
		t.Fatalf("status %d, %v\n%s", status, err, body)
	}
	if v := m.Variants[0]; !slices.Equal(v.Codecs, c.names) || c.video != "" && v.Resolution != "320x180" {
		t.Errorf("the playlist announces %q of %q, want %q", v.Codecs, v.Resolution, c.names)
	}
	out, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-count_packets", "-show_streams", "-of", "json", w.URL(channel, "index.m3u8")).Output()
	if err != nil {
		t.Fatalf("ffprobe: %v", err)
	}
	var p probe
	if err := json.Unmarshal(out, &p); err != nil || len(p.Streams) != len(c.streams) {
		t.Fatalf("%v: %s", err, out)
	}
	for i, s := range p.Streams {
		n, _ := strconv.Atoi(s.Packets)
		if s.CodecName != c.streams[i] || i == 0 && c.video != "" && n < pictures || n == 0 {
			t.Errorf("ffprobe says %+v, want %d pictures", s, pictures)
		}
	}
	decodes(t, w.URL(channel, "index.m3u8"))
}

// TestEveryCodecIsPackaged hands real streams to the packager, without a network.
func TestEveryCodecIsPackaged(t *testing.T) {
	t.Parallel()
	for _, c := range combinations() {
		t.Run(c.String(), func(t *testing.T) {
			t.Parallel()
			w := livetest.New(t, livetest.Config{})
			e := mediatest.Encode(t, c.video, c.audio, 4)
			s := live.NewStream(id.NewStream(), e.Tracks)
			if err := w.Attach("a", s); err != nil {
				t.Fatal(err)
			}
			for _, u := range e.Units(time.Now().Add(-4 * time.Second)) {
				if err := s.Write(u); err != nil {
					t.Fatal(err)
				}
			}
			s.Close(nil)
			w.Finish("a")
			c.plays(t, w, "a", 120)
		})
	}
}

// TestEveryCodecOverRTMP publishes real streams with another implementation.
func TestEveryCodecOverRTMP(t *testing.T) {
	t.Parallel()
	for _, c := range combinations() {
		t.Run(c.String(), func(t *testing.T) {
			t.Parallel()
			w := livetest.New(t, livetest.Config{})
			if err := rtmptest.Publish(t.Context(), w.PublishURL("a"), mediatest.Encode(t, c.video, c.audio, 4)); err != nil {
				t.Fatal(err)
			}
			livetest.Eventually(t, 30*time.Second, "the publisher has left", func() bool {
				n, _ := w.Ends("a")
				return n == 1
			})
			w.Finish("a")
			c.plays(t, w, "a", 120)
		})
	}
}

// TestAnotherSizeOfEveryCodec changes the picture's size in the middle: the playlist has a second init
// segment from there on, the announcement follows, and all of it plays.
func TestAnotherSizeOfEveryCodec(t *testing.T) {
	t.Parallel()
	for _, codec := range []media.Codec{media.H264, media.H265, media.AV1, media.VP9} {
		t.Run(string(codec), func(t *testing.T) {
			t.Parallel()
			w := livetest.New(t, livetest.Config{})
			e := mediatest.Encode(t, codec, "", 3).Then(mediatest.Encode(t, codec, "", 3, "-s", "640x360"))
			if err := rtmptest.Publish(t.Context(), w.PublishURL("a"), e); err != nil {
				t.Fatal(err)
			}
			livetest.Eventually(t, 30*time.Second, "the publisher has left", func() bool {
				n, _ := w.Ends("a")
				return n == 1
			})
			w.Finish("a")
			status, _, body := w.Get(t, w.Media("a", "index.m3u8"))
			m := parse(t, status, body)
			inits := strings.Count(string(body), "#EXT-X-MAP:")
			if length, breaks := livetest.Tally(m); inits != 2 || breaks != 1 || length < 5900*time.Millisecond {
				t.Errorf("%d init segments, %d breaks, %v\n%s", inits, breaks, length, body)
			}
			_, _, body = w.Get(t, w.URL("a", "index.m3u8"))
			if !strings.Contains(string(body), "RESOLUTION=640x360") {
				t.Errorf("the announcement has not followed:\n%s", body)
			}
			decodes(t, w.URL("a", "index.m3u8"))
		})
	}
}

// TestOpusPacketsOfEveryLength publishes sound whose packets change their length: nothing is lost or
// stretched.
func TestOpusPacketsOfEveryLength(t *testing.T) {
	t.Parallel()
	w := livetest.New(t, livetest.Config{})
	opus := func(length string) *mediatest.Encoded {
		return mediatest.Encode(t, "", media.Opus, 2, "-frame_duration", length)
	}
	e := opus("20").Then(opus("60")).Then(opus("2.5"))
	s := live.NewStream(id.NewStream(), e.Tracks)
	if err := w.Attach("a", s); err != nil {
		t.Fatal(err)
	}
	var want time.Duration
	for _, u := range e.Units(time.Now().Add(-6 * time.Second)) {
		want += u.Duration
		if err := s.Write(u); err != nil {
			t.Fatal(err)
		}
	}
	s.Close(nil)
	w.Finish("a")
	status, _, body := w.Get(t, w.Media("a", "index.m3u8"))
	m := parse(t, status, body)
	if length, breaks := livetest.Tally(m); breaks != 0 || (length-want).Abs() > 60*time.Millisecond {
		t.Errorf("%v of %v, %d breaks", length, want, breaks)
	}
	decodes(t, w.URL("a", "index.m3u8"))
}

// TestAFilmInSurround publishes a film whose sound is AC-3 5.1(side), as most are: with the command of the
// README it plays; without the choice of stereo it is refused in words that say what to choose.
func TestAFilmInSurround(t *testing.T) {
	film := filepath.Join(t.TempDir(), "film.mkv")
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30",
		"-f", "lavfi", "-i", "anoisesrc=r=48000,aformat=channel_layouts=5.1(side)", "-t", "3", "-c:v", "libx264", "-preset", "ultrafast",
		"-c:a", "ac3", film).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	publish := func(w *livetest.World, extra ...string) string {
		args := []string{"-re", "-i", film, "-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-g", "60", "-pix_fmt", "yuv420p", "-c:a", "aac"}
		out, _ := exec.CommandContext(t.Context(), "ffmpeg", append(append(args, extra...), "-f", "flv", w.PublishURL("a"))...).CombinedOutput() // what it says is judged
		return string(out)
	}
	var log strings.Builder
	w := livetest.New(t, livetest.Config{Log: &log})
	if said := publish(w); !strings.Contains(said, "choose stereo") {
		t.Errorf("ffmpeg is not told what to choose:\n%s", said)
	}
	if err := w.RTMP.Close(); err != nil { // its connections write the log
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "choose stereo") {
		t.Errorf("the log does not tell:\n%s", &log)
	}
	w = livetest.New(t, livetest.Config{})
	publish(w, "-ac", "2")
	w.Finish("a")
	decodes(t, w.URL("a", "index.m3u8"))
}
