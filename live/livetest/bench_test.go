package livetest_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/m3u8"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/livetest"
)

// plain are no directives.
func plain() m3u8.Directives { return m3u8.Directives{Part: -1} }

// broadcastTo puts a Stream on a channel and publishes the first seconds of a source at once.
func broadcastTo(tb testing.TB, w *livetest.World, channel string, src mediatest.Source, d time.Duration) *live.Stream {
	tb.Helper()
	s := live.NewStream(id.NewStream(), src.Tracks())
	if err := w.Attach(channel, s); err != nil {
		tb.Fatal(err)
	}
	src.Start = time.Now().Add(-d)
	for _, u := range src.Units(d) {
		if err := s.Write(u); err != nil {
			tb.Fatal(err)
		}
	}
	return s
}

// waiter is a connection with a blocked request.
type waiter struct {
	net.Conn
	r *bufio.Reader
}

// block opens n connections that wait for a part of a playlist.
func block(tb testing.TB, w *livetest.World, n int, path string) []*waiter {
	tb.Helper()
	u, err := url.Parse(w.HTTP.URL)
	if err != nil {
		tb.Fatal(err)
	}
	out := make([]*waiter, n)
	for i := range out {
		nc, err := (&net.Dialer{}).DialContext(tb.Context(), "tcp", u.Host)
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { _ = nc.Close() })
		out[i] = &waiter{nc, bufio.NewReader(nc)}
		if _, err := fmt.Fprintf(nc, "GET %s HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n", path); err != nil {
			tb.Fatal(err)
		}
	}
	return out
}

// wake publishes what the waiters wait for, unit by unit, and gives the times from the unit that completed
// it until each had its first byte, sorted.
func wake(tb testing.TB, w *livetest.World, waiters []*waiter, s *live.Stream, units []media.Unit) []time.Duration {
	tb.Helper()
	at := make([]time.Time, len(waiters))
	var woken, all sync.WaitGroup
	woken.Add(len(waiters))
	for i, c := range waiters {
		all.Go(func() {
			_, err := c.r.Peek(1)
			at[i] = time.Now()
			woken.Done()
			if err != nil {
				tb.Errorf("waiter %d: %v", i, err)
				return
			}
			woken.Wait() // reading the first answers would take the processor from the last
			res, err := http.ReadResponse(c.r, nil)
			if err != nil || res.StatusCode != http.StatusOK {
				tb.Errorf("waiter %d: %v, %v", i, res, err)
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		})
	}
	var began time.Time
	for n := 0; w.Packager("a").Waiting() > 0; n++ {
		began = time.Now()
		if err := s.Write(units[n]); err != nil {
			tb.Error(err)
		}
		<-time.After(2 * time.Millisecond) // long enough for the pump to take it
	}
	all.Wait()
	times := make([]time.Duration, len(waiters))
	for i := range at {
		times[i] = max(0, at[i].Sub(began))
	}
	slices.Sort(times)
	return times
}

// TestWakingManyWaiters has a part wake everyone who waits for it at about the same time: a tenth of the
// promised number within a coarse limit, or, with BARRAGE_BARS, all within the promised time.
func TestWakingManyWaiters(t *testing.T) {
	n, limit := 500, 10*time.Second
	if os.Getenv("BARRAGE_BARS") != "" {
		n, limit = 5000, 50*time.Millisecond
	}
	w := livetest.New(t, livetest.Config{})
	src := mediatest.Source{Sound: true}
	s := broadcastTo(t, w, "a", src, 4200*time.Millisecond)
	segments(t, w, "a", 2)
	waiters := block(t, w, n, w.Media("a", "index.m3u8?_HLS_msn=2&_HLS_part=1"))
	livetest.Eventually(t, 30*time.Second, "all wait", func() bool { return w.Packager("a").Waiting() == n })
	src.Start = time.Now()
	units := src.Units(10 * time.Second)
	times := wake(t, w, waiters, s, units[mediatest.Index(units, 4200*time.Millisecond):])
	p99 := times[n*99/100]
	t.Logf("first byte of %d: median %v, p99 %v", n, times[n/2], p99)
	if p99 > limit {
		t.Errorf("p99 %v, want at most %v", p99, limit)
	}
	if left := w.Packager("a").Waiting(); left != 0 {
		t.Errorf("%d still wait", left)
	}
}

// BenchmarkWake is the time from the last unit of a part until the slowest percent of its waiters have
// their first byte. Client and server share the machine; the processor time per waiter is that of both
// together.
func BenchmarkWake(b *testing.B) {
	for _, n := range []int{1000, 5000} {
		b.Run(fmt.Sprintf("waiters=%d", n), func(b *testing.B) {
			w := livetest.New(b, livetest.Config{})
			src := mediatest.Source{Sound: true, GOP: 1 << 20}
			const start = 4200 * time.Millisecond
			s := broadcastTo(b, w, "a", src, start)
			src.Start = time.Now()
			units := src.Units(time.Hour)
			next := mediatest.Index(units, start)
			var p50, p99, used time.Duration
			rounds := 0
			for b.Loop() {
				b.StopTimer()
				var msn, part int
				livetest.Eventually(b, 10*time.Second, "a playlist", func() bool {
					doc, err := w.Packager("a").Playlist(b.Context(), plain())
					if err != nil {
						return false
					}
					msn, part = int(doc.Next), doc.Parts
					return true
				})
				waiters := block(b, w, n, w.Media("a", fmt.Sprintf("index.m3u8?_HLS_msn=%d&_HLS_part=%d", msn, part)))
				livetest.Eventually(b, 30*time.Second, "all wait", func() bool { return w.Packager("a").Waiting() == n })
				b.StartTimer()
				before := cpu(b)
				times := wake(b, w, waiters, s, units[next:])
				used += cpu(b) - before
				next = int(s.Stats().Units)
				p50, p99 = p50+times[n/2], p99+times[n*99/100]
				rounds++
				b.StopTimer()
				for _, c := range waiters {
					_ = c.Close()
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(p50.Microseconds())/1000/float64(rounds), "ms-median")
			b.ReportMetric(float64(p99.Microseconds())/1000/float64(rounds), "ms-p99")
			b.ReportMetric(float64(used.Microseconds())/float64(rounds*n), "cpu-us/waiter")
		})
	}
}

// BenchmarkRequests is plain requests per second over kept connections while 1,000 requests are blocked.
// Client and server share the machine, so a server alone does more.
func BenchmarkRequests(b *testing.B) {
	for _, c := range []struct{ name, path string }{
		{"playlist", "index.m3u8"}, {"delta", "index.m3u8?_HLS_skip=YES"}, {"part", ""},
	} {
		b.Run(c.name, func(b *testing.B) {
			w := livetest.New(b, livetest.Config{})
			broadcastTo(b, w, "a", mediatest.Source{Sound: true, Size: 8000}, 24*time.Second)
			livetest.Eventually(b, 10*time.Second, "a playlist", func() bool {
				doc, err := w.Packager("a").Playlist(b.Context(), plain())
				return err == nil && doc.Next >= 11
			})
			block(b, w, 1000, w.Media("a", "index.m3u8?_HLS_msn=12&_HLS_part=3"))
			livetest.Eventually(b, 30*time.Second, "all wait", func() bool { return w.Packager("a").Waiting() == 1000 })
			target := w.URL("a", c.path)
			if c.path == "" {
				_, _, body := w.Get(b, w.Media("a", "index.m3u8"))
				m := strings.Split(string(body), `URI="`)
				target = w.Media("a", strings.SplitN(m[len(m)-2], `"`, 2)[0])
			}
			before := cpu(b)
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, target, nil)
					if err != nil {
						b.Fatal(err)
					}
					res, err := client.Do(r)
					if err != nil || res.StatusCode != http.StatusOK {
						b.Fatal(res, err)
					}
					_, _ = io.Copy(io.Discard, res.Body)
					_ = res.Body.Close()
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
			b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N), "cpu-us/request")
			client.CloseIdleConnections()
		})
	}
}

