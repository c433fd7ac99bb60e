package socket_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/barrage-live/barrage/gateway/socket"
	"github.com/barrage-live/barrage/gateway/socket/sockettest"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/rfc6455"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// from connects from an address of this machine, which has all of 127.0.0.0/8.
func from(t *testing.T, w *sockettest.World, addr string) *sockettest.Raw {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(addr)}}
	conn, err := d.DialContext(t.Context(), "tcp", w.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return sockettest.UpgradeRaw(t, conn, wire.JSON, nil)
}

// reply sends a request and gives its reply.
func reply(r *sockettest.Raw, n int, format string, args ...any) *wirepb.ServerFrame {
	r.Frame(rfc6455.Text, true, fmt.Appendf(nil, `{"id":"%d",%s}`, n, fmt.Sprintf(format, args...)))
	return r.Hear(func(f *wirepb.ServerFrame) bool { return f.GetId() == uint64(n) })
}

// until counts the requests that are answered before one is refused for its cost.
func until(t *testing.T, r *sockettest.Raw, request string) (answered int) {
	t.Helper()
	for n := 1; ; n++ {
		if e := reply(r, n, "%s", request).GetError(); e.GetCode() == "too_many_requests" {
			if e.GetKind() != "exhausted" || e.GetRetryAfterMs() == 0 {
				t.Errorf("refused with %v", e)
			}
			return answered
		}
		if answered++; answered > 1000 {
			t.Fatal("it is never refused")
		}
	}
}

const (
	dear = `"history":{"room":"42","limit":200}` // 15 units
	ping = `"ping":{}`
)

func TestDearRequestsAreFewer(t *testing.T) {
	w := plain(t)
	if n := until(t, from(t, w, "127.0.0.1"), dear); n < 10 || n > 15 {
		t.Errorf("%d pages are answered at once, want a burst of 150 units", n)
	}
	if n := until(t, from(t, w, "127.0.0.1"), `"join":{"room":"44"}`); n < 12 || n > 18 {
		t.Errorf("%d joins of a room that does not exist are answered, want 12 units each", n)
	}
	if n := until(t, from(t, w, "127.0.0.1"), `"leave":{"room":"42"}`); n < 55 { // by the rate of frames
		t.Errorf("only %d cheap ones are answered", n)
	}
}

// TestLongFramesCostWhatReadingThemCosts: what a frame holds besides a ping is not for nothing, on one
// connection or on many of one address, and a refusal names the request that was not read.
func TestLongFramesCostWhatReadingThemCosts(t *testing.T) {
	long := `"ping":{},"x":"` + strings.Repeat("x", 8000) + `"`
	w := sockettest.NewWorld(t, socket.Config{AddressRate: 10}, false) // a burst of 100
	if n := until(t, from(t, w, "127.0.1.1"), long); n < 2 || n > 4 {
		t.Errorf("%d long pings are answered, want a burst of 100 units at 31 each", n)
	}
	beside := from(t, w, "127.0.1.1")
	if n := until(t, beside, long); n > 1 {
		t.Errorf("%d more on another connection", n)
	}
	if f := reply(beside, 2000, ping); f.GetPong() == nil {
		t.Errorf("a short ping beside it: %v", f)
	}
	if n := until(t, from(t, w, "127.0.2.1"), long); n < 2 {
		t.Errorf("another address gets %d", n)
	}
}

// TestPingsWithoutEndCountForTheAddress, while a client that shows now and then that it lives is heard.
func TestPingsWithoutEndCountForTheAddress(t *testing.T) {
	w := sockettest.NewWorld(t, socket.Config{AddressRate: 1}, false) // a burst of 10
	refused := 0
	for range 3 {
		r := from(t, w, "127.0.1.1")
		for n := range 50 {
			if e := reply(r, n+1, ping).GetError(); e.GetCode() == "too_many_requests" {
				refused++
			}
		}
	}
	if refused < 50 || refused > 90 { // of 150, 60 count for nobody else, and 10 for the address
		t.Errorf("%d of 150 pings are refused", refused)
	}
	if f := reply(from(t, w, "127.0.1.1"), 1, ping); f.GetPong() == nil {
		t.Errorf("the first ping of a connection: %v", f)
	}
}

