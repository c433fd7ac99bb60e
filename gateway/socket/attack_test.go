package socket_test

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/barrage-live/barrage/gateway/socket"
	"github.com/barrage-live/barrage/gateway/socket/hub"
	"github.com/barrage-live/barrage/gateway/socket/sockettest"
	"github.com/barrage-live/barrage/gateway/socket/ws"
	"github.com/barrage-live/barrage/internal/rfc6455"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// neighbours are two viewers that must notice nothing of what happens beside them.
type neighbours struct {
	t        *testing.T
	ann, bob *sockettest.Viewer
	said     int
}

func beside(t *testing.T, w *sockettest.World) *neighbours {
	t.Helper()
	n := &neighbours{t: t, ann: w.Enter(wire.JSON, "ann-s1-1h"), bob: w.Enter(wire.Proto, "bob-s2-1h")}
	n.undisturbed()
	return n
}

// undisturbed has both see a danmaku of one of them.
func (n *neighbours) undisturbed() {
	n.t.Helper()
	n.said++
	text := fmt.Sprint("quiet ", n.said)
	n.ann.MustSay(text)
	n.ann.AwaitText(text)
	n.bob.AwaitText(text)
	if got := n.bob.Seen(); got[len(got)-1] != text {
		n.t.Errorf("the last of %q is not %q", got, text)
	}
}

// TestBadFramesCloseTheirConnectionOnly sends one kind of garbage after the other beside two healthy viewers.
func TestBadFramesCloseTheirConnectionOnly(t *testing.T) {
	w := plain(t)
	n := beside(t, w)
	for _, c := range []struct {
		name string
		send func(r *sockettest.Raw)
		code int
	}{
		{"unmasked", func(r *sockettest.Raw) { r.Send(rfc6455.AppendFrame(nil, rfc6455.Text, []byte(`{"ping":{}}`))) }, 1002},
		{"reserved opcode", func(r *sockettest.Raw) { r.Frame(0x3, true, nil) }, 1002},
		{"reserved bit", func(r *sockettest.Raw) { r.Send([]byte{0xC1, 0x80, 0, 0, 0, 0}) }, 1002},
		{"length with the top bit", func(r *sockettest.Raw) { r.Send([]byte{0x81, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xF8}) }, 1002},
		{"length not minimal", func(r *sockettest.Raw) { r.Send([]byte{0x81, 0xFE, 0, 5}) }, 1002},
		{"a gibibyte announced", func(r *sockettest.Raw) { r.Send([]byte{0x81, 0xFF, 0, 0, 0, 0, 0x40, 0, 0, 0}) }, 1009},
		{"one byte above the limit", func(r *sockettest.Raw) {
			r.Frame(rfc6455.Text, true, bytes.Repeat([]byte(" "), wire.MaxClientFrame+1))
		}, 1009},
		{"a danmaku of a megabyte", func(r *sockettest.Raw) {
			r.Say(&wirepb.ClientFrame{Id: 1, Body: &wirepb.ClientFrame_Post{Post: &wirepb.Post{Room: "42", Key: "k", Text: strings.Repeat("弹", 1<<20/3)}}})
		}, 1009},
		{"a megabyte in fragments", func(r *sockettest.Raw) {
			r.Frame(rfc6455.Text, false, bytes.Repeat([]byte(" "), 8000))
			r.Frame(rfc6455.Continuation, false, bytes.Repeat([]byte(" "), 8000))
		}, 1009},
		{"two hundred thousand empty fragments", func(r *sockettest.Raw) {
			r.Frame(rfc6455.Text, false, nil)
			r.Send(bytes.Repeat(rfc6455.AppendMasked(nil, rfc6455.Continuation, false, [4]byte{}, nil), 200_000))
		}, 1008},
		{"text that is not UTF-8", func(r *sockettest.Raw) { r.Frame(rfc6455.Text, true, []byte("{\"x\":\"\xff\"}")) }, 1007},
		{"binary on the JSON protocol", func(r *sockettest.Raw) { r.Frame(rfc6455.Binary, true, []byte(`{"ping":{}}`)) }, 1003},
		{"a ping of 126 bytes", func(r *sockettest.Raw) { r.Frame(rfc6455.Ping, true, make([]byte, 126)) }, 1002},
		{"ten thousand pings", func(r *sockettest.Raw) {
			r.Send(bytes.Repeat(rfc6455.AppendMasked(nil, rfc6455.Ping, true, [4]byte{}, nil), 10_000))
		}, 1008},
		{"a close code that does not exist", func(r *sockettest.Raw) { r.Frame(rfc6455.Close, true, []byte{0x03, 0xEC}) }, 1002},
		{"a proper goodbye", func(r *sockettest.Raw) { r.Frame(rfc6455.Close, true, []byte{0x03, 0xE8}) }, 1000},
		{"a goodbye without a code", func(r *sockettest.Raw) { r.Frame(rfc6455.Close, true, nil) }, 1000},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := sockettest.DialRaw(t, w.Addr, wire.JSON, nil)
			go c.send(r) // the server may stop reading before all is sent
			begin := time.Now()
			if code, _ := r.Ended(); code != c.code {
				t.Errorf("closed %d, want %d", code, c.code)
			}
			if d := time.Since(begin); d > 15*time.Second {
				t.Errorf("took %v", d)
			}
			n.undisturbed()
		})
	}
	sockettest.Eventually(t, "only the neighbours are left", func() bool { return w.Gateway.Connections() == 2 })
}

