package edge

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// TestNobodyHoldsAConnectionByDoingNothing sends requests that stop in the middle, and reads no answer.
func TestNobodyHoldsAConnectionByDoingNothing(t *testing.T) {
	big := strings.Repeat("x", 32<<20) // more than the sockets hold
	mux := http.NewServeMux()
	mux.HandleFunc("/small", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "small") })
	mux.HandleFunc("/read", func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	written := make(chan struct{})
	mux.HandleFunc("/big", func(w http.ResponseWriter, _ *http.Request) {
		defer close(written)
		_, _ = io.WriteString(w, big)
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		select { // as long as a player waits for a part, and longer than the body may take
		case <-time.After(600 * time.Millisecond):
			_, _ = io.WriteString(w, "part")
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("/own", func(w http.ResponseWriter, _ *http.Request) { // as playback does
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		_, _ = io.WriteString(w, "own")
	})
	server := httptest.NewServer(hurry(mux, 200*time.Millisecond, 5*time.Second))
	defer server.Close()
	send := func(t *testing.T, request string) net.Conn {
		t.Helper()
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		return conn
	}
	for name, request := range map[string]string{
		"a body nobody reads":  "POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
		"a body that is read":  "POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nbegun",
		"chunks that stop":     "POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbeg",
		"a GET with a body":    "GET /small HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
		"after a good request": "GET /small HTTP/1.1\r\nHost: x\r\n\r\nPOST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := io.Copy(io.Discard, send(t, request)); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection stays open")
			}
		})
	}
	t.Run("an answer nobody reads", func(t *testing.T) {
		conn := send(t, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
		<-written // the server has given up, or has written all into the sockets
		if n, err := io.Copy(io.Discard, conn); n >= int64(len(big)) || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d bytes, %v: the answer waited", n, err)
		}
	})
	t.Run("who waits for an answer gets it, and the next, behind the deadline of another on the connection", func(t *testing.T) {
		for _, path := range []string{"/own", "/slow", "/slow", "/own"} {
			res, err := server.Client().Get(server.URL + path)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if len(body) == 0 || err != nil {
				t.Errorf("%s: got %q, %v", path, body, err)
			}
		}
	})
}
