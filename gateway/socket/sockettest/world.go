package sockettest

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/gateway/socket"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wireclient"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// Room is the room that every World has; Other is a second one.
const (
	Room  = "42"
	Other = "43"
)

// World is a gateway on a loopback socket with rooms in memory.
type World struct {
	tb       testing.TB
	Rooms    *Rooms
	Gateway  *socket.Gateway
	Registry *prometheus.Registry
	// Revocations are those of Tokens.
	Revocations *auth.Revocations
	tokens      *Tokens
	server      *httptest.Server
	// Addr is host:port, URL the address of the socket.
	Addr, URL string
}

// NewWorld starts a gateway with the configuration; secure says whether it speaks TLS.
func NewWorld(tb testing.TB, cfg socket.Config, secure bool) *World {
	tb.Helper()
	// Everybody comes from one address.
	cfg.WS.MaxPerAddress = cmp.Or(cfg.WS.MaxPerAddress, 1<<20)
	cfg.AddressRate = cmp.Or(cfg.AddressRate, 1<<30)
	w := &World{tb: tb, Rooms: NewRooms(5*time.Millisecond, Room, Other), Registry: prometheus.NewRegistry(), Revocations: &auth.Revocations{}}
	w.tokens = &Tokens{revocations: w.Revocations}
	g, err := socket.Start(cfg, socket.Deps{
		Node: "node", Rooms: w.Rooms, Poster: w.Rooms, Verifier: w.tokens, Revocations: w.Revocations,
		Log: slog.New(slog.NewTextHandler(tb.Output(), nil)), Metrics: socket.NewMetrics(w.Registry),
	})
	if err != nil {
		tb.Fatal(err)
	}
	w.Gateway = g
	w.Rooms.SendTo(g.Hub())
	mux := http.NewServeMux()
	mux.Handle("/ws", g.Handler())
	w.server = httptest.NewUnstartedServer(mux)
	w.server.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(tb.Output(), nil), slog.LevelDebug)
	scheme := "ws://"
	if secure {
		w.server.StartTLS()
		scheme = "wss://"
	} else {
		w.server.Start()
	}
	w.Addr = w.server.Listener.Addr().String()
	w.URL = scheme + w.Addr + "/ws"
	tb.Cleanup(func() {
		w.server.Close()
		g.Close()
		w.Rooms.Close()
	})
	return w
}

// Viewer is a client that behaves and remembers what it saw.
type Viewer struct {
	*wireclient.Client
	tb  testing.TB
	ctx context.Context //nolint:containedctx // the test's own

	mu struct {
		sync.Mutex
		frames  []*wirepb.ServerFrame
		changed chan struct{}
	}
}

// Dial connects a viewer; a token is presented unless it is empty.
func (w *World) Dial(e wire.Encoding, token string) *Viewer {
	w.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*Patience)
	v := &Viewer{tb: w.tb, ctx: ctx}
	v.mu.changed = make(chan struct{})
	c, err := wireclient.Dial(ctx, wireclient.Config{URL: w.URL, Encoding: e, HTTP: w.server.Client(), OnFrame: v.frame})
	if err != nil {
		cancel()
		w.tb.Fatal(err)
	}
	v.Client = c
	w.tb.Cleanup(func() {
		c.Abort()
		cancel()
	})
	if token != "" {
		if _, err := v.Auth(ctx, token); err != nil {
			w.tb.Fatal(err)
		}
	}
	return v
}

// Enter connects a viewer and joins Room.
func (w *World) Enter(e wire.Encoding, token string) *Viewer {
	w.tb.Helper()
	v := w.Dial(e, token)
	v.MustJoin(Room)
	return v
}

func (v *Viewer) frame(f *wirepb.ServerFrame) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.mu.frames = append(v.mu.frames, f)
	close(v.mu.changed)
	v.mu.changed = make(chan struct{})
}

// Context is the viewer's; calls made with it end with the test.
func (v *Viewer) Context() context.Context { return v.ctx }

// MustJoin joins a room without history.
func (v *Viewer) MustJoin(r string) *wirepb.Joined {
	v.tb.Helper()
	j, err := v.Join(v.ctx, r, wire.ToPosition(nil), false, 0)
	if err != nil {
		v.tb.Fatal(err)
	}
	return j
}

// Say posts a text to Room under a key of its own.
func (v *Viewer) Say(text string) (*wirepb.Posted, error) {
	key := fmt.Sprintf("k%d", time.Now().UnixNano())
	return v.Post(v.ctx, &wirepb.Post{Room: Room, Key: key, Text: text})
}

// MustSay posts a text to Room.
func (v *Viewer) MustSay(text string) *wirepb.Posted {
	v.tb.Helper()
	p, err := v.Say(text)
	if err != nil {
		code, reason := v.Closed()
		v.tb.Fatalf("%v; closed %d %s", err, code, reason)
	}
	return p
}

