package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/wire/wireclient"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

const (
	overlayPosts   = 1000
	overlayPosters = 5
	// overlayPause keeps the posts at 12 a second: a page shows 150 danmaku at once, each for 5 s here, and
	// leaves the rest out.
	overlayPause = 410 * time.Millisecond
	// overlayTick is that of a room with few viewers.
	overlayTick = 100 * time.Millisecond
	// overlayLimit is how late danmaku may be on a busy machine.
	overlayLimit = 10 * time.Second
)

// TestPostsAreDrawnOnEveryOverlay has a Go client of five connections post a thousand danmaku into a live
// room that two browsers watch. Each browser must draw each of them once; how long that took from the post
// to the picture is logged.
func TestPostsAreDrawnOnEveryOverlay(t *testing.T) {
	s := start(t, t.TempDir(), "--room.posts", "100") // one user posts them all
	st := s.streamer(t, "overlay")
	publish(t, s.rtmp(st.Key))
	await(t, "channel live", 20*time.Second, func() bool { return s.channel(t, "overlay").Live })
	o := openOverlays(t, s.url("/overlay"))
	heard := listen(t, s, st)
	sent := postMany(t, s, st)

	var reply overlayReply
	await(t, "all are drawn on both overlays", 30*time.Second, func() bool {
		reply = o.report(t)
		return len(reply.Drawn[0]) >= overlayPosts && len(reply.Drawn[1]) >= overlayPosts
	})
	heard.report(t, "a Go client heard", sent)
	for i, drawn := range reply.Drawn {
		seen := &sightings{}
		for _, d := range drawn {
			seen.add(d.Text, time.UnixMilli(d.At))
		}
		seen.report(t, fmt.Sprintf("overlay %d drew", i), sent)
	}
	if len(reply.Faults) > 0 {
		t.Errorf("the pages complained: %q", reply.Faults)
	}
}

// sightings are the texts one observer saw, and when.
type sightings struct {
	mu    sync.Mutex
	texts []string
	times []time.Time
}

func (s *sightings) add(text string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.texts, s.times = append(s.texts, text), append(s.times, at)
}

func (s *sightings) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.texts)
}

// report fails the test unless every post was seen exactly once, and logs how long that took.
func (s *sightings) report(t *testing.T, what string, sent map[string]time.Time) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[string]bool{}
	delays := make([]time.Duration, 0, len(s.texts))
	for i, text := range s.texts {
		at, ours := sent[text]
		if !ours || seen[text] {
			t.Errorf("%s %q, which was not posted or came before", what, text)
		}
		seen[text] = true
		delays = append(delays, s.times[i].Sub(at).Round(time.Millisecond))
	}
	if len(delays) != len(sent) {
		t.Fatalf("%s %d of %d", what, len(delays), len(sent))
	}
	slices.Sort(delays)
	p99 := delays[len(delays)*99/100]
	t.Logf("%s %d: p50 %v, p99 %v, max %v after the post", what, len(delays), delays[len(delays)/2], p99, delays[len(delays)-1])
	if p99 > overlayLimit {
		t.Errorf("%s p99 %v after the post", what, p99)
	}
	bar(t, p99 <= overlayTick+150*time.Millisecond, "%s within the tick and 150 ms, not %v", what, p99)
}

// listen watches the room as a guest over a socket.
func listen(t *testing.T, s *server, st streamer) *sightings {
	t.Helper()
	heard := &sightings{}
	streamer{Room: st.Room}.enter(t, wireclient.Config{URL: s.ws(), OnFrame: func(f *wirepb.ServerFrame) {
		for _, d := range f.GetBatch().GetDanmaku() {
			heard.add(d.GetText(), time.Now())
		}
	}})
	return heard
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
				_, err := conn.Post(t.Context(), &wirepb.Post{Room: st.Room, Key: fmt.Sprintf("p%d", i), Text: text})
				for wait := fault.From(err); err != nil && wait.RetryAfter > 0; wait = fault.From(err) { // as a client does
					pause(t.Context(), wait.RetryAfter)
					_, err = conn.Post(t.Context(), &wirepb.Post{Room: st.Room, Key: fmt.Sprintf("p%d", i), Text: text})
				}
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
type overlays struct{ *browsers }

func openOverlays(t *testing.T, room string) overlays {
	t.Helper()
	o := overlays{browse(t, "overlay.mjs", room)}
	if !o.read(t, o.next(t)).Ready {
		t.Fatal("the browsers are not ready")
	}
	return o
}

func (o overlays) report(t *testing.T) overlayReply {
	t.Helper()
	return o.read(t, o.ask(t, "report"))
}

func (o overlays) read(t *testing.T, reply []byte) (r overlayReply) {
	t.Helper()
	if err := json.Unmarshal(reply, &r); err != nil {
		t.Fatal(err)
	}
	return r
}