// TestBadMessagesAreAnswered sends frames that are wrong in what they say: a typed error, and the
// connection goes on.
func TestBadMessagesAreAnswered(t *testing.T) {
	w := plain(t)
	n := beside(t, w)
	r := sockettest.DialRaw(t, w.Addr, wire.JSON, nil)
	for _, c := range []struct {
		name, send, kind, code string
		id                     uint64
	}{
		{"not JSON", "hello", "invalid", "bad_frame", 0},
		{"an unknown message", `{"id":"7","dance":{"hard":true}}`, "invalid", "unknown_message", 7},
		{"nothing said", `{"id":"8"}`, "invalid", "unknown_message", 8},
		{"two bodies", `{"id":"9","ping":{},"leave":{"room":"42"}}`, "invalid", "bad_frame", 9},
		{"half of an emoji", `{"id":"90","post":{"room":"42","key":"k","text":"\ud83d"}}`, "invalid", "bad_frame", 90},
		{"half of an emoji and a number as id", `{"post":{"room":"42","key":"k","text":"\ud83d"},"id":91}`, "invalid", "bad_frame", 91},
		{"a room that is no id", `{"id":"10","join":{"room":"../42"}}`, "invalid", "bad_id", 10},
		{"a room that is not there", `{"id":"11","join":{"room":"44"}}`, "not_found", "no_room", 11},
		{"too much history", `{"id":"12","join":{"room":"42","history":201}}`, "invalid", "bad_history", 12},
		{"a post without login", `{"id":"13","post":{"room":"42","key":"k","text":"x"}}`, "unauthenticated", "login_required", 13},
		{"a none-alg token", `{"id":"14","auth":{"token":"eyJhbGciOiJub25lIn0.e30."}}`, "unauthenticated", "token_invalid", 14},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.Frame(rfc6455.Text, true, []byte(c.send))
			e := r.Hear(func(f *wirepb.ServerFrame) bool { return f.GetError() != nil })
			if e.GetId() != c.id || e.GetError().GetKind() != c.kind || e.GetError().GetCode() != c.code {
				t.Errorf("answered %v", e)
			}
		})
	}
	r.Say(&wirepb.ClientFrame{Id: 99, Body: &wirepb.ClientFrame_Ping{Ping: &wirepb.Ping{}}})
	r.Hear(func(f *wirepb.ServerFrame) bool { return f.GetId() == 99 && f.GetPong() != nil })
	n.undisturbed()
}

func TestBytesBehindTheHandshakeAreRead(t *testing.T) {
	w := plain(t)
	early := rfc6455.AppendMasked(nil, rfc6455.Text, true, [4]byte{9, 9, 9, 9}, []byte(`{"id":"5","ping":{}}`))
	for cut := 0; cut <= len(early); cut += 7 {
		r := sockettest.DialRaw(t, w.Addr, wire.JSON, early[:cut])
		r.Send(early[cut:])
		r.Hear(func(f *wirepb.ServerFrame) bool { return f.GetId() == 5 && f.GetPong() != nil })
	}
}

