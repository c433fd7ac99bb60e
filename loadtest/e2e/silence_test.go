package e2e

import (
	"encoding/json"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// silence is longer than hls.js 1.7 lives when no request for a playlist is answered: it gives three of them
// ten seconds each.
const silence = 45 * time.Second

// TestPlayersOutliveASilentPublisher stops a publisher in the middle, so that its connection stays and
// nothing comes; the server gives it up after a while, and the broadcast waits. When another comes, our page
// and plain hls.js go on in the document they are in, and hls.js had nothing to call fatal.
func TestPlayersOutliveASilentPublisher(t *testing.T) {
	s := start(t, t.TempDir(), "--live.grace", "3m")
	st := s.streamer(t, "quiet")
	publisher := exec.CommandContext(t.Context(), "ffmpeg", append(strings.Fields("-v error -nostdin -re -f lavfi -i testsrc2=size=640x360:rate=30"+
		" -f lavfi -i sine=frequency=440 -c:v libx264 -preset ultrafast -tune zerolatency -g 30 -b:v 800k -c:a aac -f flv"), s.rtmp(st.Key))...)
	if err := publisher.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- publisher.Wait() }()
	await(t, "live", 30*time.Second, func() bool { return s.channel(t, "quiet").Live })
	broadcast := s.channel(t, "quiet").Broadcast
	players := openPlayers(t, s.url("/@quiet"), s.url("/live/quiet/index.m3u8"))
	players.moving(t)

	if err := publisher.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	pause(t.Context(), silence)
	_ = publisher.Process.Kill()
	if err := <-ended; err == nil {
		t.Error("the publisher ended by itself")
	}
	if state := s.channel(t, "quiet").State; state != "interrupted" {
		t.Fatalf("after %v of silence the channel is %s", silence, state)
	}
	publish(t, s.rtmp(st.Key))
	await(t, "live again", 30*time.Second, func() bool { return s.channel(t, "quiet").Live })
	players.moving(t)
	if now := s.channel(t, "quiet").Broadcast; now != broadcast {
		t.Errorf("another broadcast goes on: %s, not %s", now, broadcast)
	}
}

// players are our page and plain hls.js in browsers.
type players struct{ *browsers }

func openPlayers(t *testing.T, room, playlist string) players {
	t.Helper()
	return players{browse(t, "silence.mjs", room, playlist)}
}

// moving holds that the picture moves in all players, without anybody having loaded anything again.
func (p players) moving(t *testing.T) {
	t.Helper()
	reply := p.ask(t, "look")
	var seen []struct {
		Name         string
		Moving, Same bool
		At           float64
		Errors       []struct {
			Details string
			Fatal   bool
		}
		Faults []string
	}
	if err := json.Unmarshal(reply, &seen); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", reply)
	for _, s := range seen {
		if !s.Moving || !s.Same || len(s.Faults) > 0 {
			t.Errorf("%s: %+v", s.Name, s)
		}
		for _, e := range s.Errors {
			if e.Fatal {
				t.Errorf("%s gave up: %s", s.Name, e.Details)
			}
		}
	}
}
