package e2e

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gohlslib/v2"
	"github.com/bluenviron/gohlslib/v2/pkg/playlist"
)

// TestPlayersAgree has players of four makes play one broadcast, with parts of either length: ffprobe sees
// both tracks, mpv plays them, gohlslib's client reads pictures in order by the parts that are hinted, and in
// Chromium our page and plain hls.js go on playing.
func TestPlayersAgree(t *testing.T) {
	for _, part := range []time.Duration{500 * time.Millisecond, 200 * time.Millisecond} {
		t.Run(part.String(), func(t *testing.T) {
			s := start(t, t.TempDir(), "--live.part", part.String())
			st := s.streamer(t, "agreed")
			publish(t, s.rtmp(st.Key))
			await(t, "live", 30*time.Second, func() bool { return s.channel(t, "agreed").Live })
			at := s.url("/live/agreed/index.m3u8")
			await(t, "first playlist", 30*time.Second, func() bool {
				res, err := http.Get(at)
				if err != nil {
					return false
				}
				_ = res.Body.Close()
				return res.StatusCode == http.StatusOK
			})
			players := openPlayers(t, s.url("/@agreed"), at)
			players.moving(t)
			probe(t, at)
			mpvPlays(t, at)
			gohlslibReads(t, at)
			partsKeepWithin(t, s.url("/live/agreed/"+s.channel(t, "agreed").Broadcast+"/source/index.m3u8"), part)
			players.moving(t) // still
		})
	}
}

// mpvPlays holds that mpv shows and sounds some seconds of a playlist.
func mpvPlays(t *testing.T, at string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "mpv", "--no-config", "--vo=null", "--ao=null", "--length=4", at).CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("AV:")) || !bytes.Contains(out, []byte("h264")) || !bytes.Contains(out, []byte("aac")) {
		t.Errorf("mpv: %v\n%s", err, out)
	}
}

// gohlslibReads holds that its client gets three seconds of pictures in their order.
func gohlslibReads(t *testing.T, at string) {
	t.Helper()
	const want = 90
	enough := make(chan error, 1)
	tell := func(err error) {
		select {
		case enough <- err:
		default:
		}
	}
	c := &gohlslib.Client{
		URI: at, OnDownloadPrimaryPlaylist: func(string) {}, OnDownloadStreamPlaylist: func(string) {}, OnDownloadSegment: func(string) {},
		OnDownloadPart: func(string) {}, OnDecodeError: tell,
	}
	c.OnTracks = func(tracks []*gohlslib.Track) error {
		if len(tracks) != 2 {
			return errors.New("two tracks were expected")
		}
		seen, last := 0, int64(-1)
		c.OnDataH26x(tracks[0], func(pts, _ int64, _ [][]byte) {
			if pts <= last {
				tell(errors.New("a picture came after one that is shown later"))
			}
			if seen, last = seen+1, pts; seen == want {
				tell(nil)
			}
		})
		c.OnDataMPEG4Audio(tracks[1], func(int64, [][]byte) {})
		return nil
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		tell(c.Wait2())
		close(ended)
	}()
	select {
	case err := <-enough:
		if err != nil {
			t.Errorf("gohlslib: %v", err)
		}
	case <-time.After(60 * time.Second):
		t.Error("gohlslib does not get what it waits for")
	}
	c.Close()
	<-ended
}

// partsKeepWithin holds that the playlist promises the length of its parts and keeps to it.
func partsKeepWithin(t *testing.T, at string, part time.Duration) {
	t.Helper()
	res, err := http.Get(at)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var m playlist.Media
	if err := m.Unmarshal(text); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if m.PartInf.PartTarget != part || *m.ServerControl.PartHoldBack != 3*part {
		t.Errorf("the part target is %v, the hold back %v", m.PartInf.PartTarget, *m.ServerControl.PartHoldBack)
	}
	parts := 0
	for _, s := range m.Segments {
		for i, p := range s.Parts {
			parts++
			if p.Duration > part || i < len(s.Parts)-1 && p.Duration*100 < part*85 {
				t.Errorf("%s lasts %v", p.URI, p.Duration)
			}
		}
	}
	if parts == 0 || strings.Contains(string(text), "#EXT-X-DISCONTINUITY\n") {
		t.Errorf("%d parts in\n%s", parts, text)
	}
}
