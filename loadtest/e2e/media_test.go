package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// publish streams a test picture in real time until the returned stop is called; it fails the test if
// ffmpeg ends by itself.
func publish(t *testing.T, target string, args ...string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	if len(args) == 0 {
		args = strings.Fields("-f lavfi -i testsrc2=size=640x360:rate=30 -f lavfi -i sine=frequency=440:sample_rate=48000" +
			" -c:v libx264 -preset ultrafast -tune zerolatency -g 30 -b:v 800k -c:a aac -b:a 96k")
	}
	all := append(strings.Fields("-hide_banner -loglevel error -nostdin -re"), args...)
	cmd := exec.CommandContext(ctx, "ffmpeg", append(all, "-f", "flv", target)...)
	var out bytes.Buffer
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	var once bool
	stop = func() {
		if once {
			return
		}
		once = true
		select {
		case err := <-done:
			t.Errorf("ffmpeg ended by itself: %v\n%s", err, out.String())
		default:
			cancel()
			t.Log("ffmpeg was told to end:", <-done)
		}
	}
	t.Cleanup(func() { stop() })
	return stop
}

type channelDocument struct {
	Broadcast   string
	State       string
	Live        bool
	PlaylistURL string `json:"playlist_url"`
}

func (s *server) channel(t *testing.T, name string) channelDocument {
	t.Helper()
	var c channelDocument
	if err := s.call(t.Context(), http.MethodGet, "/v1/channels/"+name, "", nil, &c, http.StatusOK); err != nil {
		t.Fatal(err)
	}
	return c
}

// await polls until ok answers true and returns how long that took.
func await(t *testing.T, what string, limit time.Duration, ok func() bool) time.Duration {
	t.Helper()
	begin := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Since(begin) > limit {
			t.Fatalf("%s: not within %v", what, limit)
		}
		<-tick.C
	}
	return time.Since(begin)
}

// liveLimit is how long a channel may take to be live on a busy machine.
const liveLimit = 10 * time.Second

func TestFFmpegPublishIsPlayable(t *testing.T) {
	s := start(t, t.TempDir())
	st := s.streamer(t, "picture")
	stop := publish(t, s.rtmp(st.Key))
	took := await(t, "channel live after publish", liveLimit, func() bool { return s.channel(t, "picture").Live })
	t.Logf("channel shows live after %v (with the start of ffmpeg)", took)
	bar(t, took <= 2*time.Second, "the channel is live within 2 s, not %v", took)
	playlist := s.url("/live/picture/index.m3u8")
	await(t, "first playlist", liveLimit, func() bool {
		res, err := http.Get(playlist)
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	t.Run("ffprobe reads both tracks", func(t *testing.T) { probe(t, playlist) })
	t.Run("mpv plays", func(t *testing.T) { mpvPlays(t, playlist) })
	t.Run("loss keeps the playlist and return continues it", func(t *testing.T) {
		stop()
		await(t, "interrupted", 60*time.Second, func() bool { return s.channel(t, "picture").State == "interrupted" })
		before := mediaPlaylist(t, s)
		again := publish(t, s.rtmp(st.Key))
		await(t, "live again", liveLimit, func() bool { return s.channel(t, "picture").State == "live" })
		await(t, "discontinuity in the playlist", 60*time.Second, func() bool {
			return strings.Contains(mediaPlaylist(t, s), "#EXT-X-DISCONTINUITY\n")
		})
		if strings.Contains(before, "#EXT-X-ENDLIST") {
			t.Error("the playlist ended although the grace had not passed")
		}
		again()
	})
	if code := s.stop(t); code != 0 {
		t.Errorf("exit code %d after SIGTERM", code)
	}
}

func mediaPlaylist(t *testing.T, s *server) string {
	t.Helper()
	res, err := http.Get(s.url("/live/picture/" + s.channel(t, "picture").Broadcast + "/source/index.m3u8"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// probe checks with ffprobe that the playlist carries the picture and the tone.
func probe(t *testing.T, playlist string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ffprobe", "-v", "error", "-show_streams", "-of", "json", playlist).Output()
	if err != nil {
		t.Fatalf("ffprobe: %v", err)
	}
	var found struct {
		Streams []struct {
			CodecName string `json:"codec_name"`
			Width     int
			Rate      string `json:"sample_rate"`
		}
	}
	if err := json.Unmarshal(out, &found); err != nil {
		t.Fatal(err)
	}
	codecs := map[string]bool{}
	for _, st := range found.Streams {
		codecs[st.CodecName] = true
	}
	if !codecs["h264"] || !codecs["aac"] {
		t.Errorf("ffprobe sees %s", out)
	}
}
