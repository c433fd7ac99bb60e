package e2e

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/wire/wireclient"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// certificate makes one that only its own pool trusts.
func certificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	save := func(name, kind string, b []byte) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cert, key = save("cert.pem", "CERTIFICATE", der), save("key.pem", "PRIVATE KEY", secret)
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return cert, key, pool
}

// secured is a server that is reached over TLS, and a client that trusts it.
type secured struct {
	*server
	client *http.Client
}

func startSecured(t *testing.T, args ...string) secured {
	t.Helper()
	cert, key, pool := certificate(t)
	s := start(t, t.TempDir(), append([]string{"--https", "127.0.0.1:0", "--tls.cert", cert, "--tls.key", key}, args...)...)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return secured{s, &http.Client{Transport: transport}}
}

// get asks over TLS, and fails the test unless the answer comes over HTTP/2.
func (s secured) get(t *testing.T, path string) (*http.Response, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+s.addrs["https"]+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.ProtoMajor != 2 {
		t.Errorf("GET %s was answered over %s", path, res.Proto)
	}
	return res, string(body)
}

// TestHTTPSServesWhatHTTPDoes reaches pages, API, playback and sockets over TLS without a proxy.
func TestHTTPSServesWhatHTTPDoes(t *testing.T) {
	s := startSecured(t)
	st := s.streamer(t, "locked")
	t.Run("pages", func(t *testing.T) {
		res, body := s.get(t, "/")
		if res.StatusCode != http.StatusOK || !strings.Contains(body, "<html") {
			t.Errorf("%s %q", res.Status, body)
		}
	})
	t.Run("a login's cookie is for TLS only", func(t *testing.T) {
		in, _ := json.Marshal(map[string]any{"handle": "locked", "password": password, "cookie": true})
		res, err := s.client.Post("https://"+s.addrs["https"]+"/v1/auth/login", "application/json", bytes.NewReader(in))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if cookies := res.Cookies(); res.StatusCode != http.StatusOK || len(cookies) != 1 || !cookies[0].Secure {
			t.Errorf("%s %v", res.Status, cookies)
		}
	})
	t.Run("no such broadcast", func(t *testing.T) {
		res, body := s.get(t, "/live/nobody/index.m3u8")
		if res.StatusCode != http.StatusNotFound || res.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s", res.Status, body)
		}
	})
	t.Run("playback waits for what is not there yet", func(t *testing.T) { s.plays(t, st) })
	t.Run("sockets", func(t *testing.T) { s.chats(t, st) })
	if code := s.stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// plays asks for a playlist with a segment that the publisher has yet to send.
func (s secured) plays(t *testing.T, st streamer) {
	t.Helper()
	publish(t, s.rtmp(st.Key))
	await(t, "channel live", liveLimit, func() bool { return s.channel(t, st.Channel).Live })
	path := "/live/" + st.Channel + "/" + s.channel(t, st.Channel).Broadcast + "/source/index.m3u8"
	var now string
	await(t, "a playlist", liveLimit, func() bool {
		var res *http.Response
		res, now = s.get(t, path)
		return res.StatusCode == http.StatusOK
	})
	next := strings.Count(now, "#EXTINF:")
	res, then := s.get(t, fmt.Sprintf("%s?_HLS_msn=%d", path, next))
	if res.StatusCode != http.StatusOK || strings.Count(then, "#EXTINF:") <= next {
		t.Errorf("segment %d: %s\n%s", next, res.Status, then)
	}
}

// chats posts over TLS to a viewer who is there without.
func (s secured) chats(t *testing.T, st streamer) {
	t.Helper()
	heard := listen(t, s.server, st)
	conn := st.enter(t, wireclient.Config{
		URL: "wss://" + s.addrs["https"] + "/ws", HTTP: s.client, Header: http.Header{"Origin": {"https://" + s.addrs["https"]}},
	})
	if _, err := conn.Post(t.Context(), &wirepb.Post{Room: st.Room, Key: "k", Text: "sealed"}); err != nil {
		t.Fatal(err)
	}
	await(t, "the other viewer hears it", liveLimit, func() bool { return heard.count() == 1 })
}

// TestIdleConnectionsOfOneAddressOverTLS opens more connections over TLS from one address than the node has
// places: it gets its share only, and a second address is served.
func TestIdleConnectionsOfOneAddressOverTLS(t *testing.T) {
	const places = 300
	s := startSecured(t, "--limits.connections", fmt.Sprint(places))
	trusted := s.client.Transport.(*http.Transport).TLSClientConfig //nolint:forcetypeassert // startSecured made it
	dialer := func(last byte) *tls.Dialer {
		return &tls.Dialer{NetDialer: &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, last)}, Timeout: 5 * time.Second}, Config: trusted}
	}
	open := 0
	for range places {
		conn, err := dialer(96).DialContext(t.Context(), "tcp", s.addrs["https"])
		if err != nil {
			continue // closed before it could shake hands
		}
		open++
		t.Cleanup(func() { _ = conn.Close() })
	}
	if open == 0 || open > places/3 {
		t.Errorf("one address holds %d of %d places", open, places)
	}
	client := &http.Client{Transport: &http.Transport{DialTLSContext: dialer(95).DialContext, DisableKeepAlives: true}}
	for i := range 20 {
		res, err := client.Get("https://" + s.addrs["https"] + "/v1/channels?live=true")
		if err != nil {
			t.Fatalf("request %d of a second address: %v", i, err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("request %d of a second address: %s", i, res.Status)
		}
	}
}
