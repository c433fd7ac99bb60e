package sockettest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/rfc6455"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// Patience is how long a test waits for what must come.
const Patience = 20 * time.Second

// Raw is a client that sends what it is told, right or wrong.
type Raw struct {
	tb       testing.TB
	Conn     net.Conn
	reader   *bufio.Reader
	encoding wire.Encoding
}

// Handshake is a correct upgrade request.
func Handshake(host string, e wire.Encoding) string {
	return "GET /ws HTTP/1.1\r\nHost: " + host + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: " + e.String() + "\r\n\r\n"
}

// DialRaw connects, upgrades, and sends early in the same write as the request.
func DialRaw(tb testing.TB, addr string, e wire.Encoding, early []byte) *Raw {
	tb.Helper()
	conn, err := new(net.Dialer).DialContext(tb.Context(), "tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return UpgradeRaw(tb, conn, e, early)
}

// UpgradeRaw upgrades a connection that stands.
func UpgradeRaw(tb testing.TB, conn net.Conn, e wire.Encoding, early []byte) *Raw {
	tb.Helper()
	r := &Raw{tb: tb, Conn: conn, reader: bufio.NewReader(conn), encoding: e}
	if err := conn.SetDeadline(time.Now().Add(Patience)); err != nil {
		tb.Fatal(err)
	}
	r.Send(append([]byte(Handshake("test.example", e)), early...))
	resp, err := http.ReadResponse(r.reader, nil) //nolint:bodyclose // a 101 has no body
	if err != nil {
		tb.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Sec-Websocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" ||
		resp.Header.Get("Sec-Websocket-Protocol") != e.String() {
		tb.Fatalf("upgrade answered %d %v", resp.StatusCode, resp.Header)
	}
	return r
}

// Send writes bytes as they are. A server that has closed already is no failure.
func (r *Raw) Send(b []byte) { _, _ = r.Conn.Write(b) }

// Frame sends a masked frame.
func (r *Raw) Frame(op rfc6455.Opcode, fin bool, payload []byte) {
	r.Send(rfc6455.AppendMasked(nil, op, fin, [4]byte{1, 2, 3, 4}, payload))
}

// Say sends a client frame.
func (r *Raw) Say(f *wirepb.ClientFrame) {
	r.tb.Helper()
	b, err := wire.EncodeClient(r.encoding, f)
	if err != nil {
		r.tb.Fatal(err)
	}
	op := rfc6455.Binary
	if r.encoding.Text() {
		op = rfc6455.Text
	}
	r.Frame(op, true, b)
}

// Read reads one frame from the server. io.EOF means that the connection ended.
func (r *Raw) Read() (rfc6455.Opcode, []byte, error) {
	var head [2]byte
	if _, err := io.ReadFull(r.reader, head[:]); err != nil {
		return 0, nil, ended(err)
	}
	n := uint64(head[1] & 0x7F)
	if extra := map[uint64]int{126: 2, 127: 8}[n]; extra > 0 {
		var b [8]byte
		if _, err := io.ReadFull(r.reader, b[8-extra:]); err != nil {
			return 0, nil, ended(err)
		}
		n = binary.BigEndian.Uint64(b[:])
	}
	payload := make([]byte, n)
	if _, err := io.ReadFull(r.reader, payload); err != nil {
		return 0, nil, ended(err)
	}
	return rfc6455.Opcode(head[0] & 0x0F), payload, nil
}

// ended turns the ways in which a peer goes away into io.EOF.
func ended(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "reset by peer") {
		return io.EOF
	}
	return err
}

// Hear reads until a server frame comes that want accepts, answering nothing.
func (r *Raw) Hear(want func(*wirepb.ServerFrame) bool) *wirepb.ServerFrame {
	r.tb.Helper()
	for {
		op, payload, err := r.Read()
		if err != nil {
			r.tb.Fatalf("waiting for a frame: %v", err)
		}
		if op == rfc6455.Close {
			r.tb.Fatalf("closed %d %s while waiting for a frame", binary.BigEndian.Uint16(payload), payload[2:])
		}
		if op != rfc6455.Text && op != rfc6455.Binary {
			continue
		}
		f, err := wire.DecodeServer(r.encoding, payload)
		if err != nil {
			r.tb.Fatal(err)
		}
		if want(f) {
			return f
		}
	}
}

// Ended reads to the end of the connection and gives the close code, 1006 without a close frame, and the
// error frames on the way.
func (r *Raw) Ended() (code int, errs []*wirepb.Error) {
	r.tb.Helper()
	code = 1006
	for {
		op, payload, err := r.Read()
		switch {
		case errors.Is(err, io.EOF):
			return code, errs
		case err != nil:
			r.tb.Fatalf("waiting for the end: %v", err)
		case op == rfc6455.Close && len(payload) >= 2:
			code = int(binary.BigEndian.Uint16(payload))
			r.Frame(rfc6455.Close, true, payload[:2])
		case op == rfc6455.Text || op == rfc6455.Binary:
			if f, err := wire.DecodeServer(r.encoding, payload); err == nil && f.GetError() != nil {
				errs = append(errs, f.GetError())
			}
		}
	}
}
