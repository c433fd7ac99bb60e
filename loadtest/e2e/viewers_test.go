package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/barrage-live/barrage/loadtest/viewers"
)

// The crowd of a run of the bars, and of any other, which only shows that all is served.
const (
	crowdViewers, crowdSpan = 600, 40 * time.Second
	fewViewers, fewSpan     = 30, 5 * time.Second
)

// TestServingViewers measures what viewers cost a server: all of one broadcast of 2.6 Mbit/s in parts of half
// a second, each of whom takes every update of the playlist and every part. The server is a process of its
// own and its processor time is that of the process, the publisher's connection included; gohlslib's server
// takes the same publication and the same crowd in the same run, because a figure alone tells of the machine.
func TestServingViewers(t *testing.T) {
	file := recordedSource(t, 2600)
	s := start(t, t.TempDir(), "--limits.http", "100000", "--limits.connections", "5000", "--limits.address", "5000", "--limits.handshakes", "5000")
	st := s.streamer(t, "crowded")
	copyTo(t, file, s.rtmp(st.Key))
	ours := watch(t, s.url("/live/crowded/index.m3u8"), s.cmd.Process.Pid)
	b := startBeside(t)
	copyTo(t, file, "rtmp://"+b.RTMP+"/live/x")
	theirs := watch(t, "http://"+b.HTTP+"/index.m3u8", b.cmd.Process.Pid)
	t.Logf("ours: %v", ours)
	t.Logf("gohlslib: %v", theirs)
	bar(t, ours.viewerSeconds >= 3200, "3200 viewer-seconds for a second of the processor, not %.0f", ours.viewerSeconds)
	bar(t, ours.requests >= 12000, "12000 requests for a second of the processor, not %.0f", ours.requests)
}

// served is what a server has done for a second of the processor.
type served struct {
	viewerSeconds, requests float64
	share                   float64 // of one processor, on average
	resident                int     // MB
	watched                 viewers.Tally
}

func (s served) String() string {
	return fmt.Sprintf("%.0f viewer-seconds and %.0f requests per CPU-second, %.0f%% of a core, %d MB, %.1f Mbit/s per viewer",
		s.viewerSeconds, s.requests, s.share*100, s.resident, float64(s.watched.Bytes)*8/s.watched.Watched.Seconds()/1e6)
}

// watch has a crowd watch what a process serves.
func watch(t *testing.T, playlist string, pid int) served {
	t.Helper()
	n, span := fewViewers, fewSpan
	if os.Getenv("BARRAGE_BARS") != "" {
		n, span = crowdViewers, crowdSpan
	}
	patient := &http.Client{Timeout: 5 * time.Second}
	await(t, playlist, 30*time.Second, func() bool {
		res, err := patient.Get(playlist)
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	crowd, err := viewers.New(playlist)
	if err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	left := make(chan struct{})
	go func() {
		crowd.Watch(ctx, n, 3*time.Second)
		close(left)
	}()
	pause(t.Context(), 5*time.Second) // they come, and the first playlists are whole
	began, before, used := time.Now(), crowd.Tally(), processorTime(t, pid)
	pause(t.Context(), span)
	used = processorTime(t, pid) - used
	all := crowd.Tally()
	got, took := all.Since(before), time.Since(began)
	resident := residentMB(t, pid)
	leave()
	<-left
	if all.Failed > 0 || got.Watched.Seconds() < 0.8*float64(n)*took.Seconds() {
		t.Errorf("%d of %d viewers failed (%v), %v were watched of %v", all.Failed, n, all.First, got.Watched, time.Duration(n)*took)
	}
	return served{
		viewerSeconds: got.Watched.Seconds() / used.Seconds(), requests: float64(got.Requests) / used.Seconds(),
		share: used.Seconds() / took.Seconds(), resident: resident, watched: got,
	}
}

// recordedSource makes a file of a moving picture of 720p and a tone, at so many kbit/s in all.
func recordedSource(t *testing.T, kbps int) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "source.flv")
	video := strconv.Itoa(kbps-100) + "k"
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30",
		"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", "20", "-c:v", "libx264", "-preset", "ultrafast",
		"-tune", "zerolatency", "-g", "60", "-b:v", video, "-minrate", video, "-maxrate", video, "-bufsize", video,
		"-nal-hrd", "cbr", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "96k", "-ac", "2", file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return file
}

// copyTo publishes such a file in real time, again and again, until the test ends.
func copyTo(t *testing.T, file, target string) {
	t.Helper()
	cmd := exec.Command("ffmpeg", "-v", "error", "-nostdin", "-re", "-stream_loop", "-1", "-i", file, "-c", "copy", "-f", "flv", target)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// processorTime is what a process has used, without its children (proc_pid_stat(5)).
func processorTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	ticks := 0
	for _, f := range fields[11:13] { // utime and stime
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100 // USER_HZ
}

// residentMB is the memory that a process has in use.
func residentMB(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kb >> 10
}