// cpu is the processor time of this process, without that of its children.
func cpu(tb testing.TB) time.Duration {
	tb.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkIngest is the processor time of one 720p stream of 2.5 Mbit/s from the RTMP socket to the parts
// in memory and the segments on disk, in real time, from ffmpeg processes that copy a file. Run it with
// -benchtime=1x; it takes a minute.
func BenchmarkIngest(b *testing.B) {
	const streams, span = 10, 40 * time.Second
	file := filepath.Join(b.TempDir(), "source.flv")
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30",
		"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", "20", "-c:v", "libx264", "-preset", "ultrafast",
		"-tune", "zerolatency", "-g", "60", "-b:v", "2400k", "-minrate", "2400k", "-maxrate", "2400k", "-bufsize", "2400k",
		"-nal-hrd", "cbr", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "96k", "-ac", "2", file).CombinedOutput()
	if err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	info, err := os.Stat(file)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		w := livetest.New(b, livetest.Config{})
		var running []*exec.Cmd
		for i := range streams {
			c := exec.Command("ffmpeg", "-v", "error", "-re", "-stream_loop", "-1", "-i", file, "-c", "copy", "-f", "flv",
				w.PublishURL(string(rune('a'+i))))
			if err := c.Start(); err != nil {
				b.Fatal(err)
			}
			running = append(running, c)
		}
		livetest.Eventually(b, 20*time.Second, "all are on", func() bool {
			for i := range streams {
				if w.Live(string(rune('a'+i))) == nil {
					return false
				}
			}
			return true
		})
		<-time.After(5 * time.Second)
		before, began := cpu(b), time.Now()
		<-time.After(span)
		used, took := cpu(b)-before, time.Since(began)
		share := used.Seconds() / took.Seconds() / streams
		b.ReportMetric(share*100, "%core/stream")
		b.ReportMetric(share*3600, "cpu-s/stream-hour")
		b.ReportMetric(float64(info.Size())*8/20/1e6, "Mbit/s")
		for _, c := range running {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	}
}
