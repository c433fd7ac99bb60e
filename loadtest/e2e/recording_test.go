package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// broadcastDocument is a broadcast as the API shows it.
type broadcastDocument struct {
	ID, State, Playlist string
	Bytes               int64
	DurationMS          int64 `json:"duration_ms"`
}

func (s *server) broadcasts(t *testing.T, channel string) []broadcastDocument {
	t.Helper()
	var page struct{ Broadcasts []broadcastDocument }
	if err := s.call(t.Context(), http.MethodGet, "/v1/channels/"+channel+"/broadcasts", "", nil, &page, http.StatusOK); err != nil {
		t.Fatal(err)
	}
	return page.Broadcasts
}

// fetch gets a body.
func (s *server) fetch(t *testing.T, path string) (status int, body []byte) {
	t.Helper()
	res, err := http.Get(s.url(path))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err = io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, body
}

// whole gives the names of the complete segments of a media playlist.
func whole(playlist []byte) (names []string) {
	for line := range strings.Lines(string(playlist)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			names = append(names, line)
		}
	}
	return names
}

// TestRecordingSurvivesKill kills the server in a broadcast, twice, and its publisher comes back when the
// grace is over. What was recorded then is shown at the
// broadcast's URL, byte for byte as it was live, and plays.
func TestRecordingSurvivesKill(t *testing.T) {
	data := t.TempDir()
	s := start(t, data, "--live.grace", "1s")
	st := s.streamer(t, "lasting")
	type kept struct {
		folder string // of the media
		names  []string
		bodies map[string][]byte
	}
	var all []kept
	for range 2 {
		stop := publishUntilKilled(t, s.rtmp(st.Key))
		k := kept{bodies: map[string][]byte{}}
		await(t, "eight seconds are recorded", 60*time.Second, func() bool {
			list := s.broadcasts(t, "lasting")
			if len(list) != len(all)+1 || list[0].State != "live" {
				return false
			}
			k.folder = strings.TrimSuffix(list[0].Playlist, "index.m3u8") + "source/"
			return list[0].DurationMS >= 8000
		})
		status, playlist := s.fetch(t, k.folder+"index.m3u8")
		if status != http.StatusOK {
			t.Fatalf("%d %s", status, playlist)
		}
		k.names = whole(playlist)
		for _, name := range k.names {
			_, k.bodies[name] = s.fetch(t, k.folder+name)
		}
		all = append(all, k)
		s.kill()
		stop()
		s = start(t, data, "--live.grace", "1s")
		await(t, "the broadcast has ended", 30*time.Second, func() bool {
			list := s.broadcasts(t, "lasting")
			return len(list) == len(all) && list[0].State == "ended"
		})
	}
	for _, k := range all {
		status, playlist := s.fetch(t, k.folder+"index.m3u8")
		if status != http.StatusOK || !bytes.Contains(playlist, []byte("#EXT-X-PLAYLIST-TYPE:VOD")) || !bytes.Contains(playlist, []byte("#EXT-X-ENDLIST")) {
			t.Fatalf("%d %s", status, playlist)
		}
		recorded := whole(playlist)
		// The newest segment may have been listed a moment before it was recorded.
		if len(recorded) < len(k.names)-1 || bytes.Contains(playlist, []byte("#EXT-X-GAP")) {
			t.Errorf("%d segments were listed, and of them recorded: %s", len(k.names), playlist)
		}
		for i, name := range k.names[:min(len(k.names), len(recorded))] {
			if _, body := s.fetch(t, k.folder+name); recorded[i] != name || !bytes.Equal(body, k.bodies[name]) {
				t.Errorf("segment %d is %s with %d bytes, live it was %s with %d", i, recorded[i], len(body), name, len(k.bodies[name]))
			}
		}
		probe(t, s.url(strings.TrimSuffix(k.folder, "source/")+"index.m3u8"))
		decodes(t, s.url(k.folder+"index.m3u8"), len(recorded))
	}
	erase(t, s, st, data)
	if code := s.stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// publishUntilKilled is publish for a server that is about to die.
func publishUntilKilled(t *testing.T, target string) (stop func()) {
	t.Helper()
	return feed(t, target, " -f lavfi -i testsrc2=size=320x180:rate=30 -f lavfi -i sine=frequency=440:sample_rate=48000"+
		" -c:v libx264 -preset ultrafast -tune zerolatency -g 30 -b:v 400k -c:a aac -b:a 64k")
}

// feed has ffmpeg publish what its arguments make until it is killed, as a line that breaks does, or until
// the server ends.
func feed(t *testing.T, target, args string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	all := append(strings.Fields("-hide_banner -loglevel quiet -nostdin -re"+args+" -f flv"), target)
	cmd := exec.CommandContext(ctx, "ffmpeg", all...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() {
		cancel()
		_ = cmd.Wait() // it was killed, or the server ended
	}
	t.Cleanup(stop)
	return stop
}

// decodes has ffprobe read every packet of a playlist: of each segment at least some.
func decodes(t *testing.T, playlist string, segments int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ffprobe", "-v", "error", "-count_packets", "-show_streams", "-of", "json", playlist).Output()
	if err != nil {
		t.Fatalf("ffprobe: %v", err)
	}
	var found struct {
		Streams []struct {
			Type    string `json:"codec_type"`
			Packets int    `json:"nb_read_packets,string"`
		}
	}
	if err := json.Unmarshal(out, &found); err != nil {
		t.Fatal(err)
	}
	for _, st := range found.Streams {
		if st.Type == "video" && st.Packets < 29*segments {
			t.Errorf("%d pictures in %d segments of a second", st.Packets, segments)
		}
	}
}

// erase deletes everything, and looks at what is left on the disk.
func erase(t *testing.T, s *server, st streamer, data string) {
	t.Helper()
	if n := objects(t, data); n == 0 || n > 2 {
		t.Errorf("two broadcasts of some seconds are %d objects", n)
	}
	for _, b := range s.broadcasts(t, "lasting") {
		if err := s.call(t.Context(), http.MethodDelete, "/v1/channels/lasting/broadcasts/"+b.ID, st.Token, nil, nil, http.StatusNoContent); err != nil {
			t.Error(err)
		}
		await(t, "its playlist is gone", 30*time.Second, func() bool {
			status, _ := s.fetch(t, b.Playlist)
			return status == http.StatusNotFound
		})
	}
	if list := s.broadcasts(t, "lasting"); len(list) != 0 {
		t.Errorf("left in the list: %+v", list)
	}
	if n := objects(t, data); n != 0 {
		t.Errorf("%d objects are left", n)
	}
}

func objects(t *testing.T, data string) (n int) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(data, "blobs", "objects"), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