func TestDribbledFrameIsUnderstood(t *testing.T) {
	w := plain(t)
	r := sockettest.DialRaw(t, w.Addr, wire.Proto, nil)
	b, err := wire.EncodeClient(wire.Proto, &wirepb.ClientFrame{Id: 5, Body: &wirepb.ClientFrame_Ping{Ping: &wirepb.Ping{}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range rfc6455.AppendMasked(nil, rfc6455.Binary, true, [4]byte{1, 2, 3, 4}, b) {
		r.Send([]byte{c})
	}
	r.Hear(func(f *wirepb.ServerFrame) bool { return f.GetId() == 5 && f.GetPong() != nil })
}

func TestPingIsAnsweredInOrder(t *testing.T) {
	w := plain(t)
	r := sockettest.DialRaw(t, w.Addr, wire.JSON, nil)
	for i := range 3 {
		want := []byte(fmt.Sprint("ping ", i))
		r.Frame(rfc6455.Ping, true, want)
		for {
			op, payload, err := r.Read()
			if err != nil {
				t.Fatal(err)
			}
			if op == rfc6455.Pong {
				if !bytes.Equal(payload, want) {
					t.Errorf("pong %q, want %q", payload, want)
				}
				break
			}
		}
	}
}

func short() socket.Config {
	return socket.Config{WS: ws.Config{
		FirstFrame: 2 * time.Second, Idle: 3 * time.Second, PingAfter: 500 * time.Millisecond,
		Unfinished: 300 * time.Millisecond, CloseGrace: 300 * time.Millisecond,
	}}
}

// TestSilenceIsClosed holds each kind of silence to its deadline, while clients that answer pings stay.
func TestSilenceIsClosed(t *testing.T) {
	w := sockettest.NewWorld(t, short(), false)
	n := beside(t, w)
	ping := rfc6455.AppendMasked(nil, rfc6455.Text, true, [4]byte{}, []byte(`{"id":"1","ping":{}}`))
	for _, c := range []struct {
		name string
		send []byte
	}{
		{"nothing ever said", nil},
		{"a message that does not end", append(bytes.Clone(ping), rfc6455.AppendMasked(nil, rfc6455.Text, false, [4]byte{}, []byte("{"))...)},
		{"half a header", append(bytes.Clone(ping), 0x81)},
		{"pings never answered", ping},
	} {
		t.Run(c.name, func(t *testing.T) {
			begin := time.Now()
			r := sockettest.DialRaw(t, w.Addr, wire.JSON, c.send)
			if code, _ := r.Ended(); code != wire.CloseIdle {
				t.Errorf("closed %d", code)
			}
			if d := time.Since(begin); d > 10*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
	t.Run("a message kept open by pings", func(t *testing.T) {
		begun := append(bytes.Clone(ping), rfc6455.AppendMasked(nil, rfc6455.Text, false, [4]byte{}, []byte("{"))...)
		r := sockettest.DialRaw(t, w.Addr, wire.JSON, begun)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if code, _ := r.Ended(); code != wire.CloseIdle {
				t.Errorf("closed %d", code)
			}
		}()
		beat := time.NewTicker(100 * time.Millisecond)
		defer beat.Stop()
		for begin := time.Now(); ; {
			select {
			case <-ended:
				return
			case <-beat.C:
				r.Frame(rfc6455.Ping, true, nil)
				if time.Since(begin) > 10*time.Second {
					t.Fatal("the message may stay open")
				}
			}
		}
	})
	t.Run("those who answer stay", func(t *testing.T) {
		silent := sockettest.DialRaw(t, w.Addr, wire.JSON, nil)
		silent.Ended()
		quiet := time.NewTimer(4 * time.Second) // longer than Idle: only their pongs keep the neighbours alive
		<-quiet.C
		n.undisturbed()
	})
}

// TestPeerThatNeverAnswersACloseIsCutOff sends garbage and then neither reads nor closes.
func TestPeerThatNeverAnswersACloseIsCutOff(t *testing.T) {
	w := sockettest.NewWorld(t, short(), false)
	r := sockettest.DialRaw(t, w.Addr, wire.JSON, nil)
	r.Send([]byte{0xFF, 0xFF})
	sockettest.Eventually(t, "the server lets go", func() bool { return w.Gateway.Connections() == 0 })
}

// TestSlowReaderCostsLittle stops reading in a room that talks: the others get everything, hardly anything
// waits for the one that does not, and when it reads again it is told what it missed, or how much.
func TestSlowReaderCostsLittle(t *testing.T) {
	for _, tls := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls=%v", tls), func(t *testing.T) {
			cfg := socket.Config{WS: ws.Config{SendBuffer: 4 << 10}}
			w := sockettest.NewWorld(t, cfg, tls)
			n := beside(t, w)
			slow := slowReader(t, w, tls)
			slow.Say(&wirepb.ClientFrame{Id: 1, Body: &wirepb.ClientFrame_Join{Join: &wirepb.Join{Room: "42"}}})
			joined := slow.Hear(func(f *wirepb.ServerFrame) bool { return f.GetJoined() != nil })
			last := ""
			for i := 0; w.Refusals(t) == 0 || i%20 != 0; i++ {
				last = fmt.Sprint(i, strings.Repeat("慢", 500))
				w.Rooms.Append("42", last)
				n.ann.AwaitText(last)
				n.bob.AwaitText(last)
				if i > 10_000 {
					t.Fatal("the slow reader takes everything")
				}
			}
			if waits := w.Gateway.Pending(); waits > hub.LowWater+wire.MaxServerFrame {
				t.Errorf("%d bytes wait for a reader that does not read", waits)
			}
			at := joined.GetJoined().GetPosition().GetOffset()
			slow.Hear(func(f *wirepb.ServerFrame) bool {
				b, g := f.GetBatch(), f.GetGap()
				if b == nil && g == nil {
					return false
				}
				if from := max(b.GetFrom().GetOffset(), g.GetFrom().GetOffset()); from != at {
					t.Fatalf("%d follows %d", from, at)
				}
				at = max(b.GetTo().GetOffset(), g.GetTo().GetOffset())
				rows := b.GetDanmaku()
				return len(rows) > 0 && rows[len(rows)-1].GetText() == last
			})
			n.undisturbed()
		})
	}
}

// TestReaderThatAsksAndDoesNotReadIsClosed asks for more than it takes.
func TestReaderThatAsksAndDoesNotReadIsClosed(t *testing.T) {
	for _, tls := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls=%v", tls), func(t *testing.T) {
			w := sockettest.NewWorld(t, socket.Config{WS: ws.Config{MaxPending: 32 << 10, SendBuffer: 4 << 10}}, tls)
			n := beside(t, w)
			texts := make([]string, 60)
			for i := range texts {
				texts[i] = fmt.Sprint(i, strings.Repeat("慢", 300))
			}
			w.Rooms.Append("42", texts...)
			n.ann.AwaitText(texts[59])
			slow := slowReader(t, w, tls)
			for range 59 {
				slow.Say(&wirepb.ClientFrame{Id: 1, Body: &wirepb.ClientFrame_History{History: &wirepb.History{Room: "42", Limit: 200}}})
			}
			if code, _ := slow.Ended(); code != wire.CloseSlow {
				t.Errorf("closed %d", code)
			}
			n.undisturbed()
		})
	}
}

