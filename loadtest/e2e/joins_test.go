package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"os/exec"
	"testing"
	"time"
)

// TestPicturesJoinSound has a publisher of sound alone come back with pictures: who listens sees them,
// without a reload.
func TestPicturesJoinSound(t *testing.T) {
	const tone, aac = " -f lavfi -i sine=frequency=440:sample_rate=48000", " -c:a aac -b:a 96k -ac 2"
	const picture, x264 = " -f lavfi -i testsrc2=size=320x180:rate=30", " -c:v libx264 -preset ultrafast -tune zerolatency -g 30 -pix_fmt yuv420p"
	s := start(t, t.TempDir())
	st := s.streamer(t, "radio")
	stop := feed(t, s.rtmp(st.Key), tone+aac)
	await(t, "live", 60*time.Second, func() bool { return s.channel(t, "radio").Live })
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	page := exec.CommandContext(ctx, "node", "joins.mjs", s.url("/@radio"))
	page.Dir = "pages"
	out, err := page.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := page.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "heard" {
		t.Fatalf("Chromium: %q, %v", lines.Text(), lines.Err())
	}
	stop()
	feed(t, s.rtmp(st.Key), picture+tone+x264+aac)
	var seen struct {
		Same   bool
		Width  int
		Sound  int64
		Faults []string
	}
	if !lines.Scan() {
		t.Fatalf("Chromium ended: %v", lines.Err())
	}
	if err := json.Unmarshal(lines.Bytes(), &seen); err != nil || !seen.Same || seen.Width != 320 || seen.Sound == 0 || len(seen.Faults) > 0 {
		t.Errorf("Chromium: %s, %v", lines.Bytes(), err)
	}
	if err := page.Wait(); err != nil {
		t.Error(err)
	}
}
