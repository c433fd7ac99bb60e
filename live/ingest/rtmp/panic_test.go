package rtmp_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/live/ingest/rtmp"
	"github.com/barrage-live/barrage/live/livetest"
)

// fatal is what the connections of a brittle listener do not survive.
const fatal = "these bytes make the library panic"

// brittle is a listener whose connections panic below the library, in its own calls, on certain bytes.
type brittle struct{ net.Listener }

func (l brittle) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	return brittleConn{nc}, err
}

type brittleConn struct{ net.Conn }

func (c brittleConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if bytes.Contains(p[:n], []byte(fatal)) {
		panic("index out of range")
	}
	return n, err
}

// TestAPanicEndsOneConnection lets the library panic for a stranger and for a publisher, while somebody
// else publishes.
func TestAPanicEndsOneConnection(t *testing.T) {
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &livetest.World{Gate: livetest.New(t, livetest.Config{}).Gate, Metrics: prometheus.NewRegistry()}
	w.RTMP = rtmp.Start(rtmp.Config{
		Gate: w.Gate, Log: slog.New(slog.DiscardHandler), Metrics: rtmp.NewMetrics(w.Metrics), MaxConns: 2, MaxUnverified: 2,
	}, brittle{ln})
	t.Cleanup(func() {
		if err := w.RTMP.Close(); err != nil {
			t.Error(err)
		}
	})

	healthy := publish(t, w, "healthy")
	healthy.play(mediatest.Source{Sound: true}, time.Second)
	reader(t, w, "healthy")
	stranger := dial(t, w, "127.0.0.1")
	if _, err := stranger.Write([]byte("\x03" + fatal)); err != nil {
		t.Fatal(err)
	}
	counted(t, w, "panicked", 1)
	victim := publish(t, w, "victim")
	victim.play(mediatest.Source{}, time.Second)
	reader(t, w, "victim")
	victim.raw([]byte(fatal))
	if !victim.closed() {
		t.Error("the connection stays open")
	}
	counted(t, w, "panicked", 2)
	livetest.Eventually(t, 30*time.Second, "the end is told", func() bool {
		n, err := w.Ends("victim")
		return n == 1 && fault.CodeOf(err) == "panicked"
	})
	var next *client
	livetest.Eventually(t, 30*time.Second, "the place of the dead is free", func() bool { // a moment after its end is told
		next = connect(t, w, "live", "publish", "k-victim")
		return next.status() == "NetStream.Publish.Start"
	})
	next.play(mediatest.Source{}, time.Second)
	reader(t, w, "victim")
	healthy.unharmed(w.Live("healthy") != nil)
}
