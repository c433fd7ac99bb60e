package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	partTarget = 500 * time.Millisecond
	watchEach  = 100 * time.Millisecond
)

// watching is what a viewer has seen of a broadcast's playlist.
type watching struct {
	folder   string
	segments map[string]fetched // complete ones, by name
	parts    map[string]fetched
	sequence int       // the highest number of a complete segment
	last     time.Time // of the last look
}

// fetched are bytes, and when they were listed first.
type fetched struct {
	body   []byte
	listed time.Time
}

// look reads the playlist and fetches what is new in it.
func (v *watching) look(t *testing.T, s *server) (listed []string) {
	t.Helper()
	now := time.Now()
	status, playlist := s.fetch(t, v.folder+"index.m3u8")
	if status != http.StatusOK {
		t.Fatalf("the playlist: %d %s", status, playlist)
	}
	gap := false
	for line := range strings.Lines(string(playlist)) {
		line = strings.TrimSpace(line)
		_, part, found := strings.Cut(line, `#EXT-X-PART:`)
		switch {
		case line == "#EXT-X-GAP":
			gap = true
		case found:
			_, name, _ := strings.Cut(part, `URI="`)
			name, _, _ = strings.Cut(name, `"`)
			v.take(t, s, v.parts, name, now)
		case line != "" && !strings.HasPrefix(line, "#"):
			listed = append(listed, line)
			if !gap {
				v.take(t, s, v.segments, line, now)
			}
			v.sequence, gap = max(v.sequence, number(t, line)), false
		}
	}
	v.last = now
	return listed
}

func (v *watching) take(t *testing.T, s *server, into map[string]fetched, name string, now time.Time) {
	t.Helper()
	if _, known := into[name]; known {
		return
	}
	if status, body := s.fetch(t, v.folder+name); status == http.StatusOK {
		into[name] = fetched{body, now}
	}
}

// number is that of a segment, or of the segment of a part.
func number(t *testing.T, name string) int {
	t.Helper()
	digits, _, _ := strings.Cut(name, ".")
	n, err := strconv.Atoi(digits)
	if err != nil {
		t.Fatalf("%s has no number", name)
	}
	return n
}

// hold checks that what was listed for longer than a part before the kill is still there, byte for byte, and
// forgets the rest. It gives how many such parts are gone: those of the segment that was being filled.
func (v *watching) hold(t *testing.T, s *server, killed time.Time) (lost int) {
	t.Helper()
	for name, was := range v.segments {
		status, body := s.fetch(t, v.folder+name)
		switch {
		case status == http.StatusOK && bytes.Equal(body, was.body):
		case status != http.StatusOK && was.listed.After(killed.Add(-partTarget)):
			delete(v.segments, name)
		default:
			t.Errorf("segment %s is %d with %d bytes, and was %d bytes %v before the kill", name, status, len(body), len(was.body), killed.Sub(was.listed))
		}
	}
	for name, was := range v.parts {
		n := number(t, name)
		status, body := s.fetch(t, v.folder+strconv.Itoa(n)+".m4s")
		switch {
		case bytes.Contains(body, was.body):
			continue
		case status == http.StatusOK:
			t.Errorf("part %s is not in its segment", name)
		case n <= v.sequence && v.segments[strconv.Itoa(n)+".m4s"].body != nil:
			t.Errorf("the segment of part %s is gone: %d", name, status)
		case !was.listed.After(killed.Add(-partTarget)):
			lost++
		}
		delete(v.parts, name)
	}
	return lost
}

// TestBroadcastGoesOnOverKills kills the server in a broadcast, again and again, or stops it in order, and
// the publisher comes back within seconds: the broadcast goes on in the same playlist, whatever was listed
// stays as it was, and the recording is one.
//
// BARRAGE_RESTART_CYCLES sets how often (default 2).
func TestBroadcastGoesOnOverKills(t *testing.T) {
	cycles := 2
	if v, err := strconv.Atoi(os.Getenv("BARRAGE_RESTART_CYCLES")); err == nil {
		cycles = v
	}
	data := t.TempDir()
	s := start(t, data)
	st := s.streamer(t, "going-on")
	stop := publishUntilKilled(t, s.rtmp(st.Key))
	await(t, "the channel is live", liveLimit, func() bool { return s.channel(t, "going-on").Live })
	broadcast := s.channel(t, "going-on").Broadcast
	v := &watching{folder: "/live/going-on/" + broadcast + "/source/", segments: map[string]fetched{}, parts: map[string]fetched{}, sequence: -1}
	await(t, "there is a playlist", liveLimit, func() bool {
		status, _ := s.fetch(t, v.folder+"index.m3u8")
		return status == http.StatusOK
	})
	for cycle := range cycles {
		from := v.sequence
		await(t, "three more segments", 60*time.Second, func() bool { v.look(t, s); return v.sequence >= from+3 })
		rest := time.NewTimer(time.Duration(cycle*700%2000) * time.Millisecond) // anywhere in a segment
		for waits := true; waits; {
			select {
			case <-rest.C:
				waits = false
			case <-time.After(watchEach):
				v.look(t, s)
			}
		}
		if cycle%3 == 1 {
			if code := s.stop(t); code != 0 {
				t.Errorf("exit code %d", code)
			}
		} else {
			s.kill()
		}
		stop()
		killed := v.last
		s = start(t, data)
		c := s.channel(t, "going-on")
		if c.State != "interrupted" || c.Broadcast != broadcast {
			t.Fatalf("after the restart the channel is %s with %s, and was on with %s", c.State, c.Broadcast, broadcast)
		}
		lost := v.hold(t, s, killed)
		t.Logf("kill %d: %d segments and %d parts are there", cycle+1, len(v.segments), len(v.parts))
		bar(t, lost == 0, "%d parts that were listed for longer than a part are gone", lost)
		before := v.sequence
		stop = publishUntilKilled(t, s.rtmp(st.Key))
		await(t, "the publisher is back", liveLimit, func() bool { return s.channel(t, "going-on").State == "live" })
		await(t, "the playlist goes on", 60*time.Second, func() bool { v.look(t, s); return v.sequence > before })
		wantRow(t, v.look(t, s))
	}
	stop()
	await(t, "the broadcast has ended", 90*time.Second, func() bool {
		list := s.broadcasts(t, "going-on")
		return len(list) == 1 && list[0].ID == broadcast && list[0].State == "ended"
	})
	var playlist []byte
	await(t, "its playlist has an end", 30*time.Second, func() bool { // a moment after the list says so
		_, playlist = s.fetch(t, v.folder+"index.m3u8")
		return bytes.Contains(playlist, []byte("#EXT-X-ENDLIST"))
	})
	wantRow(t, whole(playlist))
	v.hold(t, s, v.last)
	if n := bytes.Count(playlist, []byte("#EXT-X-DISCONTINUITY\n")); n < cycles {
		t.Errorf("%d breaks are shown, and there were %d", n, cycles)
	}
	decodes(t, s.url(v.folder+"index.m3u8"), len(v.segments)-1-cycles) // each kill cuts one short
}

// wantRow checks that segments are listed without one missing.
func wantRow(t *testing.T, names []string) {
	t.Helper()
	for i, name := range names {
		if want := fmt.Sprintf("%d.m4s", number(t, names[0])+i); name != want {
			t.Errorf("%s is listed where %s should be: %v", name, want, names)
		}
	}
}