func slowReader(t *testing.T, w *sockettest.World, tls bool) *sockettest.Raw {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", w.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	if tls {
		return sockettest.UpgradeRaw(t, w.TLS(t, conn), wire.JSON, nil)
	}
	return sockettest.UpgradeRaw(t, conn, wire.JSON, nil)
}

// TestFloodOfRequestsIsRefusedThenClosed sends far more frames than allowed.
func TestFloodOfRequestsIsRefusedThenClosed(t *testing.T) {
	w := plain(t)
	n := beside(t, w)
	r := sockettest.DialRaw(t, w.Addr, wire.JSON, nil)
	go func() {
		for i := range 3000 {
			r.Frame(rfc6455.Text, true, fmt.Appendf(nil, `{"id":"%d","ping":{}}`, i+1))
		}
	}()
	code, errs := r.Ended()
	if code != 4429 {
		t.Errorf("closed %d", code)
	}
	if len(errs) == 0 || errs[0].GetKind() != "exhausted" || errs[0].GetCode() != "too_many_requests" || errs[0].GetRetryAfterMs() == 0 {
		t.Errorf("refused with %v", errs)
	}
	n.undisturbed()
}

// TestManySilentConnections opens thousands that never say anything: the neighbours go on, and all are
// closed in time.
func TestManySilentConnections(t *testing.T) {
	const many = 3000
	cfg := socket.Config{WS: ws.Config{FirstFrame: 3 * time.Second, HandshakeBurst: 2 * many}}
	w := sockettest.NewWorld(t, cfg, false)
	n := beside(t, w)
	var opening sync.WaitGroup
	conns := make(chan net.Conn, many)
	for lane := range 16 {
		opening.Go(func() {
			for i := lane; i < many; i += 16 {
				conns <- silent(t, w.Addr)
			}
		})
	}
	n.undisturbed()
	opening.Wait()
	n.undisturbed()
	sockettest.Eventually(t, "the silent ones are closed", func() bool { return w.Gateway.Connections() == 2 })
	n.undisturbed()
	if got := w.Metric(t, "barrage_ws_connections_closed_total", fmt.Sprint(wire.CloseIdle)); got != many {
		t.Errorf("%v closed as idle, want %d", got, many)
	}
	close(conns)
	for c := range conns {
		if c != nil { // the failure has been told
			_ = c.Close()
		}
	}
}

// silent upgrades and says nothing more.
func silent(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Error(err)
		return nil
	}
	if _, err := conn.Write([]byte(sockettest.Handshake("test.example", wire.JSON))); err != nil {
		t.Error(err)
	}
	return conn
}
