package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/internal/media/rtmptest"
)

// codecSeconds is how long a publication is: a browser on a busy machine must have seen it.
const codecSeconds = 60

// TestEveryCodecIsPlayable publishes real streams of every codec over Enhanced RTMP to the program. ffprobe
// finds the codecs in the playlist, and Chromium shows and sounds those that Debian's build has a decoder
// for, which H.265 is not.
func TestEveryCodecIsPlayable(t *testing.T) {
	s := start(t, t.TempDir())
	for _, c := range []struct {
		name         string
		video, audio media.Codec
		streams      []string // as ffprobe calls them
		browser      bool
	}{
		{"hevc-aac", media.H265, media.AAC, []string{"hevc", "aac"}, false},
		{"av1-opus", media.AV1, media.Opus, []string{"av1", "opus"}, true},
		{"vp9-opus", media.VP9, media.Opus, []string{"vp9", "opus"}, true},
		{"avc-opus", media.H264, media.Opus, []string{"h264", "opus"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := s.streamer(t, c.name)
			ctx, cancel := context.WithCancel(t.Context())
			e, done := mediatest.Encode(t, c.video, c.audio, codecSeconds), make(chan error, 1)
			go func() { done <- rtmptest.Publish(ctx, s.rtmp(st.Key), e) }()
			defer func() {
				cancel()
				if err := <-done; err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}()
			playlist := s.url("/live/" + c.name + "/index.m3u8")
			await(t, "first playlist", 30*time.Second, func() bool {
				res, err := http.Get(playlist)
				if err != nil {
					return false
				}
				defer res.Body.Close()
				return res.StatusCode == http.StatusOK
			})
			codecsOf(t, playlist, c.streams)
			if c.browser {
				inChromium(t, s.url("/"+c.name), c.name)
			}
		})
	}
}

// codecsOf holds that ffprobe finds streams of these codecs in a playlist.
func codecsOf(t *testing.T, playlist string, want []string) {
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
		}
	}
	if err := json.Unmarshal(out, &found); err != nil || len(found.Streams) != len(want) {
		t.Fatalf("%v: %s", err, out)
	}
	for i, st := range found.Streams {
		if st.CodecName != want[i] {
			t.Errorf("ffprobe sees %s, want %v", out, want)
		}
	}
}

// inChromium holds that the page of a room shows and sounds what is published.
func inChromium(t *testing.T, room, name string) {
	t.Helper()
	args := []string{"codec.mjs", room}
	if shots := os.Getenv("BARRAGE_SHOTS"); shots != "" {
		args = append(args, filepath.Join(shots, name+".png"))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", args...)
	cmd.Dir = "pages"
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var seen struct {
		Width, Height, Frames, Sound int
		Faults                       []string
	}
	if err := json.Unmarshal(out, &seen); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Logf("Chromium: %s", out)
	if len(seen.Faults) > 0 || seen.Width != 320 || seen.Height != 180 || seen.Frames == 0 || seen.Sound == 0 {
		t.Errorf("Chromium: %s", out)
	}
}
