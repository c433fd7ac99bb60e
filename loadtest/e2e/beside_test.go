package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bluenviron/gohlslib/v2"
	hlscodecs "github.com/bluenviron/gohlslib/v2/pkg/codecs"
	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/codecs"
)

// besideVariable has this program, the tests, be the server of gohlslib that figures are measured beside, in
// a process of its own: a publication over RTMP in, low-latency HLS out, with parts of half a second.
const besideVariable = "TEST_SERVES_GOHLSLIB"

// beside is such a process.
type beside struct {
	cmd        *exec.Cmd
	HTTP, RTMP string
}

func startBeside(t *testing.T) *beside {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b := &beside{cmd: exec.CommandContext(ctx, self)}
	b.cmd.Env = append(environment(), besideVariable+"=1")
	b.cmd.Stderr = os.Stderr
	out, err := b.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = b.cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(line, b); err != nil {
		t.Fatal(err)
	}
	return b
}

// serveBeside is what that process does until it is killed.
func serveBeside() int {
	var muxer atomic.Pointer[gohlslib.Muxer]
	web, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err == nil {
		go func() {
			_ = http.Serve(web, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { //nolint:gosec // on the loopback
				if m := muxer.Load(); m != nil {
					m.Handle(w, r)
					return
				}
				http.NotFound(w, r)
			}))
		}()
		err = receive(&muxer, web.Addr().String())
	}
	fmt.Fprintln(os.Stderr, "gohlslib:", err)
	return 1
}

// receive takes one publication and gives it to a muxer.
func receive(to *atomic.Pointer[gohlslib.Muxer], web string) error {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(map[string]string{"HTTP": web, "RTMP": l.Addr().String()}); err != nil {
		return err
	}
	nc, err := l.Accept()
	if err != nil {
		return err
	}
	conn := &gortmplib.ServerConn{RW: nc}
	if err := conn.Initialize(); err != nil {
		return err
	}
	if err := conn.AcceptConn(); err != nil {
		return err
	}
	reader := &gortmplib.Reader{Conn: conn}
	if err := reader.Initialize(); err != nil {
		return err
	}
	m := &gohlslib.Muxer{Variant: gohlslib.MuxerVariantLowLatency, SegmentCount: 7, SegmentMinDuration: time.Second, PartMinDuration: 500 * time.Millisecond}
	for _, t := range reader.Tracks() {
		route(m, reader, t)
	}
	if err := m.Start(); err != nil {
		return err
	}
	to.Store(m)
	for {
		if err := reader.Read(); err != nil {
			return err
		}
	}
}

// route adds a track of the publication to the muxer.
func route(m *gohlslib.Muxer, reader *gortmplib.Reader, t *gortmplib.Track) {
	switch c := t.Codec.(type) {
	case *codecs.H264:
		out := &gohlslib.Track{Codec: &hlscodecs.H264{SPS: c.SPS, PPS: c.PPS}, ClockRate: 90000}
		m.Tracks = append(m.Tracks, out)
		reader.OnDataH264(t, func(pts, _ time.Duration, au [][]byte) {
			if len(au[0]) > 0 && au[0][0]&0x1f != 7 && slices.ContainsFunc(au, func(n []byte) bool { return len(n) > 0 && n[0]&0x1f == 5 }) {
				au = append([][]byte{c.SPS, c.PPS}, au...) // it wants them in each key picture
			}
			complain(m.WriteH264(out, time.Now(), int64(pts*9/(100*time.Microsecond)), au))
		})
	case *codecs.MPEG4Audio:
		out := &gohlslib.Track{Codec: &hlscodecs.MPEG4Audio{Config: *c.Config}, ClockRate: 48000}
		m.Tracks = append(m.Tracks, out)
		reader.OnDataMPEG4Audio(t, func(pts time.Duration, au []byte) {
			complain(m.WriteMPEG4Audio(out, time.Now(), int64(pts/time.Microsecond)*48/1000, [][]byte{au}))
		})
	}
}

func complain(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "gohlslib:", err)
	}
}
