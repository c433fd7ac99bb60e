package rtmp_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	"github.com/bluenviron/gortmplib/pkg/handshake"
	"github.com/bluenviron/gortmplib/pkg/message"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/ingest"
	"github.com/barrage-live/barrage/live/ingest/rtmp"
	"github.com/barrage-live/barrage/live/livetest"
)

// pipes is a listener whose connections come from wherever a test says.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
}

func (l pipes) Accept() (net.Conn, error) {
	select {
	case nc := <-l.accepted:
		return nc, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l pipes) Close() error   { close(l.closed); return nil }
func (l pipes) Addr() net.Addr { return &net.TCPAddr{} }

// dial opens a connection from an address.
func (l pipes) dial(from string) net.Conn {
	near, far := net.Pipe()
	l.accepted <- piped{far, &net.TCPAddr{IP: net.ParseIP(from), Port: 1}}
	return near
}

type piped struct {
	net.Conn
	remote net.Addr
}

func (c piped) RemoteAddr() net.Addr { return c.remote }

// anyKey is a Gate that lets everybody publish and begins nothing.
type anyKey struct{}

func (anyKey) Verify(context.Context, ingest.Publication) error { return nil }

func (anyKey) Begin(context.Context, ingest.Publication) (*live.Stream, error) {
	return nil, fault.New(fault.Unavailable, "draining", "nothing begins here")
}

func (anyKey) End(context.Context, *live.Stream, error) error { return nil }

// flooded is a Server under attack, in a synctest bubble.
type flooded struct {
	pipes
	*livetest.World
	come int
}

func flood(t *testing.T) *flooded {
	w := &livetest.World{Metrics: prometheus.NewRegistry()}
	f := &flooded{pipes{make(chan net.Conn), make(chan struct{})}, w, 0}
	w.RTMP = rtmp.Start(rtmp.Config{
		Gate: anyKey{}, Log: slog.New(slog.DiscardHandler), Metrics: rtmp.NewMetrics(w.Metrics),
	}, f.pipes)
	t.Cleanup(func() {
		if err := w.RTMP.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// strangers opens connections that say nothing, each from the next of so many /24s.
func (f *flooded) strangers(n, networks int) {
	for range n {
		network := f.come % networks
		f.dial(fmt.Sprintf("10.%d.%d.%d", network>>8, network&0xff, 1+f.come/networks%250))
		f.come++
	}
}

// encoder comes, shows its key after a time, and gives the code of what it is answered with.
func (f *flooded) encoder(after time.Duration) string {
	nc := f.dial("192.0.2.1")
	defer func() { _ = nc.Close() }()
	bc := bytecounter.NewReadWriter(nc)
	if _, _, err := handshake.DoClient(bc, false, false); err != nil {
		return err.Error()
	}
	rw := message.NewReadWriter(bc, bc, true)
	answered := make(chan string, 1)
	go func() {
		for {
			m, err := rw.Read()
			if err != nil {
				answered <- err.Error()
				return
			}
			if cmd, ok := m.(*message.CommandAMF0); ok && cmd.Name == "onStatus" {
				info, _ := cmd.Arguments[1].(amf0.Object)
				code, _ := info.GetString("code")
				answered <- code
				return
			}
		}
	}()
	time.Sleep(after)
	for _, m := range []*message.CommandAMF0{
		{ChunkStreamID: 3, Name: "connect", CommandID: 1, Arguments: []any{amf0.Object{{Key: "app", Value: "live"}, {Key: "tcUrl", Value: "rtmp://x/live"}}}},
		{ChunkStreamID: 4, MessageStreamID: 0x1000000, Name: "publish", CommandID: 3, Arguments: []any{nil, "key", "live"}},
	} {
		if rw.Write(m) != nil {
			break // what was answered says why
		}
	}
	return <-answered
}

const welcome = "NetStream.Publish.Start"

// TestStrangersOfManyNetworksKeepNoEncoderOut: a thousand and two hundred that say nothing come at a time,
// each from a network of its own.
func TestStrangersOfManyNetworksKeepNoEncoderOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := flood(t)
		const waves, wave = 5, 1200
		for i := range waves {
			f.strangers(wave, waves*wave)
			if got := f.encoder(0); got != welcome {
				t.Errorf("after wave %d the encoder sees %s", i, got)
			}
		}
		synctest.Wait()
		if n := closedBy(t, f.World, "gave_way"); n < waves*wave-1000 {
			t.Errorf("%v gave way", n)
		}
		if n := closedBy(t, f.World, "connections_full") + closedBy(t, f.World, "too_many_connections"); n > 0 {
			t.Errorf("%v were refused", n)
		}
	})
}

// TestASlowEncoderGetsInThroughAFlood that has been going on for a while; the last of them is what the
// package says is too much.
func TestASlowEncoderGetsInThroughAFlood(t *testing.T) {
	for _, c := range []struct {
		rate, networks int
		want           string
	}{
		{300, 1200, welcome},
		{2000, 23, welcome},
		{2000, 240, welcome},
		{400, 1200, io.EOF.Error()},
	} {
		t.Run(fmt.Sprintf("%d a second of %d networks", c.rate, c.networks), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := flood(t)
				ctx, stop := context.WithCancel(t.Context())
				stopped := make(chan struct{})
				go func() {
					defer close(stopped)
					beat := time.NewTicker(time.Second / time.Duration(c.rate))
					defer beat.Stop()
					for ctx.Err() == nil {
						<-beat.C
						f.strangers(1, c.networks)
					}
				}()
				time.Sleep(8 * time.Second)
				if got := f.encoder(3 * time.Second); got != c.want {
					t.Errorf("the encoder sees %s", got)
				}
				stop()
				<-stopped
			})
		})
	}
}
