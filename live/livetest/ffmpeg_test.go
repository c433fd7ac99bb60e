package livetest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bluenviron/gohlslib/v2"
	"github.com/bluenviron/gohlslib/v2/pkg/playlist"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"github.com/barrage-live/barrage/live/livetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// encoder is a running ffmpeg.
type encoder struct {
	t      *testing.T
	cmd    *exec.Cmd
	stderr bytes.Buffer
	done   chan error
}

// encode publishes a generated picture and, unless video only, a tone in real time until the test ends or
// stop.
func encode(t *testing.T, url string, extra ...string) *encoder {
	t.Helper()
	args := []string{
		"-hide_banner", "-loglevel", "warning", "-re", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=30",
		"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
		"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "60", "-b:v", "600k", "-pix_fmt", "yuv420p",
		"-c:a", "aac", "-b:a", "96k", "-ac", "2",
	}
	args = append(append(args, extra...), "-f", "flv", url)
	e := &encoder{t: t, cmd: exec.Command("ffmpeg", args...), done: make(chan error, 1)}
	e.cmd.Stderr = &e.stderr
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { e.done <- e.cmd.Wait() }()
	t.Cleanup(e.kill)
	return e
}

// kill ends the encoder without a farewell, as a lost connection does.
func (e *encoder) kill() {
	_ = e.cmd.Process.Signal(syscall.SIGKILL) // it may have ended
	err := <-e.done
	e.done <- err
}

// stop ends the encoder properly.
func (e *encoder) stop() {
	_ = e.cmd.Process.Signal(syscall.SIGINT) // it may have ended
	err := <-e.done
	e.done <- err
}

// segments waits until the channel has a number of complete segments and gives the playlist.
func segments(t *testing.T, w *livetest.World, channel string, n int) *playlist.Media {
	t.Helper()
	livetest.Eventually(t, 30*time.Second, "the broadcast begins", func() bool { return w.Packager(channel) != nil })
	url := w.Media(channel, "index.m3u8")
	status, _, body := w.Get(t, url)
	if m := parse(t, status, body); m.MediaSequence+len(m.Segments) >= n {
		return m
	}
	for next := 0; ; {
		status, _, body = w.Get(t, url+"?_HLS_msn="+strconv.Itoa(next))
		m := parse(t, status, body)
		if next = m.MediaSequence + len(m.Segments); next >= n {
			return m
		}
	}
}

func parse(t *testing.T, status int, body []byte) *playlist.Media {
	t.Helper()
	var m playlist.Media
	if err := m.Unmarshal(body); err != nil || status != 200 {
		t.Fatalf("status %d, %v\n%s", status, err, body)
	}
	return &m
}

// probe is what ffprobe says of a stream.
type probe struct {
	Streams []struct {
		CodecName string `json:"codec_name"`
		Width     int    `json:"width"`
		Height    int    `json:"height"`
		Rate      string `json:"r_frame_rate"`
		Channels  int    `json:"channels"`
		Packets   string `json:"nb_read_packets"`
	} `json:"streams"`
}

func TestFFmpegToFFprobe(t *testing.T) {
	w := livetest.New(t, livetest.Config{})
	began := time.Now()
	e := encode(t, w.PublishURL("a"))
	segments(t, w, "a", 1)
	t.Logf("first segment after %v", time.Since(began).Round(time.Millisecond))
	segments(t, w, "a", 4)
	e.stop()
	livetest.Eventually(t, 30*time.Second, "the publisher has left", func() bool { return w.Live("a") == nil })
	w.Finish("a")
	out, err := exec.Command("ffprobe", "-v", "error", "-count_packets", "-show_streams", "-of", "json", w.URL("a", "index.m3u8")).Output()
	if err != nil {
		t.Fatalf("ffprobe: %v", err)
	}
	var p probe
	if err := json.Unmarshal(out, &p); err != nil || len(p.Streams) != 2 {
		t.Fatalf("%v: %s", err, out)
	}
	v, a := p.Streams[0], p.Streams[1]
	if v.CodecName != "h264" || v.Width != 640 || v.Height != 360 || v.Rate != "30/1" || a.CodecName != "aac" || a.Channels != 2 {
		t.Errorf("got %+v", p)
	}
	if n, _ := strconv.Atoi(v.Packets); n < 230 {
		t.Errorf("%d pictures", n)
	}
	decodes(t, w.URL("a", "index.m3u8"))
}

// decodes lets ffmpeg decode a playlist and holds that it finds nothing to complain about.
func decodes(t *testing.T, url string) {
	t.Helper()
	out, err := exec.Command("ffmpeg", "-v", "warning", "-i", url, "-f", "null", "-").CombinedOutput()
	if err != nil || strings.Contains(string(out), "rror") || strings.Contains(string(out), "non mono") {
		t.Errorf("ffmpeg: %v\n%s", err, out)
	}
}

// watcher is gohlslib's client on a channel: an independent reader of low-latency HLS.
type watcher struct {
	pictures chan picture
	client   *gohlslib.Client
	ended    chan error
}

type picture struct {
	pts     int64
	latency time.Duration // since its program date time
}

