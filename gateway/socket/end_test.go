package socket_test

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/barrage-live/barrage/gateway/socket"
	"github.com/barrage-live/barrage/gateway/socket/sockettest"
	"github.com/barrage-live/barrage/gateway/socket/ws"
	"github.com/barrage-live/barrage/internal/rfc6455"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// ends are what a client sends last, and the code that it is closed with.
func ends() map[string]struct {
	last []byte
	code int
} {
	key := [4]byte{1, 2, 3, 4}
	return map[string]struct {
		last []byte
		code int
	}{
		"breach":        {rfc6455.AppendFrame(nil, rfc6455.Text, []byte(`{"ping":{}}`)), rfc6455.CloseProtocol}, // unmasked
		"wrong message": {rfc6455.AppendMasked(nil, rfc6455.Binary, true, key, []byte(`{"ping":{}}`)), rfc6455.CloseUnsupported},
		"goodbye":       {rfc6455.AppendMasked(nil, rfc6455.Close, true, key, []byte{0x03, 0xE8}), rfc6455.CloseNormal},
	}
}

// author is a connection that may post, and the bytes of a post.
func author(t *testing.T, w *sockettest.World, n int) (*sockettest.Raw, []byte) {
	t.Helper()
	r := sockettest.DialRaw(t, w.Addr, wire.JSON, nil)
	r.Say(&wirepb.ClientFrame{Id: 1, Body: &wirepb.ClientFrame_Auth{Auth: &wirepb.Auth{Token: fmt.Sprintf("u%d-s%d-1h", n, n)}}})
	r.Hear(func(f *wirepb.ServerFrame) bool { return f.GetId() == 1 })
	b, err := wire.EncodeClient(wire.JSON, &wirepb.ClientFrame{Id: 2, Body: &wirepb.ClientFrame_Post{Post: &wirepb.Post{
		Room: sockettest.Room, Key: "k", Text: fmt.Sprint("text ", n),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return r, rfc6455.AppendMasked(nil, rfc6455.Text, true, [4]byte{1, 2, 3, 4}, b)
}

// posted reads to the end of a connection, and reports whether the post was answered.
func posted(t *testing.T, r *sockettest.Raw) (told bool, code int) {
	t.Helper()
	for {
		op, payload, err := r.Read()
		if errors.Is(err, io.EOF) {
			return told, code
		}
		if err != nil {
			t.Fatal(err)
		}
		if op == rfc6455.Close {
			code = int(payload[0])<<8 | int(payload[1])
			r.Frame(rfc6455.Close, true, payload[:2])
		}
		if f, err := wire.DecodeServer(wire.JSON, payload); op == rfc6455.Text && err == nil && f.GetId() == 2 {
			told = true
		}
	}
}

// TestRequestsBeforeTheEndAreAnswered: what was sent before that which ends the connection is carried out,
// so it is answered.
func TestRequestsBeforeTheEndAreAnswered(t *testing.T) {
	for name, end := range ends() {
		t.Run(name, func(t *testing.T) {
			w := plain(t)
			watcher := w.Enter(wire.JSON, "")
			for n := range 20 {
				r, post := author(t, w, n)
				r.Send(append(post, end.last...))
				if told, code := posted(t, r); !told || code != end.code {
					t.Errorf("answered: %v, closed %d, want %d", told, code, end.code)
				}
			}
			w.Rooms.Append(sockettest.Room, "the last")
			watcher.AwaitText("the last")
			if seen := len(watcher.Seen()); seen != 21 {
				t.Errorf("%d of 20 posts were carried out", seen-1)
			}
		})
	}
}

// TestAStalledRoomHoldsUpNoEnd: an answer that does not come is waited for as long as a close may take, and
// no longer.
func TestAStalledRoomHoldsUpNoEnd(t *testing.T) {
	for name, end := range ends() {
		t.Run(name, func(t *testing.T) {
			w := sockettest.NewWorld(t, socket.Config{WS: ws.Config{CloseGrace: 300 * time.Millisecond}}, false)
			s := &stalled{}
			w.Rooms.PostTo(s)
			defer s.release()
			r, post := author(t, w, 1)
			r.Send(append(post, end.last...))
			if told, code := posted(t, r); told || code != end.code {
				t.Errorf("answered: %v, closed %d, want %d", told, code, end.code)
			}
			if s.asked.Load() != 1 {
				t.Error("the post was not carried out")
			}
		})
	}
}