// TestAnAddressIsCountedOverItsConnections has one address ask for much on several connections: those
// beside it at the same address are refused what is dear and keep their pings, those at another one notice
// nothing.
func TestAnAddressIsCountedOverItsConnections(t *testing.T) {
	w := sockettest.NewWorld(t, socket.Config{AddressRate: 10}, false) // a burst of 100
	answered := 0
	for range 4 {
		answered += until(t, from(t, w, "127.0.1.1"), dear)
	}
	if answered > 10 {
		t.Errorf("%d pages were answered", answered)
	}
	beside := from(t, w, "127.0.1.1")
	if e := reply(beside, 1, dear).GetError(); e.GetCode() != "too_many_requests" {
		t.Errorf("beside it: %v", e)
	}
	if f := reply(beside, 2, ping); f.GetPong() == nil {
		t.Errorf("a ping beside it: %v", f)
	}
	if n := until(t, from(t, w, "127.0.2.1"), dear); n < 6 {
		t.Errorf("another address gets %d pages", n)
	}
	network := 0
	for host := 2; host < 60; host++ {
		r := from(t, w, fmt.Sprint("127.0.1.", host))
		if reply(r, 1, dear).GetHistoryPage() != nil {
			network++
		}
	}
	if network > 35 {
		t.Errorf("its network gets %d pages, want 400 units in all", network)
	}
}

func TestAUserIsCountedOverItsConnections(t *testing.T) {
	w := sockettest.NewWorld(t, socket.Config{UserRate: 10}, false)
	logins := 0
	enter := func(user string) *sockettest.Raw {
		r := from(t, w, "127.0.0.1")
		logins++
		if f := reply(r, 1, `"auth":{"token":"%s-s%d-1h"}`, user, logins); f.GetWelcome() == nil {
			t.Fatalf("answered %v", f)
		}
		return r
	}
	answered := 0
	for range 3 {
		answered += until(t, enter("7"), dear)
	}
	if answered > 10 {
		t.Errorf("%d pages were answered", answered)
	}
	if n := until(t, enter("8"), dear); n < 6 {
		t.Errorf("another user gets %d pages", n)
	}
}

func TestARoomThatDoesNotExistIsAskedForOnce(t *testing.T) {
	w := plain(t)
	for i := range 5 {
		v := w.Dial(wire.JSON, fmt.Sprintf("7-s%d-1h", i))
		_, err := v.Join(v.Context(), "44", position.Position{}, false, 0)
		sockettest.Refused(t, err, "no_room")
		_, err = v.Post(v.Context(), &wirepb.Post{Room: "44", Key: "k", Text: "anybody?"})
		sockettest.Refused(t, err, "no_room")
		_, err = v.History(v.Context(), "44", position.Position{}, 1)
		sockettest.Refused(t, err, "no_room")
	}
	if n := w.Rooms.Asked("attach") + w.Rooms.Asked("post") + w.Rooms.Asked("history"); n != 1 {
		t.Errorf("it was asked for %d times", n)
	}
	w.Enter(wire.JSON, "") // others are not affected
}

// TestGreedIsClosed goes on asking for what is refused.
func TestGreedIsClosed(t *testing.T) {
	w := plain(t)
	n := beside(t, w)
	r := from(t, w, "127.0.0.1")
	go func() {
		for i := range 3000 {
			r.Frame(rfc6455.Text, true, fmt.Appendf(nil, `{"id":"%d",%s}`, i+1, dear))
		}
	}()
	if code, errs := r.Ended(); code != 4429 || len(errs) == 0 || errs[0].GetCode() != "too_many_requests" {
		t.Errorf("closed %d after %v", code, errs)
	}
	n.undisturbed()
}

func TestThreeRefusedTokensClose(t *testing.T) {
	w := plain(t)
	r := from(t, w, "127.0.0.1")
	for n := 1; n < 3; n++ {
		if e := reply(r, n, `"auth":{"token":"forged"}`).GetError(); e.GetCode() != "token_invalid" {
			t.Errorf("answered %v", e)
		}
	}
	r.Frame(rfc6455.Text, true, []byte(`{"id":"3","auth":{"token":"forged"}}`))
	if code, errs := r.Ended(); code != 4401 || len(errs) != 2 || errs[0].GetCode() != "token_invalid" || errs[1].GetCode() != "too_many_tokens" {
		t.Errorf("closed %d after %v", code, errs)
	}
}