// PositionOf is the place of a danmaku that a client was told.
func PositionOf(d *wirepb.Danmaku) position.Position {
	return position.Position{Epoch: position.Epoch(d.GetEpoch()), Offset: position.Offset(d.GetOffset())}
}

// Seen is the danmaku of Room that came in batches and answers, checked to be in order, and to lie in what
// the frames cover, which is without holes.
func (v *Viewer) Seen() []string {
	v.tb.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	var texts []string
	last := uint64(0)
	for _, f := range v.mu.frames {
		b, j := f.GetBatch(), f.GetJoined()
		rows, from, to, skipped := b.GetDanmaku(), b.GetFrom().GetOffset(), b.GetTo().GetOffset(), uint64(b.GetSkipped())
		switch {
		case j.GetRoom() == Room:
			rows, to = j.GetDanmaku(), j.GetPosition().GetOffset()
			from = to - uint64(len(rows))
		case b.GetRoom() != Room:
			continue
		case from != last || uint64(len(rows))+skipped != to-from:
			v.tb.Fatalf("a batch of %d danmaku covers %d to %d without %d, and the one before went to %d", len(rows), from, to, skipped, last)
		}
		for _, d := range rows {
			if n := d.GetOffset(); n <= from || n > to || skipped == 0 && n != from+1 {
				v.tb.Fatalf("offset %d follows %d in what goes to %d", n, from, to)
			}
			from = d.GetOffset()
			texts = append(texts, d.GetText())
		}
		last = to
	}
	return texts
}

// Await waits until a frame has come that want accepts.
func (v *Viewer) Await(want func(*wirepb.ServerFrame) bool) *wirepb.ServerFrame {
	v.tb.Helper()
	deadline := time.After(Patience)
	for from := 0; ; {
		v.mu.Lock()
		frames, changed := v.mu.frames, v.mu.changed
		v.mu.Unlock()
		for ; from < len(frames); from++ {
			if want(frames[from]) {
				return frames[from]
			}
		}
		select {
		case <-changed:
		case <-deadline:
			v.tb.Fatalf("the frame did not come; the last of %d is %v", len(frames), frames[max(0, len(frames)-1):])
		}
	}
}

// AwaitPosition waits until the viewer has been told of everything in Room up to an offset.
func (v *Viewer) AwaitPosition(offset uint64) {
	v.tb.Helper()
	v.Await(func(f *wirepb.ServerFrame) bool {
		at := max(f.GetBatch().GetTo().GetOffset(), f.GetGap().GetTo().GetOffset(), f.GetJoined().GetPosition().GetOffset())
		return at >= offset
	})
}

// AwaitText waits until a batch with the text has come.
func (v *Viewer) AwaitText(text string) {
	v.tb.Helper()
	v.Await(func(f *wirepb.ServerFrame) bool {
		for _, d := range slices.Concat(f.GetBatch().GetDanmaku(), f.GetJoined().GetDanmaku()) {
			if d.GetText() == text {
				return true
			}
		}
		return false
	})
}

// AwaitEnd waits until the connection has ended and gives the close code.
func (v *Viewer) AwaitEnd() int {
	v.tb.Helper()
	select {
	case <-v.Done():
	case <-time.After(Patience):
		v.tb.Fatal("the connection does not end")
	}
	code, _ := v.Closed()
	return code
}

// Refused fails the test unless err is a fault of the code.
func Refused(tb testing.TB, err error, code string) {
	tb.Helper()
	if err == nil || fault.CodeOf(err) != code {
		tb.Fatalf("got %v, want a refusal with code %s", err, code)
	}
}

// Eventually waits until the condition holds.
func Eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	beat := time.NewTicker(5 * time.Millisecond)
	defer beat.Stop()
	deadline := time.After(Patience)
	for !holds() {
		select {
		case <-beat.C:
		case <-deadline:
			tb.Fatalf("it does not come true: %s", what)
		}
	}
}

// Metric is the value of a counter or gauge with the label value; an empty one sums all.
func (w *World) Metric(tb testing.TB, name, label string) float64 {
	tb.Helper()
	families, err := w.Registry.Gather()
	if err != nil {
		tb.Fatal(err)
	}
	sum := 0.0
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			matches := label == ""
			for _, pair := range m.GetLabel() {
				matches = matches || pair.GetValue() == label
			}
			if matches {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// Refusals is how many deliveries sockets did not take so far.
func (w *World) Refusals(tb testing.TB) float64 {
	tb.Helper()
	return w.Metric(tb, "barrage_hub_deliveries_refused_total", "")
}

// TLS speaks TLS over a connection to the world.
func (w *World) TLS(tb testing.TB, conn net.Conn) net.Conn {
	tb.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(w.server.Certificate())
	return tls.Client(conn, &tls.Config{RootCAs: pool, ServerName: "example.com", MinVersion: tls.VersionTLS13})
}