func watch(t *testing.T, url string) *watcher {
	t.Helper()
	w := &watcher{pictures: make(chan picture, 1<<14), ended: make(chan error, 1)}
	c := &gohlslib.Client{
		URI:                       url,
		OnDownloadPrimaryPlaylist: func(string) {}, OnDownloadStreamPlaylist: func(string) {},
		OnDownloadSegment: func(string) {}, OnDownloadPart: func(string) {},
		OnDecodeError: func(err error) { t.Errorf("gohlslib: %v", err) },
	}
	w.client = c
	c.OnTracks = func(tracks []*gohlslib.Track) error {
		if len(tracks) != 2 {
			return errors.New("two tracks were expected")
		}
		c.OnDataH26x(tracks[0], func(pts, _ int64, _ [][]byte) {
			p := picture{pts: pts, latency: -1}
			if at, ok := c.AbsoluteTime(tracks[0]); ok {
				p.latency = time.Since(at)
			}
			w.pictures <- p
		})
		c.OnDataMPEG4Audio(tracks[1], func(int64, [][]byte) {})
		return nil
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { w.ended <- c.Wait2() }()
	t.Cleanup(func() {
		c.Close()
		if err := <-w.ended; err == nil {
			t.Error("gohlslib ended without a reason")
		}
	})
	return w
}

// see waits for a number of pictures and holds that they come in order.
func (w *watcher) see(t *testing.T, n int) (latency time.Duration) {
	t.Helper()
	last, late := int64(-1), time.NewTimer(30*time.Second)
	defer late.Stop()
	for i := range n {
		select {
		case p := <-w.pictures:
			if p.pts <= last {
				t.Errorf("picture %d: %d after %d", i, p.pts, last)
			}
			last = p.pts
			latency = p.latency
			if p.latency < -20*time.Millisecond {
				t.Errorf("a picture from the future: %v", p.latency)
			}
		case err := <-w.ended:
			w.ended <- err
			t.Fatalf("after %d pictures: %v", i, err)
		case <-late.C:
			t.Fatalf("only %d pictures came", i)
		}
	}
	return latency
}

func TestFFmpegToGohlslib(t *testing.T) {
	w := livetest.New(t, livetest.Config{})
	encode(t, w.PublishURL("a"))
	segments(t, w, "a", 3)
	latency := watch(t, w.URL("a", "index.m3u8")).see(t, 200)
	t.Logf("latency of the last picture: %v", latency.Round(time.Millisecond))
}

func TestFFmpegReconnects(t *testing.T) {
	w := livetest.New(t, livetest.Config{})
	first := encode(t, w.PublishURL("a"))
	before := segments(t, w, "a", 2)
	first.kill()
	livetest.Eventually(t, 30*time.Second, "the publisher has left", func() bool { return w.Live("a") == nil })
	second := encode(t, w.PublishURL("a"), "-s", "320x180")
	livetest.Eventually(t, 30*time.Second, "the publisher is back", func() bool { return w.Live("a") != nil })
	m := segments(t, w, "a", len(before.Segments)+4)
	second.stop()
	livetest.Eventually(t, 30*time.Second, "the publisher has left", func() bool { return w.Live("a") == nil })
	w.Finish("a")
	breaks := 0
	for i, s := range m.Segments {
		if s.Discontinuity {
			breaks++
			if gap := s.DateTime.Sub(m.Segments[i-1].DateTime.Add(m.Segments[i-1].Duration)); gap < 0 || gap > 30*time.Second {
				t.Errorf("the clock has a gap of %v", gap)
			}
		}
	}
	if breaks != 1 || m.MediaSequence != 0 {
		t.Errorf("%d discontinuities, first segment %d", breaks, m.MediaSequence)
	}
	decodes(t, w.URL("a", "index.m3u8"))
}

func TestFFmpegWithReorderedPicturesAndNoSound(t *testing.T) {
	w := livetest.New(t, livetest.Config{})
	e := encode(t, w.PublishURL("a"), "-an", "-preset", "veryfast", "-tune", "film", "-bf", "3")
	segments(t, w, "a", 3)
	h := w.Packager("a").Health()
	codes := map[string]bool{}
	for _, warning := range h.Warnings {
		codes[warning.Code] = true
	}
	if !h.BFrames || !codes["b_frames"] || !codes["no_audio"] {
		t.Errorf("health: %+v", h)
	}
	e.stop()
	livetest.Eventually(t, 30*time.Second, "the publisher has left", func() bool { return w.Live("a") == nil })
	w.Finish("a")
	decodes(t, w.URL("a", "index.m3u8"))
}

func TestFFmpegWithTheWrongKey(t *testing.T) {
	w := livetest.New(t, livetest.Config{})
	e := encode(t, "rtmp://"+w.RTMP.Addr().String()+"/live/wrong")
	err := <-e.done
	e.done <- err
	if err == nil || !strings.Contains(e.stderr.String(), "the stream key is wrong") {
		t.Errorf("%v\n%s", err, e.stderr.String())
	}
}

func TestFFmpegWithACodecThatIsNotCarried(t *testing.T) {
	w := livetest.New(t, livetest.Config{})
	e := encode(t, w.PublishURL("a"), "-an", "-c:v", "flv1")
	err := <-e.done
	e.done <- err
	if err == nil || w.Live("a") != nil {
		t.Errorf("it went on: %v\n%s", err, e.stderr.String())
	}
	livetest.Eventually(t, 30*time.Second, "the refusal is counted", func() bool {
		families, err := w.Metrics.Gather()
		return err == nil && slices.ContainsFunc(families, func(f *dto.MetricFamily) bool {
			return f.GetName() == "barrage_rtmp_closed_total" && strings.Contains(f.String(), "codec_unsupported")
		})
	})
}
