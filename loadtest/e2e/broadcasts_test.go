package e2e

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wireclient"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// How many broadcast at once, and for how long, in a run of the bars and in any other.
const (
	manyBroadcasts, manySpan = 30, 3 * time.Minute
	someBroadcasts, someSpan = 4, 10 * time.Second
)

// TestManyBroadcasts measures what broadcasts of 2.5 Mbit/s cost a node that records them: memory and
// processor time of each, as what the process has more than without them, and what the acknowledgement of
// posts in a room takes beside them. Publishers are processes that copy a file.
func TestManyBroadcasts(t *testing.T) {
	n, span := someBroadcasts, someSpan
	if os.Getenv("BARRAGE_BARS") != "" {
		n, span = manyBroadcasts, manySpan
	}
	file := recordedSource(t, 2500)
	s := start(t, t.TempDir(), "--room.posts", "1000", "--limits.registrations", "1000", "--limits.writes", "1000")
	pid := s.cmd.Process.Pid
	before := residentMB(t, pid) // registrations leave garbage of passwords, which counts here
	all := make([]streamer, n)
	for i := range all {
		all[i] = s.streamer(t, fmt.Sprintf("caster%d", i))
	}
	measure := func(d time.Duration) (p99 time.Duration, share float64) {
		began, used := time.Now(), processorTime(t, pid)
		p99 = s.postsP99(t, all[0], d)
		return p99, (processorTime(t, pid) - used).Seconds() / time.Since(began).Seconds()
	}
	quiet, idle := measure(span / 4)
	for i, st := range all {
		copyTo(t, file, s.rtmp(st.Key))
		await(t, "live", 30*time.Second, func() bool { return s.channel(t, fmt.Sprintf("caster%d", i)).Live })
	}
	busy, share := measure(span)
	memory := float64(residentMB(t, pid)-before) / float64(n)
	each := 100 * (share - idle) / float64(n)
	for i := range all {
		if !s.channel(t, fmt.Sprintf("caster%d", i)).Live {
			t.Errorf("broadcast %d is not live any more", i)
		}
	}
	t.Logf("%d broadcasts for %v: %.1f MB and %.2f%% of a core each; p99 of a post's acknowledgement %v, %v without", n, span, memory, each, busy, quiet)
	bar(t, memory <= 20, "20 MB for each broadcast, not %.1f", memory)
	bar(t, each <= 0.8, "0.8%% of a core for each broadcast, not %.2f", each)
	bar(t, float64(busy) <= 1.2*float64(quiet), "posts acknowledged as without broadcasts (%v), not %v", quiet, busy)
}

// postsP99 has eight connections of one account post for a while, five times a second each.
func (s *server) postsP99(t *testing.T, st streamer, d time.Duration) time.Duration {
	t.Helper()
	var mu sync.Mutex
	var took []time.Duration
	var all sync.WaitGroup
	for i := range 8 {
		conn, err := wireclient.Dial(t.Context(), wireclient.Config{URL: s.ws(), Encoding: wire.Proto})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Abort()
		if _, err := conn.Auth(t.Context(), st.Token); err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			pause(t.Context(), time.Duration(i)*25*time.Millisecond)
			for end, turn := time.Now().Add(d), 0; time.Now().Before(end); turn++ {
				began := time.Now()
				key := fmt.Sprintf("p%d-%d-%d", i, turn, began.UnixNano()%1e9)
				if _, err := conn.Post(t.Context(), &wirepb.Post{Room: st.Room, Key: key, Text: "beside"}); err != nil {
					t.Errorf("post: %v", err)
					return
				}
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
				pause(t.Context(), 200*time.Millisecond)
			}
		})
	}
	all.Wait()
	if len(took) == 0 {
		t.Fatal("nobody posted")
	}
	slices.Sort(took)
	return took[len(took)*99/100]
}
