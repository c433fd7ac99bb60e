package socket_test

import (
	"bufio"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/barrage-live/barrage/gateway/socket"
	"github.com/barrage-live/barrage/gateway/socket/sockettest"
	"github.com/barrage-live/barrage/gateway/socket/ws"
	"github.com/barrage-live/barrage/internal/wire"
)

// TestUpgradeIsChecked asks in every wrong way; nothing but a status comes back.
func TestUpgradeIsChecked(t *testing.T) {
	w := sockettest.NewWorld(t, socket.Config{WS: ws.Config{Origins: []string{"https://friend.example"}}}, false)
	good := sockettest.Handshake(w.Addr, wire.JSON)
	with := func(line string) string { return strings.Replace(good, "\r\n\r\n", "\r\n"+line+"\r\n\r\n", 1) }
	without := func(name string) string {
		var kept []string
		for line := range strings.SplitSeq(good, "\r\n") {
			if !strings.HasPrefix(line, name+":") {
				kept = append(kept, line)
			}
		}
		return strings.Join(kept, "\r\n")
	}
	for _, c := range []struct {
		name, request string
		status        int
		code          string
	}{
		{"good", good, 101, ""},
		{"tokens in lists and any case", strings.Replace(strings.Replace(good, "Connection: Upgrade", "Connection: keep-alive, uPGRADE", 1), "Upgrade: websocket", "Upgrade: WebSocket", 1), 101, ""},
		{"second subprotocol of the offer", strings.Replace(good, "Protocol: ", "Protocol: chat, ", 1), 101, ""},
		{"same origin", with("Origin: http://" + w.Addr), 101, ""},
		{"allowed origin", with("Origin: https://friend.example"), 101, ""},
		{"foreign origin", with("Origin: https://evil.example"), 403, "origin_refused"},
		{"null origin", with("Origin: null"), 403, "origin_refused"},
		{"origin with our name as prefix", with("Origin: http://" + w.Addr + ".evil.example"), 403, "origin_refused"},
		{"allowed name as suffix", with("Origin: https://evilfriend.example"), 403, "origin_refused"},
		{"two origins", with("Origin: https://friend.example\r\nOrigin: https://friend.example"), 400, "bad_handshake"},
		{"POST", strings.Replace(good, "GET", "POST", 1), 405, "method_not_allowed"},
		{"no Connection", without("Connection"), 426, "upgrade_required"},
		{"no Upgrade", without("Upgrade"), 426, "upgrade_required"},
		{"no version", without("Sec-WebSocket-Version"), 426, "upgrade_required"},
		{"version 8", strings.Replace(good, "Version: 13", "Version: 8", 1), 426, "upgrade_required"},
		{"two versions", with("Sec-WebSocket-Version: 13"), 400, "bad_handshake"},
		{"no key", without("Sec-WebSocket-Key"), 400, "bad_handshake"},
		{"short key", strings.Replace(good, "dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=", 1), 400, "bad_handshake"},
		{"two keys", with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 400, "bad_handshake"},
		{"no subprotocol", without("Sec-WebSocket-Protocol"), 400, "no_subprotocol"},
		{"a foreign subprotocol", strings.Replace(good, wire.SubprotocolJSON, "chat", 1), 400, "no_subprotocol"},
		{"a body", with("Content-Length: 3") + "abc", 400, "bad_handshake"},
		{"HTTP/1.0", strings.Replace(good, "HTTP/1.1", "HTTP/1.0", 1), 400, "bad_handshake"},
		{"no Host", without("Host"), 400, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp := exchange(t, w.Addr, c.request)
			defer resp.Body.Close()
			if resp.StatusCode != c.status {
				t.Fatalf("status %d, want %d", resp.StatusCode, c.status)
			}
			if c.code == "" {
				return
			}
			var problem struct{ Code, Kind, Title string }
			if err := json.NewDecoder(resp.Body).Decode(&problem); err != nil || problem.Code != c.code || problem.Title == "" {
				t.Errorf("answered %+v, %v", problem, err)
			}
			if c.status == http.StatusUpgradeRequired && (resp.Header.Get("Upgrade") != "websocket" || resp.Header.Get("Connection") != "Upgrade") {
				t.Errorf("what to upgrade to is not named: %v", resp.Header)
			}
			if c.status == http.StatusUpgradeRequired && strings.Contains(c.name, "version") && resp.Header.Get("Sec-Websocket-Version") != "13" {
				t.Error("the version that is spoken is not named")
			}
		})
	}
}

func exchange(t *testing.T, addr, request string) *http.Response {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(sockettest.Patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}
