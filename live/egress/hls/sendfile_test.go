package hls_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/live/egress/hls"
	"github.com/barrage-live/barrage/live/recording"
	"github.com/barrage-live/barrage/live/recording/recordingtest"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/blob/fileblob"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// offline is a channel on which nothing is.
type offline struct{}

func (offline) Locate(context.Context, string) (hls.Source, error) { return nil, recording.ErrNone }

func (offline) Resolve(context.Context, string) (id.Channel, error) { return "77", nil }

// watched is a listener whose connections count the bytes that they are given as a file.
type watched struct {
	net.Listener
	files *atomic.Int64
}

func (l watched) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return watchedConn{c, l.files}, err
}

type watchedConn struct {
	net.Conn
	files *atomic.Int64
}

// ReadFrom implements io.ReaderFrom.
func (c watchedConn) ReadFrom(r io.Reader) (int64, error) {
	part, limited := r.(*io.LimitedReader)
	n, err := io.Copy(c.Conn, r)
	if limited {
		if _, file := part.R.(syscall.Conn); file {
			c.files.Add(n)
		}
	}
	return n, err
}

// TestTheKernelSendsRecordings: the connection is handed the file, which TCP sends without copying it, for
// whole segments and for ranges.
func TestTheKernelSendsRecordings(t *testing.T) {
	d, err := fileblob.Open(fileblob.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	store := recording.New(pebbletest.Open(t), blob.New(d), log)
	w := recordingtest.Writer(store, "77", broadcast, time.Now())
	body := bytes.Repeat([]byte("0123456789abcdef"), 40_000)
	if err := w.Keep(t.Context(), recording.Piece{
		Segment: index.Segment{Duration: 2 * time.Second}, Body: body, InitBody: []byte("init"), Target: 4 * time.Second,
	}); err != nil {
		t.Fatal(err)
	}
	if err := w.End(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	var files atomic.Int64
	s := httptest.NewUnstartedServer(hls.New(hls.Config{
		Locator: offline{}, Recordings: store, Log: log, Metrics: hls.NewMetrics(prometheus.NewRegistry()),
	}))
	s.Listener = watched{s.Listener, &files}
	s.Start()
	defer s.Close()
	wanted := 0
	for spec, want := range map[string][]byte{"": body, "bytes=100000-": body[100_000:], "bytes=5-99999": body[5:100_000]} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+base+"0.m4s", nil)
		if err != nil {
			t.Fatal(err)
		}
		if spec != "" {
			r.Header.Set("Range", spec)
		}
		res, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q: %s, %d bytes, %v; want %d", spec, res.Status, len(got), err, len(want))
		}
		wanted += len(want) - 1024 // some may go with the header
	}
	s.Close() // a client may have its answer before the handler knows that it was sent
	if n := files.Load(); n < int64(wanted) {
		t.Errorf("%d of %d bytes went as a file", n, wanted)
	}
}

// writes is a listener whose connections count the calls that write to them.
type writes struct {
	net.Listener
	count *atomic.Int64
}

func (l writes) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return writesConn{c, l.count}, err
}

type writesConn struct {
	net.Conn
	count *atomic.Int64
}

// Write implements net.Conn.
func (c writesConn) Write(b []byte) (int, error) {
	c.count.Add(1)
	return c.Conn.Write(b)
}

// TestWhatIsInMemoryIsSentAtOnce: the header and all of the part or the range are two writes, of bytes that
// lie where the packager has them.
func TestWhatIsInMemoryIsSentAtOnce(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789abcdef"), 40_000)
	var count atomic.Int64
	s := httptest.NewUnstartedServer(newHandler(&fixed{segment: body}))
	s.Listener = writes{s.Listener, &count}
	s.Start()
	defer s.Close()
	for spec, want := range map[string][]byte{"": body, "bytes=100000-": body[100_000:], "bytes=5-99999": body[5:100_000]} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+segmentPath, nil)
		if err != nil {
			t.Fatal(err)
		}
		if spec != "" {
			r.Header.Set("Range", spec)
		}
		count.Store(0)
		res, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if n := count.Load(); err != nil || !bytes.Equal(got, want) || n > 2 {
			t.Errorf("%q: %s, %d bytes in %d writes, %v; want %d", spec, res.Status, len(got), n, err, len(want))
		}
	}
}
