package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

const (
	overlayPosts   = 1000
	overlayPosters = 5
	// overlayPause keeps the posts at 12 a second: a page shows 150 danmaku at once, each for 8 s, and leaves the rest out.
	overlayPause = 410 * time.Millisecond
)

// TestPostsAreDrawnOnEveryOverlay has a Go client of five connections post a thousand danmaku into a live room that two browsers
// watch. Each browser must draw each of them once; how long that took from the post to the picture is logged.
func TestPostsAreDrawnOnEveryOverlay(t *testing.T) {
	s := start(t, t.TempDir())
	st := s.streamer(t, "overlay")
	publish(t, s.rtmp(st.Key))
	await(t, "channel live", 20*time.Second, func() bool { return s.channel(t, "overlay").Live })
	o := openOverlays(t, s.url("/overlay"))
	sent := postMany(t, s, st)

	var reply overlayReply
	await(t, "all are drawn on both overlays", 30*time.Second, func() bool {
		reply = o.report(t)
		return len(reply.Drawn[0]) >= overlayPosts && len(reply.Drawn[1]) >= overlayPosts
	})
	for i, drawn := range reply.Drawn {
		delays := make([]time.Duration, 0, overlayPosts)
		seen := map[string]bool{}
		for _, d := range drawn {
			at, ours := sent[d.Text]
			if !ours || seen[d.Text] {
				t.Errorf("overlay %d drew %q, which was not posted or drawn before", i, d.Text)
			}
			seen[d.Text] = true
			delays = append(delays, time.UnixMilli(d.At).Sub(at))
		}
		slices.Sort(delays)
		t.Logf("overlay %d: %d drawn; from post to picture p50 %v, p99 %v, max %v", i, len(delays),
			delays[len(delays)/2].Round(time.Millisecond), delays[len(delays)*99/100].Round(time.Millisecond), delays[len(delays)-1].Round(time.Millisecond))
	}
	if len(reply.Faults) > 0 {
		t.Errorf("the pages complained: %q", reply.Faults)
	}
}

// postMany posts the danmaku in parallel and returns when each was handed to its socket.
func postMany(t *testing.T, s *server, st streamer) map[string]time.Time {
	t.Helper()
	var mu sync.Mutex
	sent := map[string]time.Time{}
	var posters sync.WaitGroup
	for p := range overlayPosters {
		conn := s.viewer(t, st)
		posters.Go(func() {
			for i := p; i < overlayPosts; i += overlayPosters {
				text := fmt.Sprintf("post %d", i)
				mu.Lock()
				sent[text] = time.Now()
				mu.Unlock()
				_, err := conn.Post(t.Context(), &wirepb.Post{Room: st.Room, Key: fmt.Sprintf("p%d", i), Text: text, Colour: 0xFFFFFF, MediaTimeMs: -1})
				if err != nil {
					t.Errorf("post %d: %v", i, err)
					return
				}
				pause(t.Context(), overlayPause)
			}
		})
	}
	posters.Wait()
	return sent
}

type overlayReply struct {
	Ready bool
	Drawn [2][]struct {
		Text string
		At   int64
	}
	Faults []string
}

// overlays are the two browsers.
type overlays struct {
	in    io.WriteCloser
	lines *bufio.Scanner
}

func openOverlays(t *testing.T, room string) *overlays {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "node", "overlay.mjs", room)
	cmd.Dir = "pages"
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	o := &overlays{in: in, lines: bufio.NewScanner(out)}
	o.lines.Buffer(nil, 1<<22)
	t.Cleanup(func() {
		_, _ = io.WriteString(in, "end\n")
		give := time.AfterFunc(10*time.Second, cancel)
		_ = cmd.Wait()
		give.Stop()
		cancel()
	})
	if !o.next(t).Ready {
		t.Fatal("the browsers are not ready")
	}
	return o
}

func (o *overlays) report(t *testing.T) overlayReply {
	t.Helper()
	if _, err := io.WriteString(o.in, "report\n"); err != nil {
		t.Fatal(err)
	}
	return o.next(t)
}

func (o *overlays) next(t *testing.T) overlayReply {
	t.Helper()
	if !o.lines.Scan() {
		t.Fatalf("the browsers ended: %v", o.lines.Err())
	}
	var r overlayReply
	if err := json.Unmarshal(o.lines.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	return r
}
